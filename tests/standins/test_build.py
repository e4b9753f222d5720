"""The package files: complete, the same bytes each time, accepted by Debian's tools, recognisable as stand-ins."""

from __future__ import annotations

import ast
import io
import re
import shutil
import subprocess
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from causeway.sandbox import standins
from causeway.sandbox.standins import Artifact
from tests.standins.conftest import RELEASE, member

HERE = Path(standins.__file__).parent
NEEDS_DPKG = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb is not on this machine")


def test_two_builds_have_the_same_bytes(built: dict[str, Artifact], tmp_path: Path) -> None:
    again = {a.path.name: a.sha256 for a in standins.build(tmp_path / "again", RELEASE, machine="x86_64")}
    assert again == {name: artifact.sha256 for name, artifact in built.items()}
    assert len(again) > 100


def test_a_second_build_into_the_same_folder_writes_nothing(tmp_path: Path) -> None:
    first = standins.build(tmp_path / "out", RELEASE)
    stamps = {artifact.path: artifact.path.stat().st_mtime_ns for artifact in first}
    assert standins.build(tmp_path / "out", RELEASE) == first
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps


def test_builds_share_a_cache_even_at_the_same_time(tmp_path: Path) -> None:
    def build(number: int) -> list[Artifact]:
        return standins.build(tmp_path / f"out{number}", RELEASE, cache=tmp_path / "cache")

    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(build, range(3)))
    assert len({tuple(artifact.sha256 for artifact in result) for result in results}) == 1
    assert all(artifact.path.is_file() for result in results for artifact in result)
    assert len(list((tmp_path / "cache" / "standins").iterdir())) == 1


def test_another_kernel_makes_another_build_and_replaces_the_old_one(tmp_path: Path) -> None:
    standins.build(tmp_path / "out", "6.1.0-1-amd64")
    (tmp_path / "out" / "debian" / "stray.deb").write_text("from an older build")
    standins.build(tmp_path / "out", "6.1.0-2-amd64")
    assert not (tmp_path / "out" / "debian" / "stray.deb").exists()


def test_the_repository_key_adds_the_keyring_package(tmp_path: Path, built: dict[str, Artifact]) -> None:
    with_key = standins.build(tmp_path / "out", RELEASE, machine="x86_64", blobs={"vendor_key": b"key"})
    assert {a.path.name for a in with_key} - set(built) == {"cuda-keyring_1.1-1_all.deb"}


def test_every_version_that_upgrades_and_downgrades_need_is_there(built: dict[str, Artifact]) -> None:
    versions: dict[str, set[str]] = {}
    for artifact in built.values():
        versions.setdefault(artifact.name, set()).add(artifact.version)
    assert versions["nvidia-open"] == {"570.133.20-1", "580.95.05-1", "580.105.08-1", "595.91.07-1"}
    assert versions["nvidia-container-toolkit"] == {"1.17.8-1", "1.20.0-1"}
    assert versions["Ascend-hdk-910b-npu-driver"] == {"25.2.0", "25.5.0", "25.5.2"}
    assert versions["Ascend-hdk-910b-npu-firmware"] == {"7.7.0.6.236", "7.8.0.5.216", "7.8.0.7.220"}
    assert versions["Ascend-cann-toolkit"] == {"8.2.RC1", "8.5.0", "8.5.1"}
    assert {"5.10.31", "6.2.29"} <= versions["cambricon-mlu-driver-debian12-dkms"]
    assert {"3.10.2-1.debian12", "4.6.2-1.debian12"} <= versions["cntoolkit"]


def control(artifact: Artifact) -> str:
    with tarfile.open(fileobj=io.BytesIO(member(artifact.path, "control.tar.gz"))) as tar:
        file = tar.extractfile("./control")
        assert file is not None
        return file.read().decode()


def test_every_package_says_what_it_is(built: dict[str, Artifact]) -> None:
    texts = [control(artifact) for artifact in built.values() if artifact.kind == "deb"]
    assert len(texts) > 100
    assert [text for text in texts if "not the vendor's software" not in text] == []


@NEEDS_DPKG
def test_debians_own_tool_reads_a_package_of_each_kind(built: dict[str, Artifact]) -> None:
    kinds = {(artifact.repo, artifact.arch): artifact for artifact in built.values() if artifact.kind == "deb"}
    assert len(kinds) == 5
    for artifact in kinds.values():
        listed = subprocess.run(["dpkg-deb", "-c", artifact.path], capture_output=True, text=True, check=True).stdout
        assert listed
        assert all(line.split()[1] == "root/root" for line in listed.splitlines()), artifact.path.name
        shown = subprocess.run(["dpkg-deb", "-f", artifact.path], capture_output=True, text=True, check=True).stdout
        assert shown == control(artifact)


