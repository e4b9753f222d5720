"""Runs one operation on several stacks side by side, and tells how each ended."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from pulumi.automation import Stack
from pulumi.automation.errors import CommandError, ConcurrentUpdateError

from causeway.errors import CausewayError
from causeway.stacks.engine import Engine
from causeway.stacks.events import PROTECTED, Gathered, standing
from causeway.stacks.locks import Lock
from causeway.stacks.model import HostEnd, Operation, Result, StackReport, Standing, Told
from causeway.stacks.places import PROJECTS_OWN, Place
from causeway.stacks.progress import StackProgress, Tail
from causeway.stacks.unfinished import Unfinished, open_pools, open_runs, settle
from causeway.stacks.workspace import Workspace, last_line

POLL_S = 0.3
DRIFT = "CAUSEWAY_DRIFT"
UNFINISHED = "an earlier run did not come to its end ({}): hosts and clusters are asked how they are"
BEGUN = "a rollout began and did not end: {}"
ASKING = f"{BEGUN}; its hosts are asked how they are, so that the state tells it to any machine"
ASKED = f"{BEGUN}; its hosts were asked, and the state holds how they are"
NOT_ASKED = (
    f"{BEGUN}; its hosts could not be asked afterwards ({{}}), so the state does not know how they are: run "
    "`causeway up` again here, or `causeway up --refresh` on another machine"
)
GIVEN_UP = (
    "an earlier run did not come to its end ({}), and hosts are given up as they are, without being asked: their nodes "
    "may be cordoned and the vendor's services stopped; bring the stack up first, or look with `kubectl get nodes`"
)
REFUSED = "this stack from being changed"
"""What the program says when rules refuse a stack (`causeway.program.obstacles.refusal`)."""

AT_SAFE_POINT = "stopped at a safe point; run the command again to go on"
AT_ONCE = (
    "stopped at once, in the middle of what it did: hosts may be cordoned or half changed, and the state does not know "
    "of it; run `causeway up` again, which asks the hosts first"
)
DESTROYED_AT_ONCE = (
    "stopped at once, in the middle of what it did: releases may be half removed; run `causeway destroy` again, which "
    "removes what is left"
)
BEFORE_IT_BEGAN = "stopped before it began; nothing was changed"
IN_THE_PREVIEW = "stopped during the preview; nothing was changed"


@dataclass(frozen=True, slots=True)
class StackTask:
    """One stack to work on.

    Args:
        wanted: plain settings of the stack.
        hidden: secret settings, with what makes a value where none is set.
        create: whether the stack is made when the backend has none.
        place: where its state lies.
        unfinished: what told the preview that an earlier run did not come to its end; empty when nothing did.
    """

    name: str
    wanted: Mapping[str, str] = field(default_factory=dict)
    hidden: Mapping[str, Callable[[], str]] = field(default_factory=dict, repr=False)
    create: bool = False
    place: Place = PROJECTS_OWN
    unfinished: str = ""


@dataclass(frozen=True, slots=True)
class Options:
    """How to run.

    Args:
        dry: of a destruction, only what it would do; a preview is dry by itself.
        refresh: compare with what hosts and clusters say before anything else.
        at_once: stacks side by side.
    """

    operation: Operation
    dry: bool = False
    refresh: bool = False
    at_once: int = 4

    @property
    def only_looks(self) -> bool:
        """Whether nothing is touched."""
        return self.dry or self.operation is Operation.PREVIEW


class Watcher:
    """Is told what happens, from several threads. This one does nothing."""

    def began(self, stack: str) -> None:
        """A stack's turn has come."""

    def moved(self, progress: StackProgress, event: Mapping[str, object]) -> None:
        """The provider told a step."""

    def asks(self, stack: str, why: str) -> None:
        """A stack's hosts are asked how they are, after its run has failed."""

    def ended(self, report: StackReport) -> None:
        """A stack is at its end."""


