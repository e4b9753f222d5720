"""Tells the engine's user what a resource does: lasting lines and progress that the next line replaces."""

from __future__ import annotations

import re
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import grpc

from causeway.provider.protocol import engine, engine_service

ON_A_TERMINAL = 1.5
"""Seconds between two lines of progress where the latest replaces the one before."""
ELSEWHERE = 20.0
"""Seconds between two lines of progress where each is a new line of a log."""
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class EngineLog:
    """The engine's log, once its address is known. A lost engine is no error here: the work goes on to a safe point.

    Args:
        address: `host:port`; empty when nobody listens.
        interval: seconds between two ephemeral lines of one resource.
    """

    def __init__(self, address: str, interval: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._channel = grpc.insecure_channel(address) if address else None
        self._stub = engine_service.EngineStub(self._channel) if self._channel else None
        self._interval = interval
        self._clock = clock
        self._told: dict[str, float] = {}
        self._lock = threading.Lock()

    def tell(self, urn: str, text: str, *, warning: bool = False, ephemeral: bool = False) -> None:
        """Tell one line about a resource; progress that comes too fast is left out."""
        if ephemeral and not self._due(urn):
            return
        request = engine.LogRequest(
            severity=engine.WARNING if warning else engine.INFO,
            message=_CONTROL.sub("\N{REPLACEMENT CHARACTER}", text),
            urn=urn,
            ephemeral=ephemeral,
        )
        if self._stub is None:
            return
        try:
            self._stub.Log(request, timeout=5)
        except grpc.RpcError as error:
            sys.stderr.write(f"the engine takes no messages: {error.code()}\n")

    def _due(self, urn: str) -> bool:
        now = self._clock()
        with self._lock:
            if now - self._told.get(urn, float("-inf")) < self._interval:
                return False
            self._told[urn] = now
        return True

    def close(self) -> None:
        """Close the connection."""
        if self._channel is not None:
            self._channel.close()


@dataclass(frozen=True, slots=True)
class ResourceLog:
    """One resource's lines."""

    log: EngineLog = field(repr=False)
    urn: str

    def __call__(self, text: str, *, warning: bool = False, ephemeral: bool = False) -> None:
        """Tell one line."""
        self.log.tell(self.urn, text, warning=warning, ephemeral=ephemeral)
