"""Takes a host out of service: cordon, traffic or checkpoint, evictions, device plugin and exporter off.

Whatever goes wrong before anything on the host was changed is undone: a host that is well is not left cordoned, and
one that an earlier run has left half changed does not serve until it is proved.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from causeway.cluster.model import Nodes, PodLeft
from causeway.errors import CausewayError, Retryable
from causeway.hosts.classify import Candidate
from causeway.hosts.model import Phase
from causeway.hosts.patience import patiently
from causeway.hosts.session import Session, Wave

AT_ONCE = 64
"""Hosts whose workloads leave at the same time; most of it is waiting."""
OPERANDS_GONE_S = 120.0
CHECKPOINT_S = 300.0


@dataclass(frozen=True, slots=True)
class Left:
    """How a host's leaving ended.

    Args:
        why: why it stays in service for now; empty when it left.
        cordoned: whether its node stays cordoned all the same (`put_back`).
    """

    why: str = ""
    cordoned: bool = False


def take_out(session: Session, nodes: Nodes, hosts: Sequence[Candidate], wave: Wave) -> dict[str, Left]:
    """Take hosts out of service, several at once."""
    if not hosts:
        return {}

    def one(host: Candidate) -> Left:
        return _leave(session, nodes, host, wave)

    with ThreadPoolExecutor(min(AT_ONCE, len(hosts)), "leave") as threads:
        return dict(zip((host.name for host in hosts), threads.map(one, hosts), strict=True))


def hush(session: Session, nodes: Nodes, hosts: Sequence[Candidate]) -> None:
    """Keep device plugin and exporter off nodes of hosts that join, so that nothing is scheduled before all is proved.

    Nothing runs there: what the cluster does not do for us now takes nothing away.
    """

    def one(host: Candidate) -> None:
        with contextlib.suppress(CausewayError):
            nodes.operands(host.name, on=False)
            nodes.wait_operands_gone(host.name, OPERANDS_GONE_S, session.around.cancelled)

    if hosts:
        with ThreadPoolExecutor(min(AT_ONCE, len(hosts)), "hush") as threads:
            list(threads.map(one, hosts))


def _leave(session: Session, nodes: Nodes, host: Candidate, wave: Wave) -> Left:
    if host.node is None:
        return Left()
    try:
        why = _emptied(session, nodes, host, wave)
    except Retryable as error:
        why = f"the cluster's API does not answer: {error.reason}"
    except CausewayError as error:
        why = f"{error.code}: {error.reason}"
    if not why:
        return Left()
    return Left(why, cordoned=not put_back(session, nodes, host))


def _emptied(session: Session, nodes: Nodes, host: Candidate, wave: Wave) -> str:
    """Go through the steps; why one did not succeed, empty when all did."""
    name, around, spec = host.name, session.around, session.spec
    ours = host.node is not None and (host.node.schedulable or (host.node.mark is not None and host.node.mark.cordoned))

    def mark(phase: Phase) -> None:
        patiently(lambda: nodes.mark(name, session.mark(phase, cordoned=ours)), around)

    session.say(name, Phase.PENDING, "leaves service: cordoned", wave)
    patiently(lambda: nodes.cordon(name, session.mark(Phase.CORDONED, cordoned=ours)), around)
    _warn_workloads(session, nodes, name, wave)
    session.say(name, Phase.CORDONED, "waits for its workloads to leave", wave)
    seconds = spec.rollout.drain_timeout.total_seconds()
    drained = nodes.drain(name, seconds, around.cancelled)
    if around.cancelled():
        return "cancelled"
    dead = host.node is not None and not host.node.ready
    if drained.left and not dead:  # on a node that is down pods stay; whether they hold a device is seen on the host
        return f"{_pods(drained.left)} did not leave within {_minutes(seconds)}"
    mark(Phase.DRAINED)
    session.say(name, Phase.DRAINED, "device plugin and exporter leave", wave)
    patiently(lambda: nodes.operands(name, on=False), around)
    left = nodes.wait_operands_gone(name, OPERANDS_GONE_S, around.cancelled)
    if around.cancelled():
        return "cancelled"
    if left and not dead:
        return f"{_pods(left)} did not leave within {_minutes(OPERANDS_GONE_S)}"
    return ""


def _warn_workloads(session: Session, nodes: Nodes, name: str, wave: Wave) -> None:
    """Shift traffic and ask for checkpoints, where the workloads of this pool want that."""
    around, ways = session.around, set(session.spec.on_drain.values())
    if "shift_traffic" in ways:
        shifted = patiently(lambda: nodes.shift_traffic(name, away=True), around)
        if shifted:
            session.say(name, Phase.CORDONED, f"traffic of {', '.join(shifted)} goes elsewhere", wave)
    if "checkpoint" in ways:
        asked = patiently(lambda: nodes.ask_checkpoint(name, CHECKPOINT_S, around.cancelled), around)
        if asked:
            session.say(name, Phase.CORDONED, f"{', '.join(asked)} wrote a checkpoint", wave)


def put_back(session: Session, nodes: Nodes, host: Candidate) -> bool:
    """Undo what was done to a node whose host this run has not changed.

    False when the node stays cordoned: an earlier run has left its host half changed, or the cluster cannot be asked.
    """
    if not host.whole:
        return False
    try:
        patiently(lambda: nodes.operands(host.name, on=True), session.around)
        patiently(lambda: nodes.restore(host.name), session.around)
        if "shift_traffic" in session.spec.on_drain.values():
            patiently(lambda: nodes.shift_traffic(host.name, away=False), session.around)
    except CausewayError:
        return False
    return True


def _pods(pods: Sequence[PodLeft]) -> str:
    first, *others = pods
    more = f" and {len(others)} more" if others else ""
    return f"pod {first.namespace}/{first.name}{more} ({first.reason})"


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 60 else f"{seconds:.0f} s"
