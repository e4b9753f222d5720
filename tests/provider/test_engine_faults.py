"""Ctrl-C and killed processes under the real engine: no host is lost, and the next run does only the rest."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from causeway.stacks.model import Operation, Result, StackReport
from causeway.stacks.run import ASKED, ASKING, NOT_ASKED, Options, Runs, StackTask, Watcher
from causeway.stacks.unfinished import open_pools, pending
from causeway.stacks.workspace import Workspace
from tests.provider.engine import Project, fake_plugin

pytestmark = pytest.mark.tools
PROGRAM = """\
import pulumi
from causeway.program import Baseline

Baseline("north/h20", fleet="f", cluster="north", pool="h20", hosts=["gpu-[01:08]"], variables={"a__b": 1})
"""
PATIENCE_S = 120


class Slow:
    """A stack with one pool whose hosts take their time."""

    def __init__(self, folder: Path) -> None:
        self.world = folder / "world"
        self.world.mkdir()
        environ = {"CAUSEWAY_TEST_WORLD": str(self.world)}
        self.project = Project(folder / "project", "dev", "slow", environ, fake_plugin(folder / "plugin"))
        self.project.write(PROGRAM)
        self.project.opened()

    def takes(self, seconds: float, look: float = 0) -> None:
        (self.world / "faults.json").write_text(json.dumps({"seconds": seconds, "look": look}))

    def notes(self) -> list[dict[str, Any]]:
        file = self.world / "runs.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def begun(self, hosts: int = 2) -> subprocess.Popen[bytes]:
        """An `up` that has done some hosts and is at work on the others."""
        command = [str(Path(sys.prefix) / "bin/pulumi"), "up", "--yes", "--skip-preview", "--non-interactive"]
        process = subprocess.Popen(
            [*command, "--stack", "dev"],
            cwd=self.project.folder,
            env={**os.environ, **self.project.variables},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + PATIENCE_S
        while sum("done" in note for note in self.notes()) < hosts:
            assert process.poll() is None, "the run ended too early"
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return process

    def states(self) -> dict[str, str]:
        found = self.project.state().get("north/h20", {}).get("outputs", {}).get("state", {})
        return dict(found)


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Slow:
    made = Slow(tmp_path)
    monkeypatch.setenv("PATH", made.project.variables["PATH"])  # by which `Runs` finds the engine
    made.takes(0.5)
    return made


def gone(pid: int) -> bool:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


def test_an_interrupt_keeps_what_is_done_and_the_next_run_does_the_rest(slow: Slow) -> None:
    process = slow.begun()
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE_S) != 0
    states = slow.states()
    done = {name for name, state in states.items() if state.startswith("ok ")}
    left = {name for name, state in states.items() if state == "pending"}
    assert len(states) == 8
    assert done | left == set(states)
    assert done
    assert left
    assert gone(slow.notes()[0]["pid"])
    slow.takes(0)
    slow.project.pulumi("up", "--yes", "--skip-preview")
    assert set(slow.notes()[-1 - len(left)]["hosts"]) == left
    assert all(state.startswith("ok ") for state in slow.states().values())


def test_a_killed_provider_loses_nothing_that_the_next_run_does_not_find(slow: Slow) -> None:
    process = slow.begun()
    os.kill(slow.notes()[0]["pid"], signal.SIGKILL)
    assert process.wait(PATIENCE_S) != 0
    slow.takes(0)
    slow.project.pulumi("up", "--yes", "--skip-preview")
    assert all(state.startswith("ok ") for state in slow.states().values())
    assert len(slow.states()) == 8


def test_a_killed_engine_leaves_a_trace_in_the_state_until_the_hosts_were_asked(slow: Slow) -> None:
    slow.takes(0)
    slow.project.pulumi("up", "--yes", "--skip-preview")
    slow.takes(0.5)
    slow.project.write(PROGRAM.replace('"a__b": 1', '"a__b": 2'))
    process = slow.begun(sum("done" in note for note in slow.notes()) + 2)
    process.kill()
    process.wait(PATIENCE_S)
    assert gone([note for note in slow.notes() if "pid" in note][-1]["pid"])
    state = slow.project.folder / "state/.pulumi/stacks/slow/dev.json"
    assert pending(json.loads(state.read_text())["checkpoint"]["latest"]) == ("north/h20",)
    slow.takes(0)
    slow.project.run("cancel", "--yes", "--stack", "dev")
    slow.project.pulumi("up", "--yes", "--skip-preview", "--refresh")
    assert pending(json.loads(state.read_text())["checkpoint"]["latest"]) == ()
    assert all(state.startswith("ok ") for state in slow.states().values())


def test_a_killed_engine_takes_the_provider_with_it_at_the_next_safe_point(slow: Slow) -> None:
    process = slow.begun()
    process.kill()
    process.wait(PATIENCE_S)
    assert gone(slow.notes()[0]["pid"])
    assert sum("done" in note for note in slow.notes()) < 8
    slow.takes(0)
    slow.project.pulumi("cancel", "--yes")
    slow.project.pulumi("up", "--yes", "--skip-preview")
    assert all(state.startswith("ok ") for state in slow.states().values())


class Asks(Watcher):
    """Keeps why hosts were asked."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def asks(self, stack: str, why: str) -> None:
        self.said.append(f"{stack}: {why}")


