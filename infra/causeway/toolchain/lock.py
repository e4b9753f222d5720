"""One build at a time in one environment: a second one waits, and goes on with what the first has left to do."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def exclusive(file: Path, waiting: Callable[[str], None]) -> Iterator[None]:
    """Hold a lock while the block runs. The system lets go of it when this process dies, however it dies.

    Args:
        file: made when missing; holds the process id of whoever has the lock.
        waiting: called once, with that process id, when somebody else has it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting(file.read_text().strip() or "unknown")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)
