"""Runs one long command with its output in a log file, and leaves no process behind when it is interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from causeway.toolchain.progress import Tick

_POLL_S = 0.25
_GRACE_S = 5
_TAIL_BYTES = 16_384
_NEWS_S = 10.0


def run_logged(command: Sequence[str], *, cwd: Path, environ: Mapping[str, str], log: Path, tick: Tick) -> int:
    """Run a command in a process group of its own; standard output and error go to `log`, after what is there.

    `tick` is told the last line while it is news: what Go fetched minutes ago is not what it does while it compiles.

    Returns:
        its exit status; negative when a signal ended it.
    """
    started = time.monotonic()
    with log.open("ab") as sink:
        child = subprocess.Popen(
            command,
            cwd=cwd,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
        )
    try:
        while True:
            try:
                return child.wait(_POLL_S)
            except subprocess.TimeoutExpired:
                news = time.time() - log.stat().st_mtime < _NEWS_S
                tick(time.monotonic() - started, next(reversed(tail(log, 1)), "") if news else "")
    finally:
        if child.poll() is None:
            _end_group(child)


def tail(log: Path, lines: int) -> list[str]:
    """The last lines of a log that are not empty."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
        text = file.read().decode(errors="replace")
    return [line for line in text.splitlines() if line.strip()][-lines:]


def _end_group(child: subprocess.Popen[bytes]) -> None:
    os.killpg(child.pid, signal.SIGTERM)
    try:
        child.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
