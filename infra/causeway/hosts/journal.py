"""A pool's journal, `<home>/journal/<stack>/<pool>.jsonl`: what runs did, line by line. A cache, never the truth.

It lets a rollout that goes on later know that its canary was watched already. Lost or damaged, it only costs time.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

_LARGEST = 4 << 20


@dataclass(frozen=True, slots=True)
class Entries:
    """What a journal holds.

    Args:
        whole: its entries, oldest first.
        damaged: numbers of the lines that cannot be read, from 1, since the last run began and told of them.
    """

    whole: tuple[Mapping[str, Any], ...]
    damaged: tuple[int, ...]


class Journal:
    """Args: path of the file; it need not be there."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, at: datetime, run: str, kind: str, **more: Any) -> None:
        """Add a line, safe on disk when this returns. A journal that cannot be written is done without."""
        line = json.dumps({"at": at.isoformat(timespec="seconds"), "run": run, "kind": kind, **more})
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._rotate()
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            try:
                os.write(handle, f"{_break(handle)}{line}\n".encode())
                os.fsync(handle)
            finally:
                os.close(handle)

    def read(self) -> Entries:
        """All entries that can be read."""
        try:
            lines = self.path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return Entries((), ())
        whole, damaged = [], []
        for number, line in enumerate(lines, 1):
            entry = _parsed(line)
            if entry is None:
                damaged.append(number)
                continue
            whole.append(entry)
            if entry["kind"] == "begin":
                damaged.clear()
        return Entries(tuple(whole), tuple(damaged))

    def _rotate(self) -> None:
        if self.path.is_file() and self.path.stat().st_size > _LARGEST:
            self.path.replace(self.path.with_suffix(".old.jsonl"))


def _break(handle: int) -> str:
    """A line break, when a killed run has left half a line."""
    size = os.fstat(handle).st_size
    return "\n" if size and os.pread(handle, 1, size - 1) != b"\n" else ""


def _parsed(line: str) -> Mapping[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    good = isinstance(found, dict) and isinstance(found.get("kind"), str) and isinstance(found.get("at"), str)
    return found if good else None


@dataclass(frozen=True, slots=True)
class Behind:
    """How far a rollout to a target had come before this run.

    Args:
        hosts: those that it has brought there in waves.
        canary: those of them that are its canary.
        canary_at: when the canary was done; None when there was none.
    """

    hosts: frozenset[str] = frozenset()
    canary: frozenset[str] = frozenset()
    canary_at: datetime | None = None

    def and_then(self, right: frozenset[str], at: datetime, *, canary: bool) -> Behind:
        """The same after another wave.

        Args:
            right: hosts that came to their target in it; without any nothing changes.
            at: when it was over.
            canary: whether it was one of the canary.
        """
        if not right:
            return self
        if canary:
            return Behind(self.hosts | right, self.canary | right, at)
        return Behind(self.hosts | right, self.canary, self.canary_at)


def behind(entries: Entries, target: str) -> Behind:
    """How far a rollout had come.

    What came before a rollout to another target, or before hosts were given up, tells nothing of this one.

    Args:
        entries: the journal.
        target: digest of what the whole pool should be.
    """
    found = Behind()
    for entry in entries.whole:
        if entry.get("target", target) != target or entry["kind"] == "forgotten":
            found = Behind()
            continue
        done = entry.get("hosts")
        if entry["kind"] != "wave" or not isinstance(done, list):
            continue
        with contextlib.suppress(ValueError):
            at, canary = datetime.fromisoformat(entry["at"]), entry.get("canary", not found.hosts) is True
            found = found.and_then(frozenset(map(str, done)), at, canary=canary)
    return found


def journal_of(home: Path, stack: str, pool: str) -> Journal:
    """A pool's journal."""
    return Journal(home / "journal" / stack / f"{pool}.jsonl")


def forget(home: Path, stack: str, pool: str, names: Sequence[str], at: datetime) -> None:
    """Leave a tombstone: Causeway no longer keeps these hosts, and has left them as they are."""
    journal_of(home, stack, pool).append(at, "", "forgotten", hosts=sorted(names))
