"""Waits a rollout takes: for a cluster's API that is away for a moment, and for a canary. Both end when cancelled."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from causeway.errors import Retryable
from causeway.hosts.model import Surroundings

T = TypeVar("T")
PAUSES_S = (1.0, 2.0, 4.0, 8.0, 15.0)
"""How long the cluster's API may be away before a host is given up for this run: half a minute."""
_STEP_S = 1.0


def patiently(call: Callable[[], T], around: Surroundings) -> T:
    """Make a call to the cluster, again after a pause while its API is away.

    Raises:
        Retryable: it stayed away, or the run was cancelled meanwhile.
    """
    for pause in PAUSES_S:
        try:
            return call()
        except Retryable:
            if not wait(pause, around):
                raise
    return call()


def wait(seconds: float, around: Surroundings) -> bool:
    """Wait; false when the run was cancelled meanwhile."""
    until = around.now() + timedelta(seconds=seconds)
    return wait_until(until, around)


def wait_until(moment: datetime, around: Surroundings) -> bool:
    """Wait for a moment; false when the run was cancelled meanwhile."""
    while not around.cancelled():
        left = (moment - around.now()).total_seconds()
        if left <= 0:
            return True
        around.sleep(min(left, _STEP_S))
    return False
