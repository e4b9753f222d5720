"""`causeway doctor` as a process, on a machine whose PATH the test decides."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from causeway.toolchain.doctor import Check, Status, exit_status
from causeway.toolchain.manifest import Purpose, programs, tools
from tests.toolchain.fakes import printing

# A Python outside of any environment, so that the tools of this one's `bin` do not help.
RUN = "import sys; sys.prefix = sys.argv.pop(1); from causeway.cli.app import main; main()"


def doctor(prefix: Path, path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", RUN, str(prefix), "doctor", *arguments]
    environ = {**os.environ, "PATH": str(path), "NO_COLOR": "1"}
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)


def all_good(folder: Path) -> Path:
    """A folder with every tool in its built version, and every program."""
    for tool in tools():
        printing(folder / tool.name, f"v{tool.version}")
        for part in tool.companions:
            printing(folder / part.name, "")
    for program in programs():
        if not program.file:
            printing(folder / program.name, "")
    return folder


def by_name(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in document["checks"]}


def test_good_tools_and_programs_are_found_and_told(tmp_path: Path) -> None:
    done = doctor(tmp_path / "env", all_good(tmp_path / "all"), "--json")
    document = json.loads(done.stdout)
    found = by_name(document)
    # Root, kernel and disk are this machine's own: only they may stand in the way here.
    wrong = {check["name"] for check in found.values() if check["needed"] and check["status"] != "good"}
    assert not wrong & ({tool.name for tool in tools()} | {program.name for program in programs()})
    assert (done.returncode, document["ok"], document["schema"]) == (int(bool(wrong)), not wrong, "causeway/doctor/v1")
    assert {tool.name for tool in tools()} | {program.name for program in programs()} <= found.keys()
    assert found["helm"]["path"] == str(tmp_path / "all" / "helm")
    assert found["helm"]["version"] == "4.3.1"
    assert found["pulumi-language-python"]["version"] == "3.259.0", "it came with the pulumi beside it"


def test_a_missing_tool_gets_status_1_and_a_fix(tmp_path: Path) -> None:
    folder = all_good(tmp_path / "all")
    (folder / "helm").unlink()
    done = doctor(tmp_path / "env", folder, "--json")
    check = by_name(json.loads(done.stdout))["helm"]
    assert done.returncode == 1
    assert (check["status"], check["fix"]) == ("missing", "make tools")
    assert ">=4.3.0,<5 is needed" in check["detail"]


def test_what_the_same_is_done_without_is_optional(tmp_path: Path) -> None:
    folder = all_good(tmp_path / "all")
    (folder / "causeway-render").unlink()
    done = doctor(tmp_path / "env", folder, "--json")
    check = by_name(json.loads(done.stdout))["causeway-render"]
    assert (done.returncode, check["status"], check["needed"]) == (0, "missing", False)


def test_an_outdated_tool_is_told_with_its_path_and_version(tmp_path: Path) -> None:
    folder = all_good(tmp_path / "all")
    printing(folder / "etcd", "etcd Version: 3.5.9")
    done = doctor(tmp_path / "env", folder, "--json")
    check = by_name(json.loads(done.stdout))["etcd"]
    assert done.returncode == 1
    assert (check["status"], check["version"], check["path"]) == ("unfit", "3.5.9", str(folder / "etcd"))


def test_one_purpose_can_be_looked_at_alone(tmp_path: Path) -> None:
    folder = all_good(tmp_path / "all")
    (folder / "etcd").unlink()
    assert doctor(tmp_path / "env", folder, "--for", "sandbox").returncode == 1
    assert doctor(tmp_path / "env", folder, "--for", "pulumi up", "--for", "declaration").returncode == 0


def test_the_tables_name_each_purpose_what_lacks_and_what_to_do(tmp_path: Path) -> None:
    folder = all_good(tmp_path / "all")
    (folder / "helm").unlink()
    printed = doctor(tmp_path / "env", folder).stdout
    for purpose in Purpose:
        assert f"for: {purpose}" in printed
    assert re.search(r"^helm +missing", printed, re.MULTILINE)
    assert "to do: make tools" in printed
    assert "\x1b[" not in printed, "a pipe gets no colours"


@pytest.mark.parametrize(
    ("status", "needed", "expected"),
    [
        (Status.GOOD, True, 0),
        (Status.MISSING, True, 1),
        (Status.UNFIT, True, 1),
        (Status.MISSING, False, 0),
    ],
)
def test_only_what_is_needed_decides_the_exit_status(status: Status, expected: int, *, needed: bool) -> None:
    check = Check(Purpose.SANDBOX, "thing", "does something", status, needed=needed)
    assert exit_status([check]) == expected