class Runs:
    """The stacks of one command."""

    def __init__(self, workspace: Workspace, options: Options, watcher: Watcher, folder: Path) -> None:
        self._workspace = workspace
        self._options = options
        self._watcher = watcher
        self._folder = folder
        self._engines: list[Engine] = []
        self._lock = threading.Lock()
        self._stopping = 0

    def stop(self) -> None:
        """Stop at the next safe point; called again, at once."""
        with self._lock:
            self._stopping += 1
            for engine in self._engines:
                engine.stop()

    @property
    def stopping(self) -> int:
        """How often it was asked to stop."""
        return self._stopping

    def run(self, tasks: Sequence[StackTask]) -> tuple[StackReport, ...]:
        """Run the operation on each stack; reports in the order of the tasks."""
        with ThreadPoolExecutor(max_workers=self._options.at_once, thread_name_prefix="stack") as pool:
            return tuple(pool.map(self._one, tasks))

    def _one(self, task: StackTask) -> StackReport:
        began = time.monotonic()
        log = self._folder / f"{task.name}.{self._options.operation}.log"
        log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        engine = Engine(log)
        with self._lock:
            if self._stopping:
                return self._report(task, Result.SKIPPED, began, log, reason="cancelled before it began")
            self._engines.append(engine)
        self._watcher.began(task.name)
        gathered = Gathered()
        open_before = open_runs(self._workspace.home, task.name)
        try:
            report = self._worked(task, engine, gathered, began, log)
        except CausewayError as error:
            result = Result.CANCELLED if engine.asked_to_stop else Result.FAILED
            report = self._report(task, result, began, log, gathered, reason=str(error))
        except CommandError as error:
            report = self._broken(task, engine, gathered, error, began, log)
        report = self._looked_after(task, report, engine, open_before)
        self._watcher.ended(report)
        return report

    def _looked_after(
        self, task: StackTask, report: StackReport, engine: Engine, before: frozenset[tuple[str, str]]
    ) -> StackReport:
        """Let the state tell of rollouts that this run began and whose end nobody noted: their provider is gone.

        The report says this and counts nothing as proved, and stays as it is otherwise. Where the engine was killed or
        stopped at once, the state holds what is pending and tells it already.
        """
        if not any(each.kind == "Baseline" for each in report.changes) or engine.stopped_at_once:
            return report
        if self._options.operation is not Operation.UP:
            return report
        cut = ", ".join(sorted(pool for pool, _ in open_runs(self._workspace.home, task.name) - before))
        if not cut:
            return report
        again = Engine(report.log)
        with self._lock:
            self._engines.append(again)
        self._watcher.asks(task.name, ASKING.format(cut))
        try:
            placed = self._workspace.at(task.place).with_passphrase()
            if placed.pending(task.name, again):
                return report  # it was the engine that was killed
            placed.with_variables({DRIFT: "facts"}).refresh(task.name, again)
            text = ASKED.format(cut)
        except (CausewayError, CommandError) as error:
            why = "stopped" if again.asked_to_stop else last_line(str(error))
            text = NOT_ASKED.format(cut, why)
        return replace(report, told=(*report.told, Told("warning", "", text)), standing=Standing())

    def _worked(self, task: StackTask, engine: Engine, gathered: Gathered, began: float, log: Path) -> StackReport:
        placed = self._workspace.at(task.place).with_passphrase()
        broken = placed.break_stale_locks(task.name)
        told = tuple(Told("warning", "", f"removed the lock of a run that is gone: {lock.holder}") for lock in broken)
        before = self._before(task, placed, engine, broken)
        why = task.unfinished or str(before)
        told += (Told("warning", "", self._unfinished.format(why)),) if why else ()
        events = log.with_suffix(".events.jsonl")
        asked = _drift(self._options, os.environ, unfinished=bool(why))
        workspace = placed.with_variables({"CAUSEWAY_EVENTS": str(events), **asked})
        stack = workspace.open(task.name, engine, create=task.create)
        workspace.configure(stack, engine, task.wanted, task.hidden)
        failure: CommandError | None = None
        with Follower(task.name, events, self._watcher) as follower:
            try:
                _perform(stack, self._options, gathered, refresh=bool(asked))
            except CommandError as error:
                failure = error
        hosts = _hosts(follower.progress)
        if failure is not None:
            return self._broken(task, engine, gathered, failure, began, log, hosts, told, why, worked=True)
        if self._options.operation is Operation.UP:
            settle(placed.home, task.name, before.pools, datetime.now().astimezone())
        asks = bool(why) and self._options.operation is Operation.PREVIEW
        changed = bool(gathered.changes or asks)
        result = _result(self._options, changed=changed, hosts=hosts, whole=gathered.whole)
        return self._report(task, result, began, log, gathered, hosts, told, unfinished=why)

    @property
    def _unfinished(self) -> str:
        """What is said of an earlier run that did not come to its end."""
        return GIVEN_UP if self._options.operation is Operation.DESTROY else UNFINISHED

    def _before(self, task: StackTask, workspace: Workspace, engine: Engine, broken: tuple[Lock, ...]) -> Unfinished:
        """What tells that an earlier run did not come to its end."""
        if task.create:
            return Unfinished()
        resources = workspace.pending(task.name, engine)
        return Unfinished(broken, resources, open_pools(workspace.home, task.name))

    def _broken(
        self,
        task: StackTask,
        engine: Engine,
        gathered: Gathered,
        error: CommandError,
        began: float,
        log: Path,
        hosts: tuple[HostEnd, ...] = (),
        told: tuple[Told, ...] = (),
        unfinished: str = "",
        *,
        worked: bool = False,
    ) -> StackReport:
        if engine.asked_to_stop:
            at_once = engine.stopped_at_once
            result, reason = Result.CANCELLED, _stopped(self._options, worked=worked, at_once=at_once)
        elif isinstance(error, ConcurrentUpdateError):
            result, reason = Result.FAILED, "another run holds this stack"
        elif any(REFUSED in each.text for each in gathered.told):
            result, reason = Result.REFUSED, "rules stop it; see the findings"
        elif any(each.text == PROTECTED for each in gathered.told) and self._options.only_looks:
            result, reason = Result.REFUSED, "protected capacity; nothing was touched"
        else:
            result = Result.PARTLY if gathered.finished and not self._options.only_looks else Result.FAILED
            reason = "" if gathered.failed or gathered.told else self._workspace.at(task.place).why(task.name, error)
        report = self._report(task, result, began, log, gathered, hosts, told, reason, unfinished)
        if self._options.only_looks or not worked:
            return report
        # stopped at once, the state that the engine went on to keep proves nothing of hosts left in the middle
        return replace(report, standing=Standing() if engine.stopped_at_once else self._kept(task, log))

    def _kept(self, task: StackTask, log: Path) -> Standing:
        """What the state says after a run that failed; nothing where it cannot be read."""
        try:
            return standing(self._workspace.at(task.place).with_passphrase().deployment(task.name, Engine(log)))
        except (CausewayError, CommandError):
            return Standing()

    def _report(
        self,
        task: StackTask,
        result: Result,
        began: float,
        log: Path,
        gathered: Gathered | None = None,
        hosts: tuple[HostEnd, ...] = (),
        told: tuple[Told, ...] = (),
        reason: str = "",
        unfinished: str = "",
    ) -> StackReport:
        return StackReport(
            stack=task.name,
            operation=self._options.operation,
            result=result,
            changes=gathered.changes if gathered else (),
            same=gathered.same if gathered else 0,
            told=told + (gathered.told if gathered else ()),
            hosts=hosts,
            seconds=time.monotonic() - began,
            log=log,
            reason=reason,
            standing=gathered.standing if gathered else Standing(),
            only_looked=self._options.only_looks,
            unfinished=unfinished,
        )


