"""Puts hosts whose stamp proves them right back into service: operands on, accelerators offered, uncordon, traffic."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from causeway.cluster.model import Nodes
from causeway.errors import CausewayError, Retryable
from causeway.hosts.leave import AT_ONCE
from causeway.hosts.model import Phase
from causeway.hosts.patience import patiently
from causeway.hosts.session import Session, Wave

ALLOCATABLE_S = 300.0


def bring_back(session: Session, nodes: Nodes, names: Sequence[str], wave: Wave) -> None:
    """Put hosts back into service, several at once, and note how each of them ended."""
    if not names:
        return

    def one(name: str) -> str:
        return _returned(session, nodes, name, wave)

    with ThreadPoolExecutor(min(AT_ONCE, len(names)), "return") as threads:
        for name, text in zip(names, threads.map(one, names), strict=True):
            if text.startswith(_CANCELLED):
                session.interrupt(name, "interrupted", text.removeprefix(_CANCELLED), wave)
            elif text:
                code, _, what = text.partition(": ")
                session.fail(name, code, what, _HINTS.get(code, ""), wave)
            else:
                session.done(name, "verified and in service", wave)


_CANCELLED = "cancelled: "
_HINTS = {
    "accelerators-missing": "see `kubectl describe node`, and the device plugin's log; then run the same command again",
    "cluster-away": "run the same command again when the cluster answers: the host is right, only its node waits",
}


def _returned(session: Session, nodes: Nodes, name: str, wave: Wave) -> str:
    """Why a host is not back in service, as `CODE: text`; empty when it is."""
    try:
        return _back(session, nodes, name, wave)
    except Retryable as error:
        return f"cluster-away: its node stays cordoned, since the cluster's API does not answer: {error.reason}"
    except CausewayError as error:
        return f"{error.code}: {error.reason}"


def _back(session: Session, nodes: Nodes, name: str, wave: Wave) -> str:
    around, resource, expected = session.around, session.spec.resource, session.expected(name)
    node = patiently(lambda: nodes.read([name]), around).get(name)
    if node is None:
        return ""
    if node.pool != session.spec.pool:
        patiently(lambda: nodes.join_pool(name, session.spec.pool), around)
        node = patiently(lambda: nodes.read([name]), around).get(name, node)  # device plugins select its pool
    if not node.operands:
        patiently(lambda: nodes.operands(name, on=True), around)
    if node.mark is not None:
        patiently(lambda: nodes.mark(name, session.mark(Phase.VERIFIED, cordoned=_ours(node.mark))), around)
    if resource is not None and expected and node.plugin_expected:
        session.say(name, Phase.VERIFIED, f"waits until its node offers {expected} of {resource}", wave)
        offered = nodes.wait_allocatable(name, resource, expected, ALLOCATABLE_S, around.cancelled)
        if offered < expected and around.cancelled():
            return f"{_CANCELLED}stopped while its node offered {offered} of {expected} {resource}"
        if offered < expected:
            return f"accelerators-missing: its node offers {offered} of {expected} {resource}; it stays cordoned"
    patiently(lambda: nodes.restore(name), around)
    if "shift_traffic" in session.spec.on_drain.values():
        patiently(lambda: nodes.shift_traffic(name, away=False), around)
    return ""


def _ours(mark: object) -> bool:
    return bool(getattr(mark, "cordoned", False))
