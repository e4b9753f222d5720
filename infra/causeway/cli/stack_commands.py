"""What `causeway preview`, `up` and `destroy` share: the workspace, the runs with Ctrl-C, the document."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console

from causeway.assets import home_root
from causeway.cli.environment import environment, sandbox_is_up
from causeway.cli.stack_progress import watcher_for
from causeway.fleet.load import LoadedFleet, load_fleet
from causeway.stacks.model import Result, StackReport
from causeway.stacks.places import Place, backends, place_in, place_of
from causeway.stacks.run import IN_THE_PREVIEW, Options, Runs, StackTask, folder_of_runs
from causeway.stacks.tasks import chosen_of_backend, stack_name, task_of
from causeway.stacks.workspace import Workspace, project_folder


@dataclass(frozen=True)
class Session:
    """One command on a fleet's stacks."""

    loaded: LoadedFleet
    workspace: Workspace
    logs: Path
    console: Console

    @classmethod
    def of(cls, fleet: Path, console: Console) -> Session:
        """Load the declaration.

        Raises:
            CausewayError: the declaration is wrong, or there is no project.
        """
        loaded = load_fleet(fleet)
        home = home_root(fleet, os.environ)
        chosen = environment(fleet)
        os.environ["PATH"] = chosen["PATH"]  # the engine itself is found by it
        workspace = Workspace(project_folder(fleet, Path.cwd()), chosen, home, sandbox_is_up(fleet))
        return cls(loaded, workspace, folder_of_runs(home, datetime.now().astimezone()), console)

    def tasks(self, clusters: Sequence[str], as_of: date | None) -> tuple[StackTask, ...]:
        """What to run for clusters.

        Raises:
            CausewayError: a backend does not answer, or a passphrase is missing.
        """
        fleet = self.loaded.fleet
        there = self.stacks(clusters)
        return self._ready(
            task_of(
                fleet,
                name,
                as_of,
                sandbox=self.workspace.sandbox,
                create=place_of(fleet, name).backend not in there.get(stack_name(fleet.name, name), ()),
            )
            for name in clusters
        )

    def to_destroy(self, words: Sequence[str]) -> tuple[StackTask, ...]:
        """What to destroy: the stacks of the fleet that words name, declared or not.

        Raises:
            CausewayError: a word names none, a backend does not answer, or a passphrase is missing.
        """
        fleet = self.loaded.fleet
        there = self.stacks(words)
        names = chosen_of_backend(fleet, frozenset(there), words)
        return self._ready(StackTask(name, place=place_in(fleet, name, there[name])) for name in names)

    def _ready(self, tasks: Iterable[StackTask]) -> tuple[StackTask, ...]:
        """The tasks; a passphrase that one of them lacks is told before any is worked on."""
        found = tuple(tasks)
        for place in {task.place for task in found}:
            self.workspace.at(place).with_passphrase()
        return found

    def stacks(self, words: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        """Stacks of the backends that may hold what words name, each with the addresses of those that do.

        Raises:
            CausewayError: a backend does not answer.
        """
        found: dict[str, tuple[str, ...]] = {}
        for backend in backends(self.loaded.fleet, words):
            for name in self.workspace.at(Place(backend)).existing():
                found[name] = (*found.get(name, ()), backend)
        return found

    def run(self, tasks: Sequence[StackTask], options: Options) -> tuple[StackReport, ...]:
        """Run an operation on stacks, showing how far it is; Ctrl-C stops it at the next safe point, twice at once.

        A dry run that was stopped leaves no stack as one to go on with: whoever stopped it wants no change of any.
        """
        with watcher_for(self.console, options.operation, [task.name for task in tasks]) as watcher:
            runs = Runs(self.workspace, options, watcher, self.logs)
            with _interruptible(runs, self.console):
                reports = runs.run(tasks)
        return tuple(map(_given_up, reports)) if options.only_looks and runs.stopping else reports

    def carry_out(
        self,
        shown: Sequence[StackReport],
        tasks: Sequence[StackTask],
        options: Options,
        *,
        ask: Callable[[frozenset[str]], None],
    ) -> tuple[StackReport, ...]:
        """Do what a dry run has shown, on the stacks that change; returns each stack's last report.

        Args:
            shown: the dry run's reports.
            tasks: the stacks, in the same order.
            options: the operation.
            ask: is told the stacks that change, before anything is touched; it raises where the answer is no.
        """
        changing = {report.stack: report for report in shown if report.result is Result.CHANGES}
        if not changing:
            return tuple(shown)
        ask(frozenset(changing))
        again = [
            replace(task, create=False, unfinished=changing[task.name].unfinished)
            for task in tasks
            if task.name in changing
        ]
        done = self.run(again, options)
        last = {report.stack: report for report in done}
        return tuple(last.get(report.stack, report) for report in shown)


def _given_up(report: StackReport) -> StackReport:
    """The report of a dry run that was stopped: what would change is shown, and is not done."""
    if report.result is not Result.CHANGES:
        return report
    return replace(report, result=Result.SKIPPED, reason=IN_THE_PREVIEW)


@contextmanager
def _interruptible(runs: Runs, console: Console) -> Iterator[None]:
    def stop(_signal: int, _frame: FrameType | None) -> None:
        runs.stop()
        if runs.stopping == 1:
            console.print("[yellow]stopping at the next safe point; Ctrl-C again stops at once[/]")

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def document(reports: Sequence[StackReport]) -> list[dict[str, Any]]:
    """The reports as the JSON documents carry them."""
    return [
        {
            "stack": report.stack,
            "result": report.result.value,
            "reason": report.reason,
            "seconds": round(report.seconds, 1),
            "same": report.same,
            "standing": asdict(report.standing),
            "changes": [asdict(each) for each in report.changes],
            "hosts": [
                {"pool": each.pool, "host": each.name, "phase": each.phase, "text": each.text} for each in report.hosts
            ],
            "messages": [asdict(each) for each in report.told],
            "log": str(report.log) if report.log else None,
        }
        for report in reports
    ]
