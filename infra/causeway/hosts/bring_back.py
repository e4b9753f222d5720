"""Puts hosts that are right back into service: services, operands, accelerators offered, uncordon, traffic."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from causeway.cluster.model import Nodes, NodeState
from causeway.errors import CausewayError, Permanent, Retryable
from causeway.hosts.classify import (
    CANARY_UNWELL,
    CLUSTER_AWAY,
    NODE_GONE,
    NOT_OFFERED,
    NOT_READY,
    OF_THE_NODE,
    Candidate,
)
from causeway.hosts.leave import AT_ONCE
from causeway.hosts.model import Phase
from causeway.hosts.patience import patiently, wait
from causeway.hosts.session import Session, Wave
from causeway.hosts.states import past

ALLOCATABLE_S = 300.0
READY_S = 300.0
POLL_S = 2.0


def bring_back(session: Session, nodes: Nodes, hosts: Sequence[Candidate], wave: Wave) -> None:
    """Put hosts back into service, several at once, and note how each of them ended."""
    if not hosts:
        return

    def one(host: Candidate) -> str | CausewayError:
        try:
            return _back(session, nodes, host, wave)
        except Retryable as error:
            return Permanent(
                CLUSTER_AWAY,
                f"its node stays as it is, since the cluster's API does not answer: {error.reason}",
                hint="run the same command again when the cluster answers: the host is right, only its node waits",
            )
        except CausewayError as error:
            return error

    with ThreadPoolExecutor(min(AT_ONCE, len(hosts)), "return") as threads:
        for name, end in zip((host.name for host in hosts), threads.map(one, hosts), strict=True):
            if isinstance(end, str):
                session.done(name, end, wave)
            elif end.code == _INTERRUPTED:
                session.interrupt(name, end.code, end.reason, wave)
            else:
                session.fail(name, _code(session, name, end.code), end.reason, end.hint, wave)


_INTERRUPTED = "interrupted"


def _back(session: Session, nodes: Nodes, host: Candidate, wave: Wave) -> str:
    """What to tell of a host that is back."""
    around, name = session.around, host.name
    node = _ready(session, nodes, host, wave)
    if node is None:
        return "verified; the cluster has no node of it"
    if node.pool != session.spec.pool:
        patiently(lambda: nodes.join_pool(name, session.spec.pool), around)
        node = patiently(lambda: nodes.read([name]), around).get(name, node)  # device plugins select its pool
    if not node.operands:
        patiently(lambda: nodes.operands(name, on=True), around)
    if node.mark is not None:
        patiently(lambda: nodes.mark(name, session.mark(Phase.VERIFIED, cordoned=_ours(node.mark))), around)
    _offers(session, nodes, node, wave)
    patiently(lambda: nodes.restore(name), around)
    if "shift_traffic" in session.spec.on_drain.values():
        patiently(lambda: nodes.shift_traffic(name, away=False), around)
    if not node.schedulable and not _ours(node.mark):
        if past(session.states[name]).code == CANARY_UNWELL:
            hint = f"find out who cordoned it, and why; then: kubectl uncordon {name}"
            raise Permanent(CANARY_UNWELL, "its node is cordoned, and not by a rollout", hint=hint)
        return "verified; its node stays cordoned, since it was not a rollout that cordoned it"
    return "verified and in service"


def _offers(session: Session, nodes: Nodes, node: NodeState, wave: Wave) -> None:
    """Wait until a node offers all its accelerators.

    Raises:
        Permanent: it does not in time.
    """
    around, resource, name = session.around, session.spec.resource, node.name
    expected = session.expected(name)
    if resource is None or not expected or not node.plugin_expected:
        return
    session.say(name, Phase.VERIFIED, f"waits until its node offers {expected} of {resource}", wave)
    offered = nodes.wait_allocatable(name, resource, expected, ALLOCATABLE_S, around.cancelled)
    if offered < expected and around.cancelled():
        raise Permanent(_INTERRUPTED, f"stopped while its node offered {offered} of {expected} {resource}")
    if offered < expected:
        stays = "" if node.schedulable else "; it stays cordoned"
        raise Permanent(
            NOT_OFFERED,
            f"its node offers {offered} of {expected} {resource}{stays}",
            hint="see `kubectl describe node`, and the device plugin's log; then run the same command again",
        )


def _ready(session: Session, nodes: Nodes, host: Candidate, wave: Wave) -> NodeState | None:
    """A host's node once it is ready; None for a host that has never had one.

    Raises:
        Permanent: it had one before, and there is none now, or it is not ready.
    """
    around, waited = session.around, 0.0
    had = host.node is not None or past(session.states[host.name]).code in OF_THE_NODE
    while True:
        node = patiently(lambda: nodes.read([host.name]), around).get(host.name)
        if (node is None and not had) or (node is not None and node.ready):
            return node
        if around.cancelled():
            raise Permanent(_INTERRUPTED, "stopped while its node was not ready")
        if waited >= READY_S:
            break
        if not waited:
            session.say(host.name, Phase.VERIFIED, "waits until its node is ready", wave)
        wait(POLL_S, around)
        waited += POLL_S
    hint = "see `kubectl describe node`, and the kubelet's log on the host; then run the same command again"
    if node is None:
        raise Permanent(NODE_GONE, "the cluster has no node of it any more", hint=hint)
    stays = "" if node.schedulable else "; it stays cordoned"
    raise Permanent(NOT_READY, f"its node is not ready{stays}", hint=hint)


def _code(session: Session, name: str, code: str) -> str:
    """Code of a host that is not back: what was a canary that is not well stays one until it is."""
    return CANARY_UNWELL if past(session.states[name]).code == CANARY_UNWELL else code


def _ours(mark: object) -> bool:
    return bool(getattr(mark, "cordoned", False))
