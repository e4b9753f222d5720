"""Builds a fleet's plan: one cluster after the other, one pool after the other, one host only where it differs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType

from causeway.capacity.leases import LeaseEvent, calendar
from causeway.capacity.money import CostReport
from causeway.capacity.offer import Capacity
from causeway.catalog import Catalog
from causeway.fleet.hosts import PoolHosts
from causeway.fleet.load import LoadedFleet
from causeway.plan import rollout
from causeway.plan.durations import Durations, default_durations
from causeway.plan.fingerprint import UNSEALED, Seal
from causeway.plan.host_plans import HostPlans
from causeway.plan.hostvars import PoolVariables, pool_variables
from causeway.plan.model import Baseline, ClusterPlan, FleetPlan, LeasePlan, VersionSet
from causeway.plan.playbook_code import CodeOf
from causeway.plan.releases import Scope, releases
from causeway.policy.compatibility import query_of
from causeway.policy.findings import Finding


def _no_code(_pool: PoolVariables) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Sources:
    """What a plan is made from. All of it comes in; nothing is read here."""

    loaded: LoadedFleet
    catalog: Catalog
    capacity: Capacity
    cost: CostReport
    findings: tuple[Finding, ...]
    on: date
    durations: Durations = field(default_factory=default_durations)
    seal: Seal = UNSEALED
    code_of: CodeOf = _no_code


def build(sources: Sources) -> FleetPlan:
    """The plan of every cluster of a fleet.

    Raises:
        Permanent: two releases of a cluster would be one, or the playbooks name a file that is missing.
    """
    events = calendar(sources.loaded)
    baselines = {name: _baselines(sources, name) for name in sources.loaded.fleet.clusters}
    waved = tuple(
        finding
        for name, made in baselines.items()
        for baseline in made
        for finding in rollout.findings(sources.loaded, name, baseline.pool, baseline.rollout, sources.on)
    )
    findings = rollout.merged(sources.findings, waved)
    return FleetPlan(
        fleet=sources.loaded.fleet.name,
        on=sources.on,
        digest=sources.loaded.digest,
        cost=sources.cost,
        clusters=MappingProxyType(
            {name: _cluster(sources, name, made, findings, events) for name, made in baselines.items()}
        ),
        findings=findings,
        events=events,
    )


def _cluster(
    sources: Sources,
    name: str,
    baselines: tuple[Baseline, ...],
    findings: tuple[Finding, ...],
    events: tuple[LeaseEvent, ...],
) -> ClusterPlan:
    declared = sources.loaded.fleet.clusters[name]
    return ClusterPlan(
        cluster=name,
        site=declared.site,
        purpose=declared.purpose,
        delivery=declared.delivery,
        kubernetes=declared.kubernetes.version,
        baselines=baselines,
        releases=releases(Scope(sources.loaded, sources.catalog, sources.capacity, name)),
        leases=tuple(_leases(sources, name, events)),
        pools=tuple(pool for (cluster, _), pool in sources.capacity.pools.items() if cluster == name),
        monthly=sources.cost.monthly_of(name),
        findings=tuple(finding for finding in findings if name in finding.clusters),
        versions=tuple(_versions(sources, name)),
    )


def _versions(sources: Sources, cluster: str) -> Iterator[VersionSet]:
    """The versions of each pool with accelerators, then of each engine on it."""
    fleet = sources.loaded.fleet
    declared = fleet.clusters[cluster]
    for name, pool in declared.pools.items():
        if not pool.accelerator:
            continue
        yield VersionSet(name, None, None, query_of(declared, pool))
        for part in sources.capacity.parts_on(cluster, name):
            engine = fleet.workloads[part.workload].serve[part.index].engine if part.index >= 0 else None
            if engine is not None:
                yield VersionSet(name, part.workload, part.index, query_of(declared, pool, engine))


def _baselines(sources: Sources, cluster: str) -> tuple[Baseline, ...]:
    pools = sources.loaded.fleet.clusters[cluster].pools
    return tuple(
        _baseline(sources, sources.loaded.hosts.pool(cluster, name))
        for name, pool in pools.items()
        if pool.nodes is None
    )


def _baseline(sources: Sources, hosts: PoolHosts) -> Baseline:
    variables = pool_variables(sources.loaded, sources.catalog, hosts.cluster, hosts.pool)
    code = sources.code_of(variables)
    differing = HostPlans(variables, hosts, sources.seal, code)
    return Baseline(
        cluster=hosts.cluster,
        pool=hosts.pool,
        accelerator=sources.loaded.fleet.clusters[hosts.cluster].pools[hosts.pool].accelerator,
        variables=variables,
        names=hosts.names,
        intent=differing.pool_intent,
        code=code,
        differing=differing,
        rollout=rollout.rollout_plan(
            sources.loaded, sources.capacity, hosts, variables.role, sources.durations, sources.on
        ),
        retired=tuple(hosts.retired),
    )


def _leases(sources: Sources, cluster: str, events: tuple[LeaseEvent, ...]) -> Iterator[LeasePlan]:
    fleet = sources.loaded.fleet
    shares: dict[str, int] = {}
    for name, pool in fleet.clusters[cluster].pools.items():
        if pool.lease is not None:
            share = sources.capacity.pools[cluster, name].hosts * pool.accelerators_per_host
            shares[pool.lease] = shares.get(pool.lease, 0) + share
    for name, share in shares.items():
        lease = fleet.leases[name]
        price = lease.price
        yield LeasePlan(
            lease=name,
            site=lease.site,
            accelerator=lease.accelerator,
            quantity=lease.quantity,
            share=share,
            start=lease.term.start,
            end=lease.term.end,
            price=f"{price.amount} {price.currency} per {price.per.replace('_', ' ')}" if price else "unknown",
            events=tuple(event for event in events if event.lease == name),
        )
