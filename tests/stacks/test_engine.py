"""Stacks of a small program under the real engine: secrets, Ctrl-C, and what is left when we are killed."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from causeway.errors import Permanent
from causeway.stacks.engine import Engine, found
from causeway.stacks.locks import locks_of
from causeway.stacks.model import Operation, Result, StackReport
from causeway.stacks.places import Place
from causeway.stacks.run import AT_ONCE, AT_SAFE_POINT, Options, Runs, StackTask, Watcher, folder_of_runs
from causeway.stacks.workspace import HMAC_KEY, Workspace

pytestmark = pytest.mark.tools
PLANTED = "planted-7f3a9c"
STACK = "fleet.north"


def until(holds: Callable[[], object], seconds: float = 30.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.1)
    return bool(holds())


def alive(pid: int) -> bool:
    """Whether a process runs; one that ended may wait for an init that is slow to take note."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A project whose program sleeps for SLEEP seconds and marks that it runs."""
    monkeypatch.setenv("PATH", f"{Path(sys.prefix) / 'bin'}{os.pathsep}{os.environ['PATH']}")
    for name in ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"):
        monkeypatch.delenv(name, raising=False)
    project = tmp_path / "project"
    project.mkdir()
    (project / "Pulumi.yaml").write_text("name: causeway\nruntime: python\n")
    (project / "__main__.py").write_text(
        textwrap.dedent(f"""
        import os, pathlib, time
        pathlib.Path({str(tmp_path / "runs")!r}).write_text(str(os.getpid()))
        time.sleep(float(os.environ.get("SLEEP", "0")))
        """)
    )
    (tmp_path / "state").mkdir()
    variables = {
        "PULUMI_BACKEND_URL": (tmp_path / "state").as_uri(),
        "PULUMI_HOME": str(tmp_path / "pulumi"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }
    return Workspace(project, variables, tmp_path / ".causeway", sandbox=True).with_passphrase()


def runs(workspace: Workspace, operation: Operation = Operation.UP) -> Runs:
    folder = folder_of_runs(workspace.home, datetime.now(UTC))
    return Runs(workspace, Options(operation), Watcher(), folder)


@pytest.fixture
def command_lines() -> Iterator[list[str]]:
    """The command lines of every process that is seen meanwhile."""
    seen: set[str] = set()
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.01):
            for folder in Path("/proc").iterdir():
                if folder.name.isdigit():
                    try:
                        seen.add((folder / "cmdline").read_text(errors="replace").replace("\0", " "))
                    except OSError:
                        continue

    thread = threading.Thread(target=look)
    thread.start()
    found: list[str] = []
    yield found
    over.set()
    thread.join()
    assert any("config set" in line for line in seen), "the commands ran while nobody looked"
    found.extend(sorted(seen))
    assert not [line for line in found if PLANTED in line]


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("", "not found beside this Python or on PATH"),
        ("#!/bin/sh\necho v2.0.0\n", "minimum CLI version requirement"),
        ("#!/bin/sh\nexit 1\n", "returned non-zero exit status 1"),
        ("\x7fELF of another machine", "Exec format error"),
    ],
)
def test_a_missing_or_unfit_engine_is_said_with_what_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, said: str
) -> None:
    if program:
        (tmp_path / "pulumi").write_text(program)
        (tmp_path / "pulumi").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    found.cache_clear()
    with pytest.raises(Permanent, match=said) as caught:
        Engine()
    assert (caught.value.code, caught.value.subject) == ("tool-missing", "pulumi")
    assert "make tools" in str(caught.value)


def test_a_secret_is_set_once_encrypted_and_never_on_a_command_line(
    workspace: Workspace, command_lines: list[str]
) -> None:
    task = StackTask(STACK, {"causeway:asOf": "2026-11-22"}, {HMAC_KEY: lambda: PLANTED}, create=True)
    (report,) = runs(workspace).run([task])
    assert report.result is Result.UNCHANGED, report
    settings = (workspace.folder / f"Pulumi.{STACK}.yaml").read_text()
    content = yaml.safe_load(settings)["config"]
    assert content["causeway:asOf"] == "2026-11-22"
    assert set(content[HMAC_KEY]) == {"secure"}
    assert PLANTED not in settings
    logs = "".join(file.read_text() for file in workspace.home.rglob("*.log"))
    assert "Resources:" in logs, "the engine's output is kept"
    assert PLANTED not in logs
    (again,) = runs(workspace).run([StackTask(STACK, {}, {HMAC_KEY: lambda: pytest.fail("it is set already")})])
    assert again.result is Result.UNCHANGED


@pytest.mark.parametrize("day", ["2026-11-22", "2026-12-01"], ids=["settings as wanted", "settings to change"])
def test_a_wrong_passphrase_is_named_whichever_command_meets_it(workspace: Workspace, tmp_path: Path, day: str) -> None:
    hidden = {HMAC_KEY: lambda: PLANTED}
    (made,) = runs(workspace).run([StackTask(STACK, {"causeway:asOf": "2026-11-22"}, hidden, create=True)])
    assert made.result is Result.UNCHANGED, made
    other = tmp_path / "other"
    other.write_text("not the one")
    wrong = workspace.with_variables({"PULUMI_CONFIG_PASSPHRASE_FILE": str(other)})
    (report,) = runs(wrong, Operation.PREVIEW).run([StackTask(STACK, {"causeway:asOf": day}, hidden)])
    assert report.result is Result.FAILED
    assert "the state's secrets cannot be read: " in report.reason, report
    assert "PULUMI_CONFIG_PASSPHRASE_FILE to the one it was made with" in report.reason