def test_exact_dependencies_are_met_by_packages_of_the_same_repository(built: dict[str, Artifact]) -> None:
    offered = {(artifact.name, artifact.version) for artifact in built.values()}
    wanted = []
    for artifact in built.values():
        if artifact.kind == "deb":
            depends = re.findall(r"^Depends: (.*)$", control(artifact), re.MULTILINE)
            wanted += re.findall(r"(\S+) \(= ([^)]+)\)", "".join(depends))
    assert len(wanted) > 50
    assert [need for need in wanted if need not in offered] == []


def _run(file: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([file, *options], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def test_a_run_file_checks_itself(built: dict[str, Artifact]) -> None:
    done = _run(built["Ascend-hdk-910b-npu-driver_25.5.0_linux-x86-64.run"].path, "--check")
    assert done.returncode == 0
    assert "SHA256 checksums are OK" in done.stdout


@pytest.mark.parametrize("damage", ["flipped", "cut short"])
@pytest.mark.parametrize("option", ["--check", "--full"])
def test_a_damaged_run_file_refuses_everything(
    built: dict[str, Artifact], tmp_path: Path, damage: str, option: str
) -> None:
    data = bytearray(built["Ascend-hdk-910b-npu-firmware_7.8.0.5.216.run"].path.read_bytes())
    data[-20] ^= 0xFF
    bad = tmp_path / "bad.run"
    bad.write_bytes(data if damage == "flipped" else data[:-20])
    bad.chmod(0o755)
    done = _run(bad, option)
    assert done.returncode == 2
    assert "checksums" in done.stderr


def test_a_run_file_touches_no_machine_that_is_not_a_sandbox_host(built: dict[str, Artifact]) -> None:
    assert not Path("/usr/lib/causeway-sandbox/bin/ascend-install").exists(), "this machine is a sandbox host"
    done = _run(built["Ascend-cann-toolkit_8.5.0_linux-x86_64.run"].path, "--install", "--quiet")
    assert done.returncode == 1
    assert "hosts of the Causeway sandbox only" in done.stderr


def test_what_runs_on_hosts_imports_nothing_but_the_standard_library() -> None:
    files = list((HERE / "inhost").rglob("*.py"))
    assert len(files) > 20
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                roots = {name.name.partition(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                roots = {str(node.module).partition(".")[0]}
            else:
                continue
            assert roots <= sys.stdlib_module_names, f"{file.name} imports {roots}"


def test_the_list_of_faults_is_the_list_that_the_code_asks_for() -> None:
    asked = set()
    for file in (HERE / "inhost").rglob("*.py"):
        asked |= set(re.findall(r'(?:\.on|\.devices|\.seconds)\(\s*"([a-z_]+)"', file.read_text()))
    asked |= set(re.findall(r"bin/fault\" ([a-z_]+)", (HERE / "data/templates/ascend/header.sh").read_text()))
    assert asked == {fault.name for fault in standins.faults()}


def test_the_documentation_names_every_fault() -> None:
    text = (Path(__file__).parents[2] / "docs/sandbox/stand-ins.md").read_text()
    assert [fault.name for fault in standins.faults() if f"`{fault.name}" not in text] == []


def test_no_template_lies_unused() -> None:
    listed = "".join(file.read_text() for file in (HERE / "data").glob("*.yaml"))
    listed += (HERE / "recipe.py").read_text()
    templates = [file for file in (HERE / "data/templates").rglob("*") if file.is_file()]
    assert templates
    names = [str(file.relative_to(HERE / "data/templates")) for file in templates]
    assert [name for name in names if name not in listed] == []


def test_the_lists_are_valid_yaml_without_a_key_twice() -> None:
    for file in (HERE / "data").glob("*.yaml"):
        for node in _mappings(yaml.compose(file.read_text(), Loader=yaml.SafeLoader)):
            keys = [key.value for key, _ in node.value]
            assert len(keys) == len(set(keys)), f"{file.name}: {keys}"


def _mappings(node: yaml.Node | None) -> list[yaml.MappingNode]:
    if isinstance(node, yaml.MappingNode):
        return [node, *(each for pair in node.value for child in pair for each in _mappings(child))]
    if isinstance(node, yaml.SequenceNode):
        return [each for child in node.value for each in _mappings(child)]
    return []
