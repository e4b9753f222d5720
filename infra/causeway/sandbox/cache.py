"""The cache of a checkout: folders named by a digest of what made them, built aside and renamed into place."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

KINDS = ("image-", "layer-", "pool-", "mirror-")


def digest(*parts: str | bytes) -> str:
    """A short digest of the parts, in order."""
    whole = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        whole.update(len(data).to_bytes(8, "big") + data)
    return whole.hexdigest()[:16]


def tree_digest(*roots: Path) -> str:
    """A digest of the names and contents of all files below the roots (compiled Python aside)."""
    files = sorted(path for root in roots for path in root.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return digest(*(part for path in files for part in (path.name, path.read_bytes())))


@contextmanager
def exclusive(lock: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold `lock` (a file, made when missing). `waiting` is called once when somebody else has it."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    while True:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting()
                fcntl.flock(handle, fcntl.LOCK_EX)
            if _is_file(handle, lock):
                yield
                return
        finally:
            os.close(handle)


def _is_file(handle: int, path: Path) -> bool:
    """Whether `path` still is the open file: its last holder may have removed it while we waited."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(handle), there)


def ensure(cache: Path, name: str, build: Callable[[Path], None], waiting: Callable[[], None]) -> Path:
    """The folder `name` of the cache; `build` fills it when it is not there yet.

    A build that was interrupted leaves only `.building-<name>`, which the next one removes. Two builds of one name
    take turns, and the second finds the work done.
    """
    ready = cache / name
    if ready.is_dir():
        os.utime(ready)
        return ready
    with exclusive(cache / f".{name}.lock", waiting):
        if ready.is_dir():
            return ready
        building = cache / f".building-{name}"
        if building.exists():
            shutil.rmtree(building)
        building.mkdir(parents=True)
        build(building)
        building.rename(ready)
        (cache / f".{name}.lock").unlink()
    return ready


def prune(cache: Path, in_use: Collection[Path], *, unused_s: float, now: float) -> tuple[str, ...]:
    """Remove what no sandbox uses and no `up` has asked for within the last `unused_s` seconds; returns the names.

    The signing key stays: hosts that are up trust it.
    """
    gone = []
    for entry in cache.iterdir() if cache.is_dir() else ():
        if entry.name.startswith(KINDS) and entry not in in_use and now - entry.stat().st_mtime > unused_s:
            doomed = cache / f".old-{entry.name}"
            entry.rename(doomed)
            shutil.rmtree(doomed)
            gone.append(entry.name)
    return tuple(sorted(gone))
