"""Takes a host out of service: cordon, traffic or checkpoint, evictions, device plugin and exporter off.

Whatever goes wrong before anything on the host was changed is undone: a host that is well is not left cordoned, and
one that an earlier run has left half changed does not serve until it is proved.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from causeway.cluster.model import Nodes, NodeState, PodLeft
from causeway.errors import CausewayError, Retryable
from causeway.hosts.classify import Candidate
from causeway.hosts.model import Phase
from causeway.hosts.patience import patiently
from causeway.hosts.session import Session, Wave
from causeway.hosts.waking import wake

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
        why = _leave(session, nodes, host, wave)
        at_once = [host] if why and not host.asleep else []
        return Left(why, cordoned=bool(why) and not put_back(session, nodes, at_once, wave))

    with ThreadPoolExecutor(min(AT_ONCE, len(hosts)), "leave") as threads:
        left = dict(zip((host.name for host in hosts), threads.map(one, hosts), strict=True))
    asleep = [host for host in hosts if host.asleep and left[host.name].why]
    woken = put_back(session, nodes, asleep, wave)
    return {name: replace(each, cordoned=False) if name in woken else each for name, each in left.items()}


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


def _leave(session: Session, nodes: Nodes, host: Candidate, wave: Wave) -> str:
    """Why a host did not leave service; empty when it did."""
    try:
        return "" if host.node is None else _emptied(session, nodes, host, host.node, wave)
    except Retryable as error:
        return f"the cluster's API does not answer: {error.reason}"
    except CausewayError as error:
        return f"{error.code}: {error.reason}"


def _emptied(session: Session, nodes: Nodes, host: Candidate, node: NodeState, wave: Wave) -> str:
    """Go through the steps; why one did not succeed, empty when all did."""
    name, around, spec = host.name, session.around, session.spec
    held = node.mark if node.mark is not None and not node.schedulable else None
    ours = node.schedulable or (held is not None and held.cordoned)
    begun = Phase(held.phase) if held is not None and held.phase in set(Phase) else Phase.CORDONED

    def mark(phase: Phase) -> None:
        patiently(lambda: nodes.mark(name, session.mark(phase, cordoned=ours)), around)

    session.say(name, Phase.PENDING, "leaves service: cordoned", wave)
    patiently(lambda: nodes.cordon(name, session.mark(begun, cordoned=ours)), around)
    _warn_workloads(session, nodes, name, wave)
    session.say(name, Phase.CORDONED, "waits for its workloads to leave", wave)
    seconds = spec.rollout.drain_timeout.total_seconds()
    drained = nodes.drain(name, seconds, around.cancelled)
    if around.cancelled():
        return "cancelled"
    dead = not node.ready
    if drained.left and not dead:  # on a node that is down pods stay; whether they hold a device is seen on the host
        late = f"did not leave within {_minutes(seconds)}" if drained.tried else "keeps it from being emptied"
        return f"{_pods(drained.left)} {late}"
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


def put_back(
    session: Session, nodes: Nodes, hosts: Sequence[Candidate], wave: Wave, *, quiesced: bool = False
) -> set[str]:
    """Undo what was done to nodes whose hosts this run has not changed.

    Args:
        session: the run.
        nodes: their cluster.
        hosts: the hosts.
        wave: for whoever watches.
        quiesced: whether this run has stopped the vendor's services on them.

    Returns:
        Names of those that are in service again. The others stay cordoned: an earlier run has left the host half
        changed, its vendor's services do not start, or the cluster cannot be asked.
    """
    whole = [host for host in hosts if host.whole]
    ends = wake(session, [host.name for host in whole if quiesced or host.asleep], wave)
    awake = [host.name for host in whole if host.name not in ends or ends[host.name].kind == "ok"]
    if not awake:
        return set()
    with ThreadPoolExecutor(min(AT_ONCE, len(awake)), "back") as threads:
        served = threads.map(lambda name: _served(session, nodes, name), awake)
        return {name for name, back in zip(awake, served, strict=True) if back}


def _served(session: Session, nodes: Nodes, name: str) -> bool:
    """Undo what was done to a node; false when the cluster cannot be asked."""
    try:
        patiently(lambda: nodes.operands(name, on=True), session.around)
        patiently(lambda: nodes.restore(name), session.around)
        if "shift_traffic" in session.spec.on_drain.values():
            patiently(lambda: nodes.shift_traffic(name, away=False), session.around)
    except CausewayError:
        return False
    return True


def _pods(pods: Sequence[PodLeft]) -> str:
    first, *others = pods
    more = f" and {len(others)} more" if others else ""
    return f"pod {first.namespace}/{first.name}{more} ({first.reason})"


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 60 else f"{seconds:.0f} s"
