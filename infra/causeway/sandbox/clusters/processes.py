"""The processes of the clusters, found by what they run and not by a file that says so.

A component names the sandbox's own folder in its arguments. That identifies it after a lost pid file, a reused pid
or a killed parent, with root and without.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from causeway.errors import Retryable

POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Process:
    """A process with its arguments, its name first."""

    pid: int
    argv: tuple[str, ...]

    def names(self, path: Path) -> bool:
        """Whether an argument ends with `path` or holds one below it."""
        return any(f"{path}/" in word or word.endswith(str(path)) for word in self.argv)


def below(*paths: Path) -> tuple[Process, ...]:
    """The processes that have one of `paths`, or one below it, in their arguments: root sees every user's."""
    found = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        process = _read(int(entry.name))
        if process is not None and any(map(process.names, paths)) and _may_end(process.pid):
            found.append(process)
    return tuple(found)


def kill(processes: Iterable[Process], *, timeout: float = 10) -> None:
    """End the processes with SIGKILL and wait for them to be gone.

    A process file descriptor is opened first and the arguments compared after, so a pid that was given to another
    program meanwhile is left alone.

    Raises:
        Retryable: one did not die in time.
    """
    waiting = [process for process in processes if _signal(process, signal.SIGKILL)]
    wait_until(lambda: not any(_read(process.pid) == process for process in waiting), timeout, "the old processes")


def wait_until(condition: Callable[[], bool], timeout: float, what: str, *, poll: float = POLL_S) -> None:
    """Return as soon as `condition` holds.

    Raises:
        Retryable: it did not within `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise Retryable("timeout", f"waited {timeout:.0f} s for {what}")
        time.sleep(poll)


def _read(pid: int) -> Process | None:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]
    except OSError:  # it ended meanwhile
        return None
    return Process(pid, tuple(os.fsdecode(word) for word in words)) if words else None


def _may_end(pid: int) -> bool:
    try:
        return os.geteuid() in (0, Path(f"/proc/{pid}").stat().st_uid)
    except OSError:  # it ended meanwhile
        return False


def _signal(process: Process, number: int) -> bool:
    try:
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return False
    try:
        if _read(process.pid) != process:
            return False
        signal.pidfd_send_signal(descriptor, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(descriptor)
    return True
