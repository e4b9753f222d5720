"""Observers of a rollout: several as one, and the file of events that `causeway up` reads for its bars."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from causeway.hosts.model import Observer, Progress

EVENTS_VARIABLE = "CAUSEWAY_EVENTS"
"""Names a file to which each step is appended as a line of JSON."""


def all_of(*observers: Observer) -> Observer:
    """Several observers as one. One that fails takes nothing from the others."""

    def tell(step: Progress) -> None:
        for observer in observers:
            # an observer promises not to raise; a host half done must not depend on that promise
            with contextlib.suppress(Exception):
                observer(step)

    return tell


class EventsFile:
    """Appends each step to a file: `at`, `stack`, `resource`, `host`, `phase`, `wave`, `waves`, `text`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, step: Progress) -> None:
        """Append one step, in one write, so that several processes can share the file."""
        document = {
            "at": step.at.isoformat(timespec="milliseconds"),
            "stack": step.stack,
            "resource": step.pool,
            "host": step.host,
            "phase": str(step.phase),
            "wave": step.wave,
            "waves": step.waves,
            "text": step.text,
        }
        with contextlib.suppress(OSError):
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            try:
                os.write(handle, (json.dumps(document) + "\n").encode())
            finally:
                os.close(handle)


def from_environment(environment: Mapping[str, str]) -> tuple[Observer, ...]:
    """The observer that the environment asks for, if any."""
    path = environment.get(EVENTS_VARIABLE)
    return (EventsFile(Path(path)),) if path else ()
