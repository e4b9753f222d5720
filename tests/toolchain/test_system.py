"""Programs of the operating system, with an apt-get that is a shell script."""

from __future__ import annotations

from pathlib import Path

import pytest

from causeway.errors import Retryable
from causeway.toolchain import system
from causeway.toolchain.manifest import Purpose, programs
from causeway.toolchain.system import absent_programs, install_command, missing_programs, provide_programs
from tests.toolchain.fakes import printing, write_program

APT = 'echo "$*" >> "$APT_JOURNAL"; [ "$APT_FAILS" = "" ] || { echo "E: $APT_FAILS"; exit 100; }'


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """An environment in which every program but debootstrap and ip is found, and so is an apt-get."""
    monkeypatch.setattr(system, "_ROOT_FOLDERS", ())
    for program in programs():
        if program.name not in {"debootstrap", "ip"}:
            printing(tmp_path / "bin" / program.name, "")
    write_program(tmp_path / "bin" / "apt-get", APT)
    return {"PATH": str(tmp_path / "bin"), "APT_JOURNAL": str(tmp_path / "journal"), "APT_FAILS": ""}


def test_what_is_missing_is_named_with_its_purpose(machine: dict[str, str]) -> None:
    assert [program.name for program in missing_programs(machine)] == ["debootstrap", "ip"]
    assert {program.purpose for program in missing_programs(machine)} == {Purpose.SANDBOX}


def test_what_is_optional_is_absent_but_not_missing(machine: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "bin" / "lspci").unlink()
    assert "lspci" in [program.name for program in absent_programs(machine)]
    assert "lspci" not in [program.name for program in missing_programs(machine)]


def test_root_gets_the_packages_installed(machine: dict[str, str]) -> None:
    said: list[str] = []
    provide_programs(machine, said.append, root=True)
    asked = Path(machine["APT_JOURNAL"]).read_text("utf-8").splitlines()
    assert asked[0].endswith(" update")
    assert " install -y --no-install-recommends " in asked[1]
    assert {"debootstrap", "iproute2"} <= set(asked[1].split())


def test_anybody_else_is_told_the_command_and_what_is_left_out(machine: dict[str, str]) -> None:
    said: list[str] = []
    provide_programs(machine, said.append, root=False)
    assert not Path(machine["APT_JOURNAL"]).exists()
    assert any("debootstrap is missing (sandbox): it makes the hosts' root file system" in line for line in said)
    assert any(line.strip().startswith("sudo apt-get install -y") and "iproute2" in line for line in said)


def test_a_failing_package_manager_is_told_with_its_own_words(machine: dict[str, str]) -> None:
    with pytest.raises(Retryable, match="Unable to locate package"):
        provide_programs({**machine, "APT_FAILS": "Unable to locate package"}, lambda _text: None, root=True)


def test_the_command_names_each_package_once() -> None:
    ssh = [program for program in programs() if program.package == "openssh-client"]
    assert len(ssh) > 1
    assert install_command(ssh, root=True) == "apt-get install -y --no-install-recommends openssh-client"
