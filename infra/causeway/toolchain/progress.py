"""How a build speaks: a line per tool with its place in the row and its time, alive on a terminal, sparse in a log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.markup import escape

_HEARTBEAT_S = 30.0


class Tick(Protocol):
    """Called now and then while something runs, with the seconds so far and the last line that it printed."""

    def __call__(self, elapsed_s: float, last_line: str) -> None:
        """Show that it goes on."""


class Progress:
    """Writes to a console. On a terminal a line with a spinner changes in place; elsewhere a line comes every 30 s."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def say(self, text: str) -> None:
        """One line of its own."""
        self._console.print(escape(text), soft_wrap=True)

    @contextmanager
    def step(self, title: str) -> Iterator[Tick]:
        """Something that takes a while; yields what to call meanwhile."""
        if self._console.is_terminal:
            with self._console.status(escape(title)) as status:

                def live(elapsed_s: float, last_line: str) -> None:
                    room = max(0, self._console.width - len(title) - 16)
                    status.update(f"{escape(title)} [cyan]{elapsed_s:.0f} s[/] [dim]{escape(last_line[:room])}[/]")

                yield live
            return
        said_at = 0.0

        def sparse(elapsed_s: float, last_line: str) -> None:
            nonlocal said_at
            if elapsed_s - said_at >= _HEARTBEAT_S:
                said_at = elapsed_s
                self.say(f"{title} {elapsed_s:.0f} s {last_line}".rstrip())

        self.say(title)
        yield sparse
