"""How far a run is: a pure picture of each stack, made from the provider's events and the engine's.

The provider and the hosts' rollouts append JSON lines to the file that `CAUSEWAY_EVENTS` names:
`{"at", "stack", "resource", "host", "phase", "wave", "waves", "text"}`. A line that cannot be read is passed over.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

ENDED = frozenset({"done", "failed", "deferred"})


@dataclass(slots=True)
class PoolProgress:
    """A pool's rollout so far. `hosts` maps a host to its phase and last text."""

    hosts: dict[str, tuple[str, str]] = field(default_factory=dict)
    expected: int = 0
    wave: int = 0
    waves: int = 0
    text: str = ""
    began: datetime | None = None
    latest: datetime | None = None

    @property
    def ended(self) -> int:
        """Hosts that are at their end."""
        return sum(phase in ENDED for phase, _ in self.hosts.values())

    @property
    def seconds_left(self) -> float | None:
        """Seconds until all hosts are done, if the rest goes as what was done did; None while nothing is."""
        if self.began is None or self.latest is None or not self.ended:
            return None
        total = max(self.expected, len(self.hosts))
        return (self.latest - self.began).total_seconds() / self.ended * (total - self.ended)


@dataclass
class StackProgress:
    """A stack's run so far: its pools and what else works."""

    stack: str
    pools: dict[str, PoolProgress] = field(default_factory=dict)
    working: dict[str, str] = field(default_factory=dict)
    """Other resources that are being worked on, with their last text."""

    def take(self, line: str) -> dict[str, object] | None:
        """Take one line of the events file; returns the event, None when it is none of this stack's."""
        try:
            event = json.loads(line)
            at = datetime.fromisoformat(str(event["at"]))
        except (ValueError, KeyError, TypeError):
            return None
        if event.get("stack") != self.stack:
            return None
        resource, host = str(event.get("resource", "")), str(event.get("host", ""))
        phase, text = str(event.get("phase", "")), str(event.get("text", ""))
        if not event.get("waves") and not host and resource not in self.pools:
            self.working[resource] = text
            if phase in ENDED:
                self.working.pop(resource)
            return dict(event)
        self.working.pop(resource, None)
        pool = self.pools.setdefault(resource, PoolProgress())
        pool.began = pool.began or at
        pool.latest = at
        pool.wave, pool.waves = int(event.get("wave") or pool.wave), int(event.get("waves") or pool.waves)
        pool.expected = int(event.get("hosts") or pool.expected)
        if host:
            pool.hosts[host] = (phase, text)
        else:
            pool.text = text
        return dict(event)


class Tail:
    """Reads what was appended to a file since the last look; a line without its end waits for the rest."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._at = 0
        self._lock = threading.Lock()

    def lines(self) -> Iterable[str]:
        """Whole new lines."""
        with self._lock:
            try:
                with self._file.open("rb") as stream:
                    stream.seek(self._at)
                    fresh = stream.read()
            except FileNotFoundError:
                return []
            whole = fresh[: fresh.rfind(b"\n") + 1]
            self._at += len(whole)
            return whole.decode("utf-8", errors="replace").splitlines()
