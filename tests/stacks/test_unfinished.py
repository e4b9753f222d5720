"""After a run that did not come to its end, hosts are asked how they are, whatever the state says. No engine runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pulumi.automation import CommandResult
from pulumi.automation.errors import CommandError, create_command_error

from causeway.cli.stack_commands import Session
from causeway.hosts.journal import journal_of
from causeway.stacks import run as runs
from causeway.stacks import workspace as workspaces
from causeway.stacks.engine import Engine
from causeway.stacks.events import Gathered
from causeway.stacks.locks import Lock
from causeway.stacks.model import Change, Operation, Result, StackReport
from causeway.stacks.run import NOT_ASKED, Options, Runs, StackTask, Watcher
from causeway.stacks.unfinished import open_pools, open_runs, pending, settle

pytestmark = pytest.mark.tools
NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
STACK = "f.north"
HOST = "urn:pulumi:f.north::causeway::causeway:index:Cluster$causeway:index:Baseline::north/h20"


def journal(home: Path, *kinds: str, pool: str = "h20", run: str = "r1") -> None:
    for kind in kinds:
        journal_of(home, STACK, pool).append(NOW, run, kind)


@pytest.mark.parametrize(
    ("kinds", "is_open"),
    [
        ((), False),
        (("begin",), True),
        (("begin", "host", "wave"), True),
        (("begin", "host", "end"), False),
        (("begin", "end", "begin", "host"), True),
        (("begin", "host", "looked"), False),
        (("begin", "forgotten"), False),
    ],
)
def test_a_rollout_that_began_and_did_not_end_is_found(
    tmp_path: Path, kinds: tuple[str, ...], *, is_open: bool
) -> None:
    journal(tmp_path, *kinds)
    journal(tmp_path, "begin", "end", pool="other")
    assert open_pools(tmp_path, STACK) == (("h20",) if is_open else ())
    settle(tmp_path, STACK, open_pools(tmp_path, STACK), NOW)
    assert open_pools(tmp_path, STACK) == ()


def test_what_was_being_created_is_created_again_and_needs_no_look() -> None:
    operations = [{"type": "creating", "resource": {"urn": HOST}}, {"type": "updating", "resource": {"urn": HOST}}]
    assert pending({"pending_operations": operations}) == ("north/h20",)
    assert pending({"pending_operations": operations[:1]}) == ()
    assert pending({}) == ()


@dataclass
class Workspace:
    """Stands in for `causeway.stacks.workspace.Workspace`, with what a killed run left in its backend."""

    home: Path
    lock: bool = False
    resources: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)
    fails: str = ""
    asked: list[str | None] = field(default_factory=list)

    def refresh(self, stack: str, engine: object) -> None:
        del stack, engine
        self.asked.append(self.variables.get("CAUSEWAY_DRIFT"))
        if self.fails:
            raise create_command_error(CommandResult(stdout="", stderr=self.fails, code=1))

    def why(self, stack: str, error: Exception) -> str:
        del stack
        return str(error)

    def break_stale_locks(self, stack: str) -> tuple[Lock, ...]:
        del stack
        broken, self.lock = self.lock, False
        return (Lock(self.home, 1, "ann", "here", "then"),) if broken else ()

    def pending(self, stack: str, engine: object) -> tuple[str, ...]:
        del stack, engine
        return self.resources

    def deployment(self, stack: str, engine: object) -> Mapping[str, Any]:
        del stack, engine
        return {}

    def at(self, place: object) -> Workspace:
        del place
        return self

    def with_passphrase(self) -> Workspace:
        return self

    def with_variables(self, more: Mapping[str, str]) -> Workspace:
        self.variables = dict(more)
        return self

    def open(self, name: str, engine: object, *, create: bool) -> None:
        del name, engine, create

    def configure(self, *settings: Any) -> None:
        del settings


@dataclass
class World:
    """A stack of which the engine always says that nothing differs."""

    workspace: Any
    refreshed: list[tuple[Operation, bool, str | None]] = field(default_factory=list)

    def perform(self, stack: object, options: Options, gathered: object, *, refresh: bool) -> None:
        del stack, gathered
        self.refreshed.append((options.operation, refresh, self.workspace.variables.get("CAUSEWAY_DRIFT")))

    def run(self, operation: Operation, task: StackTask | None = None) -> StackReport:
        made = Runs(self.workspace, Options(operation), Watcher(), self.workspace.home / "logs")
        (report,) = made.run([task or StackTask(STACK)])
        return report

    def up(self) -> tuple[StackReport, ...]:
        """What `causeway up --yes` does."""
        (shown,) = [self.run(Operation.PREVIEW)]
        made = Session.__new__(Session)
        object.__setattr__(made, "run", lambda tasks, options: tuple(self.run(options.operation, t) for t in tasks))
        return Session.carry_out(made, [shown], [StackTask(STACK)], Options(Operation.UP), ask=lambda _names: None)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.delenv("CAUSEWAY_DRIFT", raising=False)
    made = World(Workspace(tmp_path))
    monkeypatch.setattr(runs, "_perform", made.perform)
    return made


def leave_lock(world: World) -> None:
    world.workspace.lock = True


def leave_operation(world: World) -> None:
    world.workspace.resources = ("north/h20",)


def leave_journal(world: World) -> None:
    journal(world.workspace.home, "begin", "host")


ASKED = [(Operation.PREVIEW, True, "facts"), (Operation.UP, True, "facts")]


@pytest.mark.parametrize("leaves", [leave_lock, leave_operation, leave_journal])
def test_each_trace_of_a_run_that_did_not_end_makes_up_ask_the_hosts(world: World, leaves: Any) -> None:
    leaves(world)
    (report,) = world.up()
    assert world.refreshed == ASKED
    assert report.operation is Operation.UP
    assert any("did not come to its end" in told.text for told in report.told)


def test_a_level_that_asks_nobody_is_not_kept_then(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for level, used in (("none", "facts"), ("check", "check")):
        monkeypatch.setenv("CAUSEWAY_DRIFT", level)
        leave_operation(world)
        world.run(Operation.UP)
        assert world.refreshed.pop() == (Operation.UP, True, used)


def test_without_a_trace_nobody_is_asked(world: World) -> None:
    journal(world.workspace.home, "begin", "host", "end")
    (report,) = world.up()
    assert world.refreshed == [(Operation.PREVIEW, False, None)]
    assert (report.result, report.told) == (Result.UNCHANGED, ())


def test_hosts_that_were_asked_are_not_asked_again(world: World) -> None:
    leave_journal(world)
    world.up()
    assert world.refreshed == ASKED
    world.up()
    assert world.refreshed[2:] == [(Operation.PREVIEW, False, None)]


def test_a_preview_alone_settles_nothing(world: World) -> None:
    leave_journal(world)
    world.run(Operation.PREVIEW)
    world.run(Operation.PREVIEW)
    assert [refresh for _, refresh, _ in world.refreshed] == [True, True]


def test_a_destruction_asks_nobody_and_says_what_it_leaves(world: World) -> None:
    leave_journal(world)
    leave_operation(world)
    report = world.run(Operation.DESTROY)
    assert world.refreshed == [(Operation.DESTROY, False, None)]
    (told,) = report.told
    assert told.text == runs.GIVEN_UP.format("pending in the state: north/h20; a rollout that did not end: h20")
    assert (report.result, open_pools(world.workspace.home, STACK)) == (Result.UNCHANGED, ("h20",))


def test_the_dry_run_of_a_destruction_warns_before_anybody_agrees(world: World) -> None:
    leave_journal(world)
    made = Runs(world.workspace, Options(Operation.DESTROY, dry=True), Watcher(), world.workspace.home / "logs")
    (report,) = made.run([StackTask(STACK)])
    assert [each.text for each in report.told] == [runs.GIVEN_UP.format("a rollout that did not end: h20")]
    assert report.result is Result.UNCHANGED, "there is nothing to destroy"


@dataclass
class Failing(World):
    """A stack of which the engine began one pool, `h20`, and failed."""

    kinds: tuple[str, ...] = ("begin", "host")
    touched: str = "Baseline"
    stops: int = 0
    made: Runs | None = None

    def perform(self, stack: object, options: Options, gathered: object, *, refresh: bool) -> None:
        super().perform(stack, options, gathered, refresh=refresh)
        assert isinstance(gathered, Gathered)
        gathered._changes["urn"] = Change(self.touched, "north/h20", "update")
        journal(self.workspace.home, *self.kinds, run="r2")
        for _ in range(self.stops):
            assert self.made is not None
            self.made.stop()
        raise create_command_error(CommandResult(stdout="", stderr="error: the plugin is gone", code=1))

    def run(self, operation: Operation, task: StackTask | None = None) -> StackReport:
        self.made = Runs(self.workspace, Options(operation), Watcher(), self.workspace.home / "logs")
        (report,) = self.made.run([task or StackTask(STACK)])
        return report


@pytest.fixture
def failing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Failing:
    monkeypatch.delenv("CAUSEWAY_DRIFT", raising=False)
    made = Failing(Workspace(tmp_path))
    monkeypatch.setattr(runs, "_perform", made.perform)
    return made


def test_a_rollout_whose_provider_is_gone_is_told_by_the_state_at_once(failing: Failing) -> None:
    report = failing.run(Operation.UP)
    assert failing.workspace.asked == ["facts"]
    assert (report.result, [told.text for told in report.told]) == (Result.FAILED, [runs.ASKED.format("h20")])
    assert open_pools(failing.workspace.home, STACK) == ("h20",), "the next run here asks all the same"


def test_hosts_that_could_not_be_asked_are_not_said_to_be_known(failing: Failing) -> None:
    failing.workspace.fails = "error: the backend is away"
    report = failing.run(Operation.UP)
    assert report.told[-1].text == NOT_ASKED.format("h20", "the backend is away")
    assert report.result is Result.FAILED


def test_a_run_that_was_stopped_once_and_lost_its_provider_asks_and_one_stopped_at_once_does_not(
    failing: Failing,
) -> None:
    failing.stops = 1
    report = failing.run(Operation.UP)
    assert (report.result, failing.workspace.asked) == (Result.CANCELLED, ["facts"])
    failing.stops = 2
    assert failing.run(Operation.UP).result is Result.CANCELLED
    assert failing.workspace.asked == ["facts"]


def rollout_ended(failing: Failing) -> None:
    failing.kinds = ("begin", "host", "end")


def no_pool_touched(failing: Failing) -> None:
    failing.touched = "Release"


def open_since_before(failing: Failing) -> None:
    journal(failing.workspace.home, "begin", "host")
    failing.kinds = ()


def engine_killed(failing: Failing) -> None:
    failing.workspace.resources = ("north/h20",)


@pytest.mark.parametrize("case", [rollout_ended, no_pool_touched, open_since_before, engine_killed])
def test_a_failure_that_left_no_rollout_of_this_run_in_the_dark_asks_nobody(failing: Failing, case: Any) -> None:
    case(failing)
    assert failing.run(Operation.UP).result is Result.FAILED
    assert failing.workspace.asked == []


def test_open_runs_name_the_last_rollout_that_did_not_end(tmp_path: Path) -> None:
    journal(tmp_path, "begin", "end", "begin", "host")
    assert open_runs(tmp_path, STACK) == {("h20", "r1")}
    journal(tmp_path, "begin", "host", run="r2")
    assert open_runs(tmp_path, STACK) == {("h20", "r2")}
    journal(tmp_path, "end", run="r2")
    assert open_runs(tmp_path, STACK) == frozenset()


@pytest.mark.parametrize(
    "text", ['{"checkpoint":{"latest":{"pending_operations":[{"reso', '["pending_operations"]', "{}"]
)
def test_a_state_file_that_is_cut_short_is_the_engine_s_to_tell_of(tmp_path: Path, text: str) -> None:
    class Asked(Engine):
        def __init__(self) -> None: ...

        def run(self, args: list[str], *_: object, **__: object) -> CommandResult:
            assert args[:2] == ["stack", "export"]
            raise create_command_error(CommandResult(stdout="", stderr="error: unexpected end of JSON input", code=255))

    folder = tmp_path / "state/.pulumi/stacks/causeway"
    folder.mkdir(parents=True)
    (tmp_path / "Pulumi.yaml").write_text("name: causeway\nruntime: python\n")
    (folder / f"{STACK}.json").write_text(text)
    variables = {"PULUMI_BACKEND_URL": (tmp_path / "state").as_uri()}
    workspace = workspaces.Workspace(tmp_path, variables, tmp_path, sandbox=False)
    with pytest.raises(CommandError, match="unexpected end of JSON input"):
        workspace.deployment(STACK, Asked())
