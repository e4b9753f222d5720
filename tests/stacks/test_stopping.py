"""What is told of a stack that was asked to stop: what it may have done, and which command goes on. No engine runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from pulumi.automation import CommandResult
from pulumi.automation.errors import CommandError, create_command_error

from causeway.stacks import run as runs
from causeway.stacks.model import Operation, Result, StackReport
from causeway.stacks.run import (
    AT_ONCE,
    AT_SAFE_POINT,
    BEFORE_IT_BEGAN,
    DESTROYED_AT_ONCE,
    IN_THE_PREVIEW,
    Options,
    Runs,
    StackTask,
    Watcher,
)
from tests.stacks.test_unfinished import Workspace


def ended() -> CommandError:
    """The engine's end after it was asked to stop."""
    return create_command_error(CommandResult(stdout="", stderr="error: canceled", code=1))


def stopped(monkeypatch: pytest.MonkeyPatch, home: Path, options: Options, times: int, *, early: bool) -> StackReport:
    """The report of a stack that is stopped so often, while it works or (early) while its settings are written."""
    workspace = Workspace(home)
    made = Runs(workspace, options, Watcher(), home / "logs")  # type: ignore[arg-type] # stands in for it

    def stop(*_call: object, **_more: object) -> None:
        for _ in range(times):
            made.stop()
        raise ended()

    if early:
        monkeypatch.setattr(workspace, "configure", stop)
    monkeypatch.setattr(runs, "_perform", stop)
    (report,) = made.run([StackTask("f.north")])
    assert report.result is Result.CANCELLED
    return report


@pytest.mark.parametrize(
    ("operation", "once", "twice"),
    [
        (Operation.UP, AT_SAFE_POINT, AT_ONCE),
        (Operation.DESTROY, AT_SAFE_POINT, DESTROYED_AT_ONCE),
        (Operation.PREVIEW, IN_THE_PREVIEW, IN_THE_PREVIEW),
    ],
)
def test_a_stopped_operation_says_what_it_may_have_done_and_what_goes_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, operation: Operation, once: str, twice: str
) -> None:
    for times, told in ((1, once), (2, twice)):
        report = stopped(monkeypatch, tmp_path, Options(operation), times, early=False)
        assert report.reason == told


@pytest.mark.parametrize("operation", [Operation.UP, Operation.DESTROY])
@pytest.mark.parametrize("times", [1, 2])
def test_an_operation_that_was_stopped_before_it_began_has_changed_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, operation: Operation, times: int
) -> None:
    assert stopped(monkeypatch, tmp_path, Options(operation), times, early=True).reason == BEFORE_IT_BEGAN


@pytest.mark.parametrize("times", [1, 2])
def test_a_destruction_that_only_shows_what_it_would_do_has_changed_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, times: int
) -> None:
    options = Options(Operation.DESTROY, dry=True)
    assert stopped(monkeypatch, tmp_path, options, times, early=False).reason == IN_THE_PREVIEW


def test_only_the_words_for_up_send_people_to_up() -> None:
    assert "`causeway up`" in AT_ONCE
    for each in (DESTROYED_AT_ONCE, IN_THE_PREVIEW, BEFORE_IT_BEGAN):
        assert "causeway up" not in each
        assert "hosts may be" not in each
    assert "`causeway destroy`" in DESTROYED_AT_ONCE
