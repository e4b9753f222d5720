"""Waiting in tests for what comes true in time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal, TypeVar

T = TypeVar("T")


def eventually(look: Callable[[], T | Literal[False] | None], what: str, *, timeout: float = 30) -> T:
    """The first truthy answer of `look`; fails when there is none in time."""
    deadline = time.monotonic() + timeout
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"waited {timeout:.0f} s for {what}; last answer: {found!r}"
        time.sleep(0.1)
