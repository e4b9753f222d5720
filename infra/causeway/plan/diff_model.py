"""What a diff of two plans says. Hosts that change alike are one entry with their names, however many they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Literal

from causeway.capacity.figures import Figure
from causeway.capacity.offer import PoolCapacity
from causeway.fleet.catalog_entries import Disruption
from causeway.fleet.hosts import HostState
from causeway.plan.diff_fields import Change
from causeway.plan.diff_order import OrderChange
from causeway.plan.durations import TimeEstimate
from causeway.plan.moves import PartMove
from causeway.policy.findings import Finding

Kind = Literal["added", "removed", "changed"]
Names = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two plans."""

    fleet: str
    digest: str
    on: date
    hosts: int
    clusters: int


@dataclass(frozen=True, slots=True)
class VariableChange:
    """A variable of a whole pool."""

    change: Change
    disruption: Disruption
    hosts: int
    """Hosts of the pool on both sides that take it from the pool."""
    own: int
    """Hosts that have a value of their own, so that the pool's does not reach them."""


@dataclass(frozen=True, slots=True)
class HostsChange:
    """Hosts of one pool that change alike, and otherwise than their pool."""

    names: Names
    state: tuple[HostState, HostState] | None
    """Before and after, when it changes."""
    notes: tuple[Change, ...]
    """`reason` and `until`."""
    variables: tuple[Change, ...]
    """Variables of their own, effective values."""
    renumbered: Names
    """Variables that follow the host's number in its pool, when that changes."""
    disruption: Disruption


@dataclass(frozen=True, slots=True)
class Impact:
    """How a pool's change reaches its hosts in service."""

    disruption: Disruption
    hosts: int
    """Hosts in service whose desired state changes."""
    accelerators: int
    """Accelerators of these hosts."""
    waves: int
    """0 when `max_unavailable` leaves no room, so that the change cannot begin."""
    out_at_once: int
    """Most hosts that leave service at once; 0 when none has to."""
    accelerators_out: int
    """Accelerators of these, at most."""
    estimate: TimeEstimate
    moves: tuple[PartMove, ...]
    """What the largest wave means for workloads; empty when no host leaves service."""


@dataclass(frozen=True, slots=True)
class PoolDiff:
    """What changes for one pool."""

    cluster: str
    pool: str
    kind: Kind
    hosts_before: int
    hosts_after: int
    fields: tuple[Change, ...] = ()
    """Facts of the pool that are no variables of its roles: accelerator, role, connection, nodes of a cloud pool."""
    variables: tuple[VariableChange, ...] = ()
    code: Change | None = None
    """Fingerprint of the code that the pool's play reaches."""
    rollout: tuple[Change, ...] = ()
    added: Names = ()
    removed: Names = ()
    """No longer declared. Hosts that moved to another pool are in neither."""
    retired: Names = ()
    returned: Names = ()
    """Were retired, and are not any more."""
    hosts: tuple[HostsChange, ...] = ()
    impact: Impact | None = None
    """None when no host in service changes."""

    @property
    def subject(self) -> str:
        """CLUSTER/POOL."""
        return f"{self.cluster}/{self.pool}"


@dataclass(frozen=True, slots=True)
class HostMove:
    """Hosts that went from one pool to another."""

    source: tuple[str, str]
    target: tuple[str, str]
    names: Names


@dataclass(frozen=True, slots=True)
class ReleaseDiff:
    """What changes for one Helm release. In another namespace it is another release."""

    cluster: str
    namespace: str
    name: str
    kind: Kind
    chart: str
    workload: str | None
    fields: tuple[Change, ...] = ()
    values: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class CapacityDiff:
    """Accelerators of a pool before and after; None where there is no such pool."""

    cluster: str
    pool: str
    before: PoolCapacity | None
    after: PoolCapacity | None


@dataclass(frozen=True, slots=True)
class MoneyChange:
    """An amount by the month before and after."""

    subject: str
    before: Figure
    after: Figure

    @property
    def difference(self) -> Decimal:
        """Of what is known."""
        return self.after.known - self.before.known

    @property
    def complete(self) -> bool:
        """True when nothing unknown is in it."""
        return self.before.complete and self.after.complete


@dataclass(frozen=True, slots=True)
class MoneyDiff:
    """Money by the month."""

    currency: tuple[str, str]
    fleet: MoneyChange
    clusters: tuple[MoneyChange, ...]
    lines: tuple[MoneyChange, ...]
    """Pools, and committed accelerators of a lease in no pool."""

    @property
    def comparable(self) -> bool:
        """True when both sides are in one currency."""
        return self.currency[0] == self.currency[1]

    @property
    def changed(self) -> bool:
        """True when an amount or the currency changed."""
        return bool(self.clusters or self.lines or not self.comparable or self.fleet.before != self.fleet.after)


@dataclass(frozen=True, slots=True)
class LeaseDiff:
    """What changes for one lease."""

    lease: str
    kind: Kind
    terms: tuple[Change, ...]
    shares: tuple[tuple[str, int, int], ...]
    """Cluster, and accelerators of the lease in its pools before and after."""


@dataclass(frozen=True, slots=True)
class FindingChange:
    """A finding that says something else than before."""

    before: Finding
    after: Finding


@dataclass(frozen=True, slots=True)
class FindingsDiff:
    """Findings that somebody has to know of: failed, unknown, or accepted by an exception."""

    new: tuple[Finding, ...] = ()
    gone: tuple[Finding, ...] = ()
    changed: tuple[FindingChange, ...] = ()
    same: tuple[Finding, ...] = ()
    """Were there before, and still are."""

    @property
    def blocking(self) -> tuple[Finding, ...]:
        """New or changed findings that refuse what they are about."""
        return tuple(f for f in (*self.new, *(change.after for change in self.changed)) if f.blocks)


@dataclass(frozen=True, slots=True)
class ClusterDiff:
    """What changes for one cluster."""

    cluster: str
    kind: Kind
    fields: tuple[Change, ...] = ()
    pools: tuple[PoolDiff, ...] = ()
    releases: tuple[ReleaseDiff, ...] = ()
    capacity: tuple[CapacityDiff, ...] = ()


@dataclass(frozen=True, slots=True)
class PlanDiff:
    """What changes from one plan to another; either may be missing, when there was no fleet."""

    before: Side | None
    after: Side | None
    clusters: tuple[ClusterDiff, ...]
    moved: tuple[HostMove, ...]
    leases: tuple[LeaseDiff, ...]
    money: MoneyDiff
    findings: FindingsDiff = field(default_factory=FindingsDiff)
    orders: tuple[OrderChange, ...] = ()
    """In which order drivers and engines change."""

    @property
    def empty(self) -> bool:
        """True when the two plans say the same."""
        told = self.findings.new or self.findings.gone or self.findings.changed
        one_sided = (self.before is None) != (self.after is None)
        return not (self.clusters or self.moved or self.leases or told or self.money.changed or one_sided)

    def pools(self) -> Iterator[PoolDiff]:
        """Pools that change, cluster by cluster."""
        return (pool for cluster in self.clusters for pool in cluster.pools)

    def releases(self) -> Iterator[ReleaseDiff]:
        """Releases that change, cluster by cluster."""
        return (release for cluster in self.clusters for release in cluster.releases)

    def capacity(self) -> Iterator[CapacityDiff]:
        """Pools whose capacity changes, cluster by cluster."""
        return (pool for cluster in self.clusters for pool in cluster.capacity)