def test_the_passphrase_is_made_for_the_sandbox_alone_and_read_by_its_owner_alone(workspace: Workspace) -> None:
    file = workspace.home / "passphrase"
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(file.read_text().strip()) > 30
    assert workspace.with_passphrase().variables == workspace.variables


def test_a_site_s_own_backend_keeps_the_state_of_its_stacks_alone(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "johor").mkdir()
    own = Place((tmp_path / "johor").as_uri(), "passphrase")
    south = StackTask("fleet.south", {}, {HMAC_KEY: lambda: PLANTED}, create=True, place=own)
    reports = runs(workspace).run([StackTask(STACK, create=True), south])
    assert [each.result for each in reports] == [Result.UNCHANGED] * 2, reports
    assert workspace.existing() == {STACK}
    assert workspace.at(own).existing() == {"fleet.south"}
    (again,) = runs(workspace, Operation.PREVIEW).run([replace(south, create=False)])
    assert again.result is Result.UNCHANGED, again
    (elsewhere,) = runs(workspace, Operation.PREVIEW).run([replace(south, create=False, place=Place())])
    assert elsewhere.result is Result.FAILED, "the project's own backend has no such stack"


def test_a_stop_ends_the_run_at_a_safe_point_and_leaves_no_lock(workspace: Workspace, tmp_path: Path) -> None:
    slow = workspace.with_variables({"SLEEP": "60"})
    made = runs(slow)
    ended: list[StackReport] = []
    thread = threading.Thread(target=lambda: ended.extend(made.run([StackTask(STACK, create=True)])))
    thread.start()
    assert until((tmp_path / "runs").is_file)
    made.stop()
    thread.join(30)
    assert [(each.result, each.reason) for each in ended] == [(Result.CANCELLED, AT_SAFE_POINT)]
    assert locks_of(tmp_path / "state", "causeway", STACK) == ()


def test_a_second_stop_says_that_no_safe_point_was_waited_for(workspace: Workspace, tmp_path: Path) -> None:
    made = runs(workspace.with_variables({"SLEEP": "60"}))
    ended: list[StackReport] = []
    thread = threading.Thread(target=lambda: ended.extend(made.run([StackTask(STACK, create=True)])))
    thread.start()
    assert until((tmp_path / "runs").is_file)
    made.stop()
    made.stop()
    thread.join(30)
    (report,) = ended
    assert report.result is Result.CANCELLED
    assert report.reason == AT_ONCE
    assert "safe point" not in report.reason


def test_an_operation_that_a_killed_run_left_is_looked_after_once(workspace: Workspace, tmp_path: Path) -> None:
    (made,) = runs(workspace).run([StackTask(STACK, create=True)])
    assert made.result is Result.UNCHANGED, made
    state = tmp_path / "state" / ".pulumi" / "stacks" / "causeway" / f"{STACK}.json"
    content = json.loads(state.read_text())
    latest = content["checkpoint"]["latest"]
    latest["pending_operations"] = [{"resource": latest["resources"][0], "type": "updating"}]
    state.write_text(json.dumps(content))
    assert workspace.pending(STACK, Engine()) == (f"causeway-{STACK}",)
    (shown,) = runs(workspace, Operation.PREVIEW).run([StackTask(STACK)])
    assert shown.result is Result.CHANGES, "up has to be run, although nothing is declared otherwise"
    assert f"pending in the state: causeway-{STACK}" in shown.told[0].text
    (done,) = runs(workspace).run([StackTask(STACK, unfinished=shown.unfinished)])
    assert done.result is Result.UNCHANGED, done
    assert workspace.pending(STACK, Engine()) == ()
    (after,) = runs(workspace, Operation.PREVIEW).run([StackTask(STACK)])
    assert (after.result, after.told) == (Result.UNCHANGED, ())


def test_a_state_that_is_in_no_folder_is_asked_of_the_engine(workspace: Workspace, tmp_path: Path) -> None:
    Engine().run(["stack", "init", STACK], str(workspace.folder), workspace.variables)
    state = tmp_path / "state" / ".pulumi" / "stacks" / "causeway" / f"{STACK}.json"
    state.with_suffix(".json.gz").write_bytes(gzip.compress(state.read_bytes()))
    state.unlink()
    assert workspace.pending(STACK, Engine()) == ()


def test_what_we_started_ends_when_we_are_killed(workspace: Workspace, tmp_path: Path) -> None:
    Engine().run(["stack", "init", STACK], str(workspace.folder), workspace.variables)
    program = (
        "import sys; from causeway.stacks.engine import Engine; "
        "Engine().run(['up', '--yes', '--skip-preview', '--stack', sys.argv[1]], sys.argv[2], {})"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program, STACK, workspace.folder],
        env={**os.environ, **workspace.variables, "SLEEP": "60"},
    )
    assert until((tmp_path / "runs").is_file)
    ours = int((tmp_path / "runs").read_text())
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert until(lambda: not alive(ours)), "the program outlived us"
    assert until(lambda: locks_of(tmp_path / "state", "causeway", STACK) == ())
    (report,) = runs(workspace).run([StackTask(STACK)])
    assert report.result is Result.UNCHANGED, report
