"""Puts hosts that are right back into service: services, operands, accelerators offered, uncordon, traffic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from causeway.cluster.model import Nodes, NodeState
from causeway.errors import CausewayError, Permanent, Retryable
from causeway.hosts.classify import (
    CANARY_UNWELL,
    CLUSTER_AWAY,
    NODE_GONE,
    NOT_OFFERED,
    NOT_READY,
    OF_THE_NODE,
    RETURN_CUT,
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
_LOOK = "see `kubectl describe node`, and the kubelet's log on the host; then run the same command again"


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
            elif end.code == RETURN_CUT:
                session.interrupt(name, _code(session, name, end.code), end.reason, wave)
            else:
                session.fail(name, _code(session, name, end.code), end.reason, end.hint, wave)


def _back(session: Session, nodes: Nodes, host: Candidate, wave: Wave) -> str:
    """What to tell of a host that is back."""
    around, name = session.around, host.name
    node = _there(session, nodes, host, wave)
    if node is None:
        return "verified; the cluster has no node of it"
    if node.pool != session.spec.pool:
        patiently(lambda: nodes.join_pool(name, session.spec.pool), around)
        node = patiently(lambda: nodes.read([name]), around).get(name, node)  # device plugins select its pool
    if not node.operands:
        patiently(lambda: nodes.operands(name, on=True), around)
    if node.mark is not None:
        patiently(lambda: nodes.mark(name, session.mark(Phase.VERIFIED, cordoned=_ours(node.mark))), around)
    was_down = _was_down(session, host)
    if not node.ready and not was_down:
        _ready(session, nodes, host, wave)
    _offers(session, nodes, node, wave)
    patiently(lambda: nodes.restore(name), around)
    if "shift_traffic" in session.spec.on_drain.values():
        patiently(lambda: nodes.shift_traffic(name, away=False), around)
    if not node.schedulable and not _ours(node.mark):
        if past(session.states[name]).code == CANARY_UNWELL:
            hint = f"find out who cordoned it, and why; then: kubectl uncordon {name}"
            raise Permanent(CANARY_UNWELL, "its node is cordoned, and not by a rollout", hint=hint)
        return "verified; its node stays cordoned, since it was not a rollout that cordoned it"
    return "verified; its node is down, as it was" if was_down and not node.ready else "verified and in service"


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
        raise Permanent(RETURN_CUT, f"stopped while its node offered {offered} of {expected} {resource}")
    if offered < expected:
        stays = "" if node.schedulable else "; it stays cordoned"
        raise Permanent(
            NOT_OFFERED,
            f"its node offers {offered} of {expected} {resource}{stays}",
            hint="see `kubectl describe node`, and the device plugin's log; then run the same command again",
        )


def _was_down(session: Session, host: Candidate) -> bool:
    """Whether a host's node was not ready before a rollout did more to it than to cordon it: no rollout mends that."""
    node = host.node
    touched = node is not None and node.mark is not None and node.mark.phase != Phase.CORDONED
    unwell = past(session.states[host.name]).code in OF_THE_NODE
    return node is not None and not node.ready and not touched and not unwell


def _there(session: Session, nodes: Nodes, host: Candidate, wave: Wave) -> NodeState | None:
    """A host's node; None for a host that has never had one, or joins.

    Raises:
        Permanent: it had one before, and there is none any more.
    """
    code = past(session.states[host.name]).code
    had = not host.host.joining and (host.node is not None or code in OF_THE_NODE)
    found = _awaited(session, nodes, host.name, lambda node: node is not None or not had, "in the cluster", wave)
    if found is None and had:
        raise Permanent(NODE_GONE, "the cluster has no node of it any more", hint=_LOOK)
    return found


def _ready(session: Session, nodes: Nodes, host: Candidate, wave: Wave) -> None:
    """Wait until a host's node is ready.

    Raises:
        Permanent: it is not in time.
    """
    found = _awaited(session, nodes, host.name, lambda node: node is not None and node.ready, "ready", wave)
    if found is None or not found.ready:
        stays = "; it stays cordoned" if found is not None and not found.schedulable else ""
        raise Permanent(NOT_READY, f"its node is not ready{stays}", hint=_LOOK)


def _awaited(
    session: Session, nodes: Nodes, name: str, holds: Callable[[NodeState | None], bool], what: str, wave: Wave
) -> NodeState | None:
    """A host's node once something holds of it, or as it is in the end.

    Raises:
        Permanent: the run was cancelled meanwhile.
    """
    around = session.around
    until = around.now() + timedelta(seconds=READY_S)
    told = False
    while True:
        node = patiently(lambda: nodes.read([name]), around).get(name)
        if holds(node) or around.now() >= until:
            return node
        if not told:
            session.say(name, Phase.VERIFIED, f"waits until its node is {what}", wave)
            told = True
        if not wait(POLL_S, around):
            raise Permanent(RETURN_CUT, f"stopped while its node was not {what}")


def _code(session: Session, name: str, code: str) -> str:
    """Code of a host that is not back: what was a canary that is not well stays one until it is."""
    return CANARY_UNWELL if past(session.states[name]).code == CANARY_UNWELL else code


def _ours(mark: object) -> bool:
    return bool(getattr(mark, "cordoned", False))
