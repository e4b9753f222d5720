"""Puts hosts that are right back into service: services, operands, accelerators offered, uncordon, traffic."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from causeway.cluster.model import Nodes
from causeway.errors import CausewayError, Permanent, Retryable
from causeway.hosts.classify import CANARY_UNWELL
from causeway.hosts.leave import AT_ONCE
from causeway.hosts.model import Phase
from causeway.hosts.patience import patiently
from causeway.hosts.session import Session, Wave

ALLOCATABLE_S = 300.0


def bring_back(session: Session, nodes: Nodes, names: Sequence[str], wave: Wave) -> None:
    """Put hosts back into service, several at once, and note how each of them ended."""
    if not names:
        return

    def one(name: str) -> str | CausewayError:
        try:
            return _back(session, nodes, name, wave)
        except Retryable as error:
            return Permanent(
                "cluster-away",
                f"its node stays as it is, since the cluster's API does not answer: {error.reason}",
                hint="run the same command again when the cluster answers: the host is right, only its node waits",
            )
        except CausewayError as error:
            return error

    with ThreadPoolExecutor(min(AT_ONCE, len(names)), "return") as threads:
        for name, end in zip(names, threads.map(one, names), strict=True):
            if isinstance(end, str):
                session.done(name, end, wave)
            elif end.code == _INTERRUPTED:
                session.interrupt(name, end.code, end.reason, wave)
            else:
                session.fail(name, _code(session, name, end.code), end.reason, end.hint, wave)


_INTERRUPTED = "interrupted"


def _back(session: Session, nodes: Nodes, name: str, wave: Wave) -> str:
    """What to tell of a host that is back."""
    around, resource, expected = session.around, session.spec.resource, session.expected(name)
    node = patiently(lambda: nodes.read([name]), around).get(name)
    if node is None:
        return "verified; the cluster has no node of it"
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
            raise Permanent(_INTERRUPTED, f"stopped while its node offered {offered} of {expected} {resource}")
        if offered < expected:
            stays = "" if node.schedulable else "; it stays cordoned"
            raise Permanent(
                "accelerators-missing",
                f"its node offers {offered} of {expected} {resource}{stays}",
                hint="see `kubectl describe node`, and the device plugin's log; then run the same command again",
            )
    patiently(lambda: nodes.restore(name), around)
    if "shift_traffic" in session.spec.on_drain.values():
        patiently(lambda: nodes.shift_traffic(name, away=False), around)
    if not node.schedulable and not _ours(node.mark):
        return "verified; its node stays cordoned, since it was not a rollout that cordoned it"
    return "verified and in service"


def _code(session: Session, name: str, code: str) -> str:
    """Code of a host that is not back: what was a canary that is not well stays one until it is."""
    return CANARY_UNWELL if session.states[name].startswith(f"failed {CANARY_UNWELL}") else code


def _ours(mark: object) -> bool:
    return bool(getattr(mark, "cordoned", False))
