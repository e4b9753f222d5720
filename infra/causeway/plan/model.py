"""What a plan says: for each cluster its baselines with their rollouts, its releases, its leases, money and findings.

A pool's hosts are its tuple of names; an object stands only for a host that differs from its pool.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from causeway.capacity.figures import Figure
from causeway.capacity.leases import LeaseEvent
from causeway.capacity.money import CostReport
from causeway.capacity.offer import PoolCapacity
from causeway.catalog.query import Query
from causeway.fleet.clusters import Rollout
from causeway.fleet.hosts import HostState
from causeway.plan.durations import TimeEstimate
from causeway.plan.fingerprint import desired_state
from causeway.plan.hostvars import PoolVariables
from causeway.plan.moves import WaveCapacity
from causeway.plan.waves import Waves
from causeway.policy.findings import Finding

ReleaseKind = Literal["platform", "inference", "training", "gateway", "own"]


@dataclass(frozen=True, slots=True)
class HostPlan:
    """A host that differs from its pool."""

    name: str
    number: int
    """In its pool, from 1, in declared order."""
    state: HostState
    reason: str | None
    until: date | None
    variables: Mapping[str, Any]
    """What differs from the pool's variables."""
    intent: str
    desired: str


@dataclass(frozen=True, slots=True)
class RolloutPlan:
    """How a change of the whole pool would reach its hosts."""

    settings: Rollout
    in_service: int
    """Hosts that would leave service in waves."""
    out_already: int
    """Hosts that are out of service now; they count against `max_unavailable`."""
    room: int
    """Most hosts of a wave."""
    waves: Waves
    capacity: tuple[WaveCapacity, ...]
    """What each stretch of equal waves means for the workloads."""
    estimate: TimeEstimate


@dataclass(frozen=True, slots=True)
class Baseline:
    """The desired state of a pool's hosts."""

    cluster: str
    pool: str
    accelerator: str | None
    variables: PoolVariables
    names: tuple[str, ...]
    """Hosts that are not retired, in declared order."""
    intent: str
    """Of a host that differs in nothing."""
    code: str | None
    """Fingerprint of the code that the pool's play reaches; None when no playbooks were read."""
    differing: Mapping[str, HostPlan]
    rollout: RolloutPlan
    retired: tuple[str, ...] = ()
    """Hosts that the declaration still names, and that are gone."""

    @property
    def role(self) -> str | None:
        """Ansible role of the driver stack."""
        return self.variables.role

    def desired(self, name: str) -> str:
        """The one short string that says what a host should be."""
        own = self.differing.get(name)
        return own.desired if own is not None else desired_state("in_service", self.intent, self.code)

    def hosts(self) -> Iterator[tuple[str, str]]:
        """(name, desired state) of every host, in declared order."""
        return ((name, self.desired(name)) for name in self.names)


@dataclass(frozen=True, slots=True)
class ReleasePlan:
    """A Helm release on a cluster."""

    cluster: str
    name: str
    kind: ReleaseKind
    chart: str
    """A chart of Causeway's by name, a path beside the declaration, or an OCI reference."""
    namespace: str
    values: Mapping[str, Any]
    workload: str | None = None
    pool: str | None = None
    version: str | None = None
    digest: str | None = None
    secrets: tuple[str, ...] = ()
    """Names of declared secrets that the release needs as objects."""
    path: tuple[str | int, ...] = ()
    """Where the declaration asks for it."""
    applied_by: Literal["pulumi", "argocd", "flux"] = "pulumi"


@dataclass(frozen=True, slots=True)
class LeasePlan:
    """A lease as one cluster uses it."""

    lease: str
    site: str
    accelerator: str
    quantity: int
    """Accelerators of the whole lease."""
    share: int
    """Accelerators of it in this cluster's pools."""
    start: date
    end: date
    price: str
    """Price for people; `unknown` when none is declared."""
    events: tuple[LeaseEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class VersionSet:
    """The versions of a pool, or of an engine on it, as the compatibility tables are asked for them."""

    pool: str
    workload: str | None
    """None for the pool itself."""
    index: int | None
    """Position under the workload's `serve`."""
    query: Query


@dataclass(frozen=True, slots=True)
class ClusterPlan:
    """Everything that one cluster, one stack, needs."""

    cluster: str
    site: str
    purpose: str
    delivery: Literal["pulumi", "argocd", "flux"]
    kubernetes: str
    baselines: tuple[Baseline, ...]
    releases: tuple[ReleasePlan, ...]
    leases: tuple[LeasePlan, ...]
    pools: tuple[PoolCapacity, ...]
    monthly: Figure
    findings: tuple[Finding, ...]
    versions: tuple[VersionSet, ...] = ()

    @property
    def hosts(self) -> int:
        """Hosts that baselines keep."""
        return sum(len(baseline.names) for baseline in self.baselines)


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """The plan of a whole fleet on a day."""

    fleet: str
    on: date
    digest: str
    """Of the declaration's files."""
    cost: CostReport
    clusters: Mapping[str, ClusterPlan]
    findings: tuple[Finding, ...]
    """All findings: those of the rules, then those that only waves could tell."""
    events: tuple[LeaseEvent, ...] = field(default=())
