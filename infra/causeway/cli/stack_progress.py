"""How runs over stacks are shown while they go on: bars by stack and pool on a terminal, lines elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from causeway.stacks.model import Operation, Result, StackReport
from causeway.stacks.progress import ENDED, PoolProgress, StackProgress
from causeway.stacks.run import Watcher

SPARSE_S = 15.0
MARKS = {
    Result.UNCHANGED: "[green]=[/]",
    Result.CHANGES: "[yellow]~[/]",
    Result.DONE: "[green]✓[/]",
    Result.PARTLY: "[yellow]![/]",
    Result.FAILED: "[red]✗[/]",
    Result.REFUSED: "[red]✗[/]",
    Result.CANCELLED: "[yellow]![/]",
    Result.SKIPPED: "[dim]-[/]",
}


@contextmanager
def watcher_for(console: Console, operation: Operation, stacks: Sequence[str]) -> Iterator[Watcher]:
    """The watcher that suits the console; its display ends with the block."""
    if not console.is_terminal:
        yield Lines(console, operation)
        return
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    ) as progress:
        yield Bars(progress, operation, stacks)


class Lines(Watcher):
    """One line when a stack begins and ends, when a host ends, and now and then for the rest."""

    def __init__(self, console: Console, operation: Operation) -> None:
        self._console = console
        self._operation = operation
        self._lock = threading.Lock()
        self._said: dict[str, float] = {}

    def began(self, stack: str) -> None:
        """A stack's turn has come."""
        with self._lock:
            self._console.print(f"  {escape(stack)}: {self._operation}")

    def moved(self, progress: StackProgress, event: Mapping[str, object]) -> None:
        """The provider told a step."""
        with self._lock:
            self._console_line(progress, event)

    def _console_line(self, progress: StackProgress, event: Mapping[str, object]) -> None:
        phase, host = str(event.get("phase", "")), str(event.get("host", ""))
        ended = host and phase in ENDED
        now = time.monotonic()
        if not ended and now - self._said.get(progress.stack, 0.0) < SPARSE_S:
            return
        self._said[progress.stack] = now
        where = "/".join(part for part in (progress.stack, str(event.get("resource", "")), host) if part)
        text = str(event.get("text", ""))
        self._console.print(f"  {escape(where)}: {escape(phase)}{escape(f', {text}') if text else ''}", soft_wrap=True)

    def asks(self, stack: str, why: str) -> None:
        """A stack's hosts are asked how they are, after its run has failed."""
        with self._lock:
            _say_asks(self._console, stack, why)

    def ended(self, report: StackReport) -> None:
        """A stack is at its end."""
        with self._lock:
            _say_end(self._console, report)


class Bars(Watcher):
    """A bar for each stack and, below it, for each pool whose hosts are at work."""

    def __init__(self, progress: Progress, operation: Operation, stacks: Sequence[str]) -> None:
        self._progress = progress
        self._lock = threading.Lock()
        self._stacks = {
            stack: progress.add_task(
                f"{escape(stack)} {operation}", total=None, start=False, note="waits", visible=False
            )
            for stack in stacks
        }
        self._pools: dict[tuple[str, str], TaskID] = {}
        self._failed: set[tuple[str, str, str]] = set()

    def began(self, stack: str) -> None:
        """A stack's turn has come."""
        self._progress.start_task(self._stacks[stack])
        self._progress.update(self._stacks[stack], note="", visible=True)

    def moved(self, progress: StackProgress, event: Mapping[str, object]) -> None:
        """The provider told a step."""
        with self._lock:
            name = str(event.get("resource", ""))
            if name in progress.pools:
                self._pool(progress.stack, name, progress.pools[name])
            working = "; ".join(f"{name}: {text}" for name, text in progress.working.items())
            self._progress.update(self._stacks[progress.stack], note=escape(working[:80]))

    def _pool(self, stack: str, name: str, pool: PoolProgress) -> None:
        key = stack, name
        if key not in self._pools:
            self._pools[key] = self._progress.add_task(f"  {escape(name)}", total=None, note="")
        total = max(pool.expected, len(pool.hosts)) or None
        wave = f"wave {pool.wave}/{pool.waves}, " if pool.waves else ""
        left = pool.seconds_left
        time_left = f", about {_span(left)} left" if left else ""
        at_work = [f"{host} {phase}" for host, (phase, _) in pool.hosts.items() if phase not in ENDED]
        note = f"{wave}{pool.ended}/{total or '?'} hosts{time_left}  {', '.join(at_work[:3])}"
        self._progress.update(self._pools[key], total=total, completed=pool.ended, note=escape(note[:100]))
        for host, (phase, text) in pool.hosts.items():
            if phase == "failed" and (stack, name, host) not in self._failed:
                self._failed.add((stack, name, host))
                self._progress.console.print(f"[red]✗[/] {escape(f'{stack}/{name}/{host}: {text}')}", soft_wrap=True)

    def asks(self, stack: str, why: str) -> None:
        """A stack's hosts are asked how they are, after its run has failed."""
        with self._lock:
            self._progress.update(self._stacks[stack], note="asks its hosts")
            _say_asks(self._progress.console, stack, why)

    def ended(self, report: StackReport) -> None:
        """A stack is at its end."""
        with self._lock:
            self._progress.update(self._stacks[report.stack], visible=False)
            for (stack, _), task in self._pools.items():
                if stack == report.stack:
                    self._progress.update(task, visible=False)
            _say_end(self._progress.console, report)


def _say_asks(console: Console, stack: str, why: str) -> None:
    console.print(f"  {escape(stack)}: {escape(why)}", soft_wrap=True)


def _say_end(console: Console, report: StackReport) -> None:
    console.print(f"{MARKS[report.result]} {escape(report.stack):<40} {report.result} [cyan]{report.seconds:6.1f} s[/]")


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
