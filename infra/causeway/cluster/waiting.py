"""Waits on a cluster: short polls until a deadline, that bear an API server which is away for a moment."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from causeway.errors import Retryable

T = TypeVar("T")
_AWAY_S = 30.0
"""How long a wait bears an API server that does not answer."""


def wait_for(
    look: Callable[[], T],
    done: Callable[[T], bool],
    seconds: float,
    cancelled: Callable[[], bool],
    *,
    poll: float = 0.5,
) -> T:
    """What `look` finds once `done` says so, or last before the deadline or a cancel.

    Raises:
        Retryable: the API server did not answer for half a minute, or not once.
    """
    deadline = time.monotonic() + seconds
    away_since: float | None = None
    found: list[T] = []
    while True:
        now = time.monotonic()
        try:
            found = [look()]
            away_since = None
            if done(found[0]):
                return found[0]
        except Retryable:
            away_since = now if away_since is None else away_since
            if now - away_since > _AWAY_S or (now >= deadline and not found):
                raise
        if cancelled() or now >= deadline:
            if found:
                return found[0]
            return look()
        time.sleep(max(0.0, min(poll, deadline - time.monotonic())))
