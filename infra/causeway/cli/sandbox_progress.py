"""How `causeway sandbox` shows its steps: alive on a terminal, a line a step elsewhere. All of it on standard error."""

from __future__ import annotations

import threading
import time

from rich.console import Console
from rich.markup import escape
from rich.status import Status

SPARSE_S = 10.0


class ConsoleSteps:
    """An `Observer` that writes to a console."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._running: dict[str, str] = {}
        self._status: Status | None = None
        self._said_at = time.monotonic()

    def started(self, step: str) -> None:
        """A step begins."""
        with self._lock:
            self._running[step] = ""
            self._show()

    def note(self, step: str, text: str) -> None:
        """What the step is at."""
        with self._lock:
            if step in self._running:
                self._running[step] = text
                self._show()
            else:
                self._console.print(f"[dim]{escape(text)}[/]", soft_wrap=True)

    def finished(self, step: str, text: str, seconds: float) -> None:
        """A step ended well."""
        with self._lock:
            self._running.pop(step, None)
            self._console.print(
                f"[green]✓[/] {escape(step):<24} [cyan]{seconds:6.1f} s[/]  {escape(text)}", soft_wrap=True
            )
            self._show()

    def close(self) -> None:
        """Nothing runs any more."""
        with self._lock:
            self._running.clear()
            self._show()

    def _show(self) -> None:
        line = "; ".join(f"{step}: {text}" if text else step for step, text in self._running.items())
        if self._console.is_terminal:
            if self._status and not line:
                self._status.stop()
                self._status = None
            elif line:
                line = escape(line[: max(20, self._console.width - 6)])
                if self._status is None:
                    self._status = self._console.status(line)
                    self._status.start()
                else:
                    self._status.update(line)
        elif any(self._running.values()) and time.monotonic() - self._said_at > SPARSE_S:
            self._said_at = time.monotonic()
            self._console.print(f"  {escape(line)}", soft_wrap=True)
