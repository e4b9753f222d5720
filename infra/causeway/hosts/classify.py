"""What each host needs, decided from what it says of itself, what its node says, and what was declared. No effects."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from causeway.cluster.model import NodeState
from causeway.hosts.lock import Lock, lock_of
from causeway.hosts.model import OUT_OF_SERVICE, HostFacts, HostSpec, Phase, PoolSpec
from causeway.hosts.stamp import Stamp, stamp_of
from causeway.hosts.states import Past, past
from causeway.plan.disruption import ORDER

CANARY_UNWELL = "canary-unwell"
CLUSTER_AWAY = "cluster-away"
NOT_OFFERED = "accelerators-missing"
NODE_GONE = "node-missing"
NOT_READY = "node-not-ready"
RETURN_CUT = "return-interrupted"
OF_THE_NODE = (CANARY_UNWELL, CLUSTER_AWAY, NOT_OFFERED, NODE_GONE, NOT_READY, RETURN_CUT)
"""Failures of hosts that are right: only their nodes are not in service."""
EMPTYING = ("drain", "reboot")
"""Disruptions for which a host's workloads have to leave."""


class Need(StrEnum):
    """What a host needs."""

    NOTHING = "nothing"
    """Its stamp proves it right, and its node is in service."""
    LEAVE = "leave"
    """Declared out of service."""
    RESTORE = "restore"
    """Its stamp proves it right, but a run that ended early has left its node marked or without operands or its
    services stopped, or the last run failed on its node."""
    CHECK = "check"
    """Only the code differs, or it drifted or failed although its stamp is right, or it serves and has no stamp: a run
    in check mode decides."""
    JOIN = "join"
    """Nothing runs on it yet: no window, no cordon, no drain."""
    CHANGE = "change"
    """In service, and to be changed in waves."""
    UNREACHABLE = "unreachable"
    LOCKED = "locked"
    """Another run that lives holds it."""
    UNKNOWN = "unknown"
    """Whether it is in service cannot be told, since the cluster does not answer."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A host and what it needs.

    Args:
        disruption: the most that the change may do to it.
        out: whether it is out of service already, so that working on it takes nothing away.
        why: of a host that is unreachable.
        asleep: whether a run that ended early has left the vendor's services stopped (`quiesced` in the facts).
    """

    host: HostSpec
    need: Need
    node: NodeState | None = None
    stamp: Stamp | None = None
    lock: Lock | None = None
    disruption: str = "reboot"
    out: bool = False
    why: str = ""
    asleep: bool = False

    @property
    def name(self) -> str:
        """The host's name."""
        return self.host.name

    @property
    def whole(self) -> bool:
        """Whether it may serve again as it is.

        It may when it did so before this run, or when nobody has changed it since it was last proved. A host that was
        never worked on counts as unchanged, unless a run has gone further with it than to cordon its node.
        """
        mark = self.node.mark if self.node is not None else None
        if self.node is not None and self.node.schedulable and mark is None:
            return True
        if self.stamp is not None:
            return self.stamp.verified
        return mark is None or mark.phase == Phase.CORDONED

    @property
    def right(self) -> bool:
        """Whether its stamp says what is wanted, be it true or not."""
        return self.stamp is not None and self.stamp.says(self.host.desired)

    @property
    def empties(self) -> bool:
        """Whether its workloads have to leave; a host that joins has none."""
        return self.need is not Need.JOIN and self.disruption in EMPTYING

    def change(self, disruption: str) -> Candidate:
        """The same host, to be changed in waves."""
        return replace(self, need=Need.CHANGE, disruption=disruption)


@dataclass(frozen=True, slots=True)
class Sight:
    """What is known of a host at the start of a run.

    Args:
        node: its node; None when there is none, or `asked` is false.
        asked: whether the cluster answered.
        pods: pods on the node that a drain would evict; None when nobody asked.
    """

    facts: HostFacts
    node: NodeState | None
    asked: bool
    pods: int | None = None


def classify(spec: PoolSpec, host: HostSpec, before: str, sight: Sight, owner: str, now: datetime) -> Candidate:
    """What one host needs.

    Args:
        spec: its pool.
        host: the host.
        before: its state of the last run.
        sight: what is known of it now.
        owner: the lock owner that this run is.
        now: for locks that expire.
    """
    if host.desired == OUT_OF_SERVICE:
        return Candidate(host, Need.LEAVE, out=True)
    if sight.facts.facts is None:
        return Candidate(
            host,
            Need.UNREACHABLE,
            sight.node,
            out=is_out(host, sight.node, asked=sight.asked),
            why=sight.facts.unreachable,
        )
    found = Candidate(
        host,
        Need.CHANGE,
        sight.node,
        stamp_of(sight.facts.facts, host.name),
        lock_of(sight.facts.facts),
        out=is_out(host, sight.node, asked=sight.asked),
        asleep=sight.facts.facts.get("quiesced") is True,
    )
    if found.lock is not None and found.lock.held(owner, now):
        return replace(found, need=Need.LOCKED)
    return _by_stamp(spec, found, before, sight)


def _by_stamp(spec: PoolSpec, found: Candidate, before: str, sight: Sight) -> Candidate:
    stamp, host, kept = found.stamp, found.host, past(before)
    if found.right and not kept.is_drifted:
        held = found.asleep or left_behind(sight.node)
        of_the_node = kept.code in OF_THE_NODE
        alone = of_the_node and (not sight.asked or (kept.code in (CANARY_UNWELL, NODE_GONE) and not host.joining))
        if alone or (held and (of_the_node or not kept.found)):
            return replace(found, need=Need.RESTORE)
        again = Need.JOIN if host.joining else Need.CHECK
        return replace(found, need=again if kept.found else Need.NOTHING)
    if host.joining or (sight.asked and not _serves(spec, stamp, sight)):
        return replace(found, need=Need.JOIN)
    if stamp is not None and (stamp.has_intent_of(host.desired) or (kept.is_drifted and stamp.verified)):
        return replace(found, need=Need.CHECK)
    if not sight.asked:
        return replace(found, need=Need.UNKNOWN)
    if stamp is None:
        return replace(found, need=Need.CHECK)
    return replace(found, disruption=_asked(spec, stamp, kept))


def _asked(spec: PoolSpec, stamp: Stamp, kept: Past) -> str:
    """What a change may do to a host at first.

    One that is what it was when it was last right gets what the changes since then ask for, and no more.
    """
    if not kept.proved or not stamp.says(kept.proved):
        return ORDER[-1]
    return kept.worst(spec.disruption)


def left_behind(node: NodeState | None) -> bool:
    """Whether an earlier run's traces are on a node."""
    return node is not None and (node.mark is not None or not node.operands)


def _serves(spec: PoolSpec, stamp: Stamp | None, sight: Sight) -> bool:
    """Whether something may run on a host: it was verified once, or its node offers something or has pods.

    A host that was verified and has no node counts too: its cluster may be taken for another one.
    """
    node = sight.node
    if stamp is not None and stamp.verified:
        return True
    if node is None:
        return False
    if node.mark is not None or sight.pods is None or sight.pods:
        return True
    return spec.resource is not None and node.allocatable.get(spec.resource, 0) > 0


def is_out(host: HostSpec, node: NodeState | None, *, asked: bool) -> bool:
    """Whether a host is out of service now, whatever the cause."""
    if host.desired == OUT_OF_SERVICE or host.joining:
        return True
    if not asked:
        return False
    return node is None or not node.ready or not node.schedulable
