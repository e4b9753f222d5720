"""What `causeway up` and `destroy` do with a dry run that was stopped, without an engine."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from rich.console import Console

from causeway.cli import stack_commands
from causeway.cli.stack_commands import Session
from causeway.fleet.load import LoadedFleet
from causeway.stacks.model import Change, Operation, Result, StackReport, exit_status
from causeway.stacks.run import Options, StackTask
from causeway.stacks.workspace import Workspace

TASKS = (StackTask("f.a"), StackTask("f.b"), StackTask("f.c"))


class Runs:
    """Stands in for `causeway.stacks.run.Runs`: the second stack's run is where the signal comes."""

    asked: list[tuple[Operation, str]]
    sends: signal.Signals | None

    def __init__(self, workspace: Workspace, options: Options, watcher: object, folder: Path) -> None:
        del workspace, watcher, folder
        self.options, self.stopping = options, 0

    def stop(self) -> None:
        self.stopping += 1

    def run(self, tasks: Sequence[StackTask]) -> tuple[StackReport, ...]:
        return tuple(self._one(task) for task in tasks)

    def _one(self, task: StackTask) -> StackReport:
        type(self).asked.append((self.options.operation, task.name))
        if self.stopping:
            result = Result.SKIPPED
        elif self.options.only_looks:
            result = Result.CHANGES
        else:
            result = Result.DONE
        if task.name == "f.b" and self.options.only_looks and self.sends is not None:
            os.kill(os.getpid(), self.sends)
        changes = (Change("Baseline", "pool", "update"),) if result is not Result.SKIPPED else ()
        return StackReport(
            task.name, self.options.operation, result, changes=changes, only_looked=self.options.only_looks
        )


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Session:
    monkeypatch.setattr(Runs, "asked", [], raising=False)
    monkeypatch.setattr(stack_commands, "Runs", Runs)
    workspace = Workspace(tmp_path, {}, tmp_path, sandbox=True)
    return Session(cast("LoadedFleet", None), workspace, tmp_path, Console())


def carried_out(session: Session, operation: Operation) -> tuple[tuple[StackReport, ...], list[Any]]:
    """A dry run and what follows it, as the commands do with `--yes`; who was asked."""
    asked: list[Any] = []
    dry = Options(Operation.PREVIEW) if operation is Operation.UP else Options(Operation.DESTROY, dry=True)
    shown = session.run(TASKS, dry)
    return session.carry_out(shown, TASKS, Options(operation), ask=asked.append), asked


@pytest.mark.parametrize("operation", [Operation.UP, Operation.DESTROY])
@pytest.mark.parametrize("sends", [signal.SIGINT, signal.SIGTERM])
def test_a_dry_run_that_was_stopped_is_followed_by_nothing_and_ends_with_4(
    session: Session, monkeypatch: pytest.MonkeyPatch, operation: Operation, sends: signal.Signals
) -> None:
    monkeypatch.setattr(Runs, "sends", sends, raising=False)
    reports, asked = carried_out(session, operation)
    assert asked == []
    assert len(Runs.asked) == 3, "no stack was worked on after the dry run"
    assert [each.result for each in reports] == [Result.SKIPPED] * 3
    assert reports[0].changes, "what would change is still shown"
    assert "nothing was changed" in reports[0].reason
    assert exit_status(reports) == 4


def test_a_dry_run_that_came_to_its_end_is_followed_by_the_changes(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Runs, "sends", None, raising=False)
    reports, asked = carried_out(session, Operation.UP)
    assert asked == [frozenset({"f.a", "f.b", "f.c"})]
    assert [each.result for each in reports] == [Result.DONE] * 3
    assert exit_status(reports) == 0