def runs_on(machine: str, slow: Slow, operation: Operation, watcher: Watcher | None = None) -> Runs:
    """What `causeway preview` or `up` runs on a machine that has journals of its own, and the backend of all."""
    home = slow.project.folder / machine
    variables = slow.project.variables | {"CAUSEWAY_HOME": str(home)}
    workspace = Workspace(slow.project.folder, variables, home, sandbox=False)
    return Runs(workspace, Options(operation), watcher or Watcher(), home / "logs")


def run_on(machine: str, slow: Slow, operation: Operation) -> StackReport:
    (report,) = runs_on(machine, slow, operation).run([StackTask("dev")])
    return report


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def with_killed_provider(slow: Slow, runs: Runs, look: float = 0) -> tuple[threading.Thread, list[StackReport]]:
    """A run that brings hosts to the next version, whose provider is killed after two of them.

    Args:
        look: seconds that it takes to ask the hosts.
    """
    slow.takes(0)
    slow.project.pulumi("up", "--yes", "--skip-preview")
    before = len(slow.notes())
    slow.takes(0.5, look)
    slow.project.write(PROGRAM.replace('"a__b": 1', '"a__b": 2'))
    ended: list[StackReport] = []
    thread = threading.Thread(target=lambda: ended.extend(runs.run([StackTask("dev")])))
    thread.start()
    until(lambda: sum("done" in note for note in slow.notes()[before:]) >= 2)
    os.kill(next(note["pid"] for note in slow.notes()[before:] if "pid" in note), signal.SIGKILL)
    return thread, ended


def test_a_failed_host_is_not_counted_as_verified(slow: Slow) -> None:
    for version, failing in enumerate((["gpu-08"], ["gpu-07", "gpu-08"]), 1):
        faults = dict.fromkeys(failing, "failed installer-failed: it said no")
        (slow.world / "faults.json").write_text(json.dumps(faults))
        slow.project.write(PROGRAM.replace('"a__b": 1', f'"a__b": {version}'))
        report = run_on("first", slow, Operation.UP)
        assert report.result is Result.PARTLY, report
        assert (report.standing.verified, report.standing.hosts) == (8 - len(failing), 8)


def test_after_a_killed_provider_another_machine_finds_its_hosts_though_the_declaration_was_taken_back(
    slow: Slow,
) -> None:
    asks = Asks()
    thread, ended = with_killed_provider(slow, runs_on("first", slow, Operation.UP, asks))
    thread.join(PATIENCE_S)
    (report,) = ended
    assert report.result is Result.PARTLY, report
    assert report.standing.verified == 0, "nothing is counted as proved"
    assert report.told[-1].text == ASKED.format("h20"), report.told
    assert asks.said == [f"dev: {ASKING.format('h20')}"]
    moved = {name for name, state in slow.states().items() if state.startswith("drifted: ")}
    assert moved >= {"gpu-01", "gpu-02"}
    assert len(moved) < 8
    slow.takes(0)
    slow.project.write(PROGRAM)
    assert run_on("second", slow, Operation.PREVIEW).result is Result.CHANGES
    assert run_on("second", slow, Operation.UP).result is Result.DONE
    assert set([note["hosts"] for note in slow.notes() if "hosts" in note][-1]) == moved
    assert all(state.startswith("ok ") for state in slow.states().values())
    assert run_on("second", slow, Operation.PREVIEW).result is Result.UNCHANGED


def test_ctrl_c_ends_the_asking_after_a_killed_provider_and_nothing_is_claimed(slow: Slow) -> None:
    runs = runs_on("first", slow, Operation.UP)
    thread, ended = with_killed_provider(slow, runs, look=PATIENCE_S)
    until(lambda: any("looked" in note for note in slow.notes()))
    began = time.monotonic()
    runs.stop()
    thread.join(PATIENCE_S)
    assert time.monotonic() - began < 30
    (report,) = ended
    assert report.result is Result.PARTLY, "the run had failed before anybody stopped it"
    assert report.told[-1].text == NOT_ASKED.format("h20", "stopped")
    assert open_pools(slow.project.folder / "first", "dev") == ("h20",), "the next run here still asks"


def test_hosts_are_not_asked_after_a_run_whose_hosts_failed(slow: Slow) -> None:
    slow.takes(0)
    slow.project.pulumi("up", "--yes", "--skip-preview")
    (slow.world / "faults.json").write_text(json.dumps({"gpu-03": "failed disk-full: no space"}))
    slow.project.write(PROGRAM.replace('"a__b": 1', '"a__b": 2'))
    asks = Asks()
    (report,) = runs_on("first", slow, Operation.UP, asks).run([StackTask("dev")])
    assert report.result is Result.PARTLY, report
    assert slow.states()["gpu-03"] == "failed disk-full: no space"
    assert asks.said == []
