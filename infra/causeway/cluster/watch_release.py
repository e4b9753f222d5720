"""Watches a release while Helm waits for it: tells what is not ready yet, gives up early where waiting is in vain."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from causeway.cluster import readiness
from causeway.cluster.api import Api
from causeway.cluster.model import Object, ReleaseStep
from causeway.errors import CausewayError

_POLL_S = 2.0
_STALL_S = 120.0
"""How long an image or a Secret may be missing before the release is given up."""
_TELL_S = 10.0


@dataclass
class Watch:
    """A look at a release every two seconds, beside the Helm that waits.

    Args:
        on_progress: told what is awaited, when that changes and every ten seconds at most.
    """

    api: Api
    documents: Mapping[str, Object]
    namespace: str
    on_progress: Callable[[ReleaseStep], None]
    hopeless: bool = False
    _before: frozenset[str] = frozenset()
    """Pods that were in trouble before this release began; it may be what mends them."""
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _stalled_since: float | None = None
    _last: tuple[str, float] = ("", 0.0)

    def __enter__(self) -> Watch:
        with suppress(CausewayError):
            found = readiness.look(self.api, self.documents, self.namespace)
            self._before = frozenset(pod for each in found for pod in (*each.hopeless, *each.stalled))
        self._thread = threading.Thread(target=self._watch, name="release-watch", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(_POLL_S):
            try:
                self._look(readiness.look(self.api, self.documents, self.namespace))
            except CausewayError:  # Helm itself tells when the cluster stays away
                continue

    def _look(self, found: tuple[readiness.NotReady, ...]) -> None:
        now = time.monotonic()
        stalled = any(each.stalled - self._before for each in found)
        self._stalled_since = (self._stalled_since or now) if stalled else None
        too_long = self._stalled_since is not None and now - self._stalled_since > _STALL_S
        self.hopeless = self.hopeless or too_long or any(each.hopeless - self._before for each in found)
        if not found:
            return
        text = f"waiting for {found[0].key}: {found[0].text}"
        if len(found) > 1:
            text += f" (and {len(found) - 1} more)"
        if text != self._last[0] and now - self._last[1] > (_TELL_S if self._last[0] else 0.0):
            self._last = (text, now)
            self.on_progress(ReleaseStep("wait", text))
