"""The wheel as another repository would install it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from causeway import assets

TOP = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--no-deps", "--no-build-isolation", "--wheel-dir", str(out), str(TOP)], check=True)
    return next(out.glob("causeway-*.whl"))


def test_the_wheel_carries_playbooks_charts_and_data_and_nothing_else_of_the_repository(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "causeway/playbooks/README.md",
        "causeway/charts/README.md",
        "causeway/py.typed",
        "causeway/toolchain/tools.yaml",
        "causeway/toolchain/programs.yaml",
    } <= names
    assert {name.split("/")[0] for name in names if not name.split("/")[0].endswith(".dist-info")} == {"causeway"}
    assert not [name for name in names if "__pycache__" in name]


def test_every_file_of_playbooks_and_charts_is_in_the_wheel(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    tracked = subprocess.run(
        ["git", "ls-files", "playbooks", "charts"], cwd=TOP, capture_output=True, text=True, check=True
    ).stdout.split()
    assert tracked
    assert {f"causeway/{name}" for name in tracked if (TOP / name).exists()} <= names


def test_an_installed_wheel_finds_its_assets_and_knows_that_it_is_no_checkout(wheel: Path, tmp_path: Path) -> None:
    """Installed beside this environment's dependencies, which stand in for the ones an index would give."""
    target = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--no-deps", "--target", str(target), str(wheel)], check=True)
    program = "from causeway import assets; print(assets.checkout(), assets.playbooks(), assets.charts())"
    environ = {**os.environ, "PYTHONPATH": str(target)}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environ, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["None", str(target / "causeway/playbooks"), str(target / "causeway/charts")]


@pytest.mark.registry
def test_pip_install_alone_gives_a_working_command(tmp_path: Path) -> None:
    """What a user does, in a fresh environment; with the pinned versions, so that no new release breaks the test."""
    venv.create(tmp_path / "env", with_pip=True)
    pins = re.findall(r"^\S+==\S+", (TOP / "requirements.txt").read_text("utf-8"), re.MULTILINE)
    (tmp_path / "constraints.txt").write_text("\n".join(pins), "utf-8")
    pip = [str(tmp_path / "env/bin/pip"), "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--constraint", str(tmp_path / "constraints.txt"), str(TOP)], check=True)
    causeway = tmp_path / "env/bin/causeway"
    printed = subprocess.run([causeway, "--version"], capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    assert printed.startswith("causeway ")
    assert subprocess.run([causeway, "--help"], capture_output=True, check=False, cwd=tmp_path).returncode == 0


def test_a_checkout_finds_its_own_playbooks_and_charts() -> None:
    assert assets.checkout() == TOP
    assert assets.playbooks() == TOP / "playbooks"
    assert assets.charts() == TOP / "charts"
