"""Builds a fleet's plan: one cluster after the other, one pool after the other, one host only where it differs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType

from causeway.capacity.leases import LeaseEvent, calendar
from causeway.capacity.money import CostReport
from causeway.capacity.offer import Capacity
from causeway.catalog import Catalog
from causeway.fleet.hosts import Host, PoolHosts
from causeway.fleet.load import LoadedFleet
from causeway.plan import rollout
from causeway.plan.durations import Durations, default_durations
from causeway.plan.fingerprint import UNSEALED, Seal, desired_state, intent
from causeway.plan.hostvars import PoolVariables, difference, effective, pool_variables
from causeway.plan.model import Baseline, ClusterPlan, FleetPlan, HostPlan, LeasePlan
from causeway.plan.releases import Scope, releases
from causeway.policy.findings import Finding

CodeOf = Callable[[str | None], str | None]
"""Fingerprint of the code that a driver role's play reaches; None for hosts without a role, or when it is not known."""


def _no_code(_role: str | None) -> None:
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
    """The plan of every cluster of a fleet."""
    events = calendar(sources.loaded)
    clusters = {name: _cluster(sources, name, events) for name in sources.loaded.fleet.clusters}
    own = [finding for cluster in clusters.values() for finding in cluster.findings if finding.rule == rollout.RULE]
    known = set(map(id, sources.findings))
    return FleetPlan(
        fleet=sources.loaded.fleet.name,
        on=sources.on,
        digest=sources.loaded.digest,
        cost=sources.cost,
        clusters=MappingProxyType(clusters),
        findings=(*sources.findings, *(finding for finding in own if id(finding) not in known)),
        events=events,
    )


def _cluster(sources: Sources, name: str, events: tuple[LeaseEvent, ...]) -> ClusterPlan:
    loaded = sources.loaded
    declared = loaded.fleet.clusters[name]
    baselines = tuple(
        _baseline(sources, loaded.hosts.pool(name, pool)) for pool, it in declared.pools.items() if it.nodes is None
    )
    ruled = tuple(finding for finding in sources.findings if name in finding.clusters)
    waved = tuple(
        rollout.accepted(finding, ruled)
        for baseline in baselines
        for finding in rollout.findings(loaded, name, baseline.pool, baseline.rollout, sources.on)
    )
    return ClusterPlan(
        cluster=name,
        site=declared.site,
        purpose=declared.purpose,
        delivery=declared.delivery,
        kubernetes=declared.kubernetes.version,
        baselines=baselines,
        releases=releases(Scope(loaded, sources.catalog, sources.capacity, name)),
        leases=tuple(_leases(sources, name, events)),
        pools=tuple(pool for (cluster, _), pool in sources.capacity.pools.items() if cluster == name),
        monthly=sources.cost.monthly_of(name),
        findings=(*ruled, *waved),
    )


def _baseline(sources: Sources, hosts: PoolHosts) -> Baseline:
    variables = pool_variables(sources.loaded, sources.catalog, hosts.cluster, hosts.pool)
    code = sources.code_of(variables.role)
    return Baseline(
        cluster=hosts.cluster,
        pool=hosts.pool,
        accelerator=sources.loaded.fleet.clusters[hosts.cluster].pools[hosts.pool].accelerator,
        variables=variables,
        names=hosts.names,
        intent=intent(effective(variables.variables, {}), sources.seal),
        code=code,
        differing=MappingProxyType({host.name: host for host in _differing(sources, variables, hosts, code)}),
        rollout=rollout.rollout_plan(
            sources.loaded, sources.capacity, hosts, variables.role, sources.durations, sources.on
        ),
        retired=tuple(hosts.retired),
    )


def _differing(sources: Sources, variables: PoolVariables, hosts: PoolHosts, code: str | None) -> Iterator[HostPlan]:
    if not variables.numbered and not hosts.records:
        return
    for number, name in hosts.numbered():
        record = hosts.records.get(name)
        own = difference(variables, number, record)
        if not own and (record is None or record.state == "in_service"):
            continue
        yield _host(sources.seal, variables.variables, name, number, record or hosts.host(name), own, code)


def _host(
    seal: Seal,
    pool: Mapping[str, object],
    name: str,
    number: int,
    record: Host,
    own: Mapping[str, object],
    code: str | None,
) -> HostPlan:
    fingerprint = intent(effective(pool, own), seal)
    return HostPlan(
        name=name,
        number=number,
        state=record.state,
        reason=record.reason,
        until=record.until,
        variables=own,
        intent=fingerprint,
        desired=desired_state(record.state, fingerprint, code),
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