class Follower:
    """Hands a stack's events to the watcher while the engine runs."""

    def __init__(self, stack: str, events: Path, watcher: Watcher) -> None:
        self.progress = StackProgress(stack)
        self._tail = Tail(events)
        self._watcher = watcher
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, name=f"events of {stack}")

    def __enter__(self) -> Follower:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._over.set()
        self._thread.join()

    def _follow(self) -> None:
        last = False
        while not last:
            last = self._over.wait(POLL_S)
            for line in self._tail.lines():
                event = self.progress.take(line)
                if event is not None:
                    with contextlib.suppress(OSError, ValueError):  # whoever watched is gone; what happens is kept
                        self._watcher.moved(self.progress, event)


def _drift(options: Options, environ: Mapping[str, str], *, unfinished: bool) -> Mapping[str, str]:
    """What makes hosts and clusters be asked how they are; nothing where they need not be."""
    level = environ.get(DRIFT, "facts")
    if unfinished and options.operation is not Operation.DESTROY:
        return {DRIFT: "facts" if level == "none" else level}
    return {DRIFT: level} if options.refresh else {}


def _perform(stack: Stack, options: Options, gathered: Gathered, *, refresh: bool) -> None:
    if options.operation is Operation.PREVIEW:
        stack.preview(on_event=gathered, refresh=refresh or None, color="never")
    elif options.operation is Operation.UP:
        stack.up(on_event=gathered, refresh=refresh or None, color="never", continue_on_error=True)
    elif options.dry:
        stack.preview_destroy(on_event=gathered, color="never")
    else:
        stack.destroy(on_event=gathered, color="never", continue_on_error=True)


def _stopped(options: Options, *, worked: bool, at_once: bool) -> str:
    """How a stack ended that was asked to stop, and what to do now. Args: `worked` is whether the operation began."""
    if options.only_looks:
        return IN_THE_PREVIEW
    if not worked:
        return BEFORE_IT_BEGAN
    if not at_once:
        return AT_SAFE_POINT
    return DESTROYED_AT_ONCE if options.operation is Operation.DESTROY else AT_ONCE


def _result(options: Options, *, changed: bool, hosts: tuple[HostEnd, ...], whole: bool) -> Result:
    """How a run ended. Args: `whole` is whether the state calls every host right, whatever was told meanwhile."""
    if options.only_looks:
        return Result.CHANGES if changed else Result.UNCHANGED
    if any(host.phase != "done" for host in hosts) or (options.operation is Operation.UP and not whole):
        return Result.PARTLY
    return Result.DONE if changed else Result.UNCHANGED


def _hosts(progress: StackProgress) -> tuple[HostEnd, ...]:
    return tuple(
        HostEnd(pool, name, phase, text)
        for pool, each in sorted(progress.pools.items())
        for name, (phase, text) in sorted(each.hosts.items())
    )


def folder_of_runs(home: Path, now: datetime) -> Path:
    """The folder for a command's logs."""
    return home / "logs" / now.strftime("%Y%m%dT%H%M%S")
