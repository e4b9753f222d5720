"""Makes a stack's document from the plan of its cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from causeway.capacity.leases import notice_day
from causeway.errors import Permanent
from causeway.fleet.clusters import Rollout
from causeway.fleet.hosts import Host
from causeway.fleet.problems import nearest
from causeway.plan.disruption import Disruptions
from causeway.plan.fingerprint import digest, secret_names
from causeway.plan.model import Baseline, ClusterPlan, LeasePlan, ReleasePlan
from causeway.policy.findings import Finding
from causeway.program.document import Extent, Inputs, Obstacle, ReleaseDocument, SecretSource, StackDocument
from causeway.program.fleet_plan import PlannedFleet
from causeway.program.ordered_ranges import fold_in_order


def document(planned: PlannedFleet, cluster: str) -> StackDocument:
    """What a cluster's stack declares.

    Raises:
        Permanent: the fleet has no such cluster.
    """
    fleet = planned.loaded.fleet
    plan = planned.plan.clusters.get(cluster)
    if plan is None:
        known = ", ".join(sorted(planned.plan.clusters))
        raise Permanent(
            "unknown-cluster",
            f"the fleet {fleet.name} declares no cluster {cluster}; it has {known}",
            where=str(planned.loaded.root),
            hint=f"choose one of these stacks, or wind this one up: pulumi destroy --stack {fleet.name}.{cluster}",
        )
    declared = fleet.clusters[cluster]
    pools = {each.pool: _pool(planned, each) for each in plan.baselines}
    releases = tuple(_release(planned, each, plan.kubernetes) for each in plan.releases if each.applied_by == "pulumi")
    needed = {name for pool in pools.values() for name in pool["secretNames"]}
    needed |= {name for release in releases for name in release.secrets}
    access = declared.kubernetes.access.model_dump(mode="json")
    if "secret" in access:
        needed.add(access["secret"])
    extents = dict(_extents(planned, plan))
    return StackDocument(
        fleet=fleet.name,
        cluster=cluster,
        site=plan.site,
        tenure=fleet.sites[plan.site].tenure,
        kubernetes=plan.kubernetes,
        delivery=plan.delivery,
        on=planned.plan.on.isoformat(),
        access=access,
        leases={each.lease: _lease(planned, each) for each in plan.leases},
        pools=pools,
        releases=releases,
        secrets={name: _source(planned, name) for name in sorted(needed)},
        obstacles=tuple(_obstacle(each, cluster, extents) for each in plan.findings if each.open),
        extents=extents,
    )


def _lease(planned: PlannedFleet, plan: LeasePlan) -> Inputs:
    lease = planned.loaded.fleet.leases[plan.lease]
    return {
        "lease": plan.lease,
        "site": plan.site,
        "accelerator": plan.accelerator,
        "quantity": plan.quantity,
        "share": plan.share,
        "start": plan.start.isoformat(),
        "end": plan.end.isoformat(),
        "price": plan.price,
        "noticeBy": notice_day(lease).isoformat(),
        "protection": _protection(planned, plan.lease, f"lease/{plan.lease}"),
    }


def _protection(planned: PlannedFleet, lease: str, *subjects: str) -> Inputs:
    """What keeps leased capacity from being given up, and the approvals that allow it."""
    approvals = [
        {"operation": each.operation, "approvedBy": each.approved_by, "expires": each.expires.isoformat()}
        for each in planned.loaded.fleet.policy.approvals
        if each.subject in (lease, *subjects)
    ]
    return {"subject": lease, "why": f"capacity of the lease {lease}", "approvals": approvals}


def _pool(planned: PlannedFleet, baseline: Baseline) -> dict[str, Any]:
    loaded, catalog = planned.loaded, planned.catalog
    cluster = loaded.fleet.clusters[baseline.cluster]
    declared = cluster.pools[baseline.pool]
    hosts = loaded.hosts.pool(baseline.cluster, baseline.pool)
    variables = dict(baseline.variables.variables)
    overrides = {name: _override(host, hosts.address) for name, host in {**hosts.records, **hosts.retired}.items()}
    disruptions = Disruptions(catalog, planned.playbooks)
    named = {*variables, *(name for each in overrides.values() for name in each.get("variables", {}))}
    entry = catalog.accelerators.get(declared.accelerator) if declared.accelerator else None
    made = {
        "fleet": loaded.fleet.name,
        "cluster": baseline.cluster,
        "pool": baseline.pool,
        "role": baseline.role,
        "context": dict(baseline.variables.context),
        "connection": dict(baseline.variables.connection),
        "variables": _plain(variables),
        "hosts": list(fold_in_order(hosts.declared)),
        "address": hosts.address,
        "overrides": {name: each for name, each in overrides.items() if each},
        "code": baseline.code,
        "rollout": rollout_inputs(declared.rollout),
        "room": baseline.rollout.room,
        "timeZone": loaded.fleet.sites[cluster.site].time_zone,
        "resource": entry.resource if entry else None,
        "accelerators": declared.accelerators_per_host if declared.accelerator else 0,
        "disruption": {name: disruptions.of_variable(name) for name in sorted(named)},
        "codeDisruption": disruptions.of_role(baseline.role),
        "onDrain": {
            part.workload: loaded.fleet.workloads[part.workload].on_drain
            for part in planned.capacity.parts_on(baseline.cluster, baseline.pool)
        },
        "secretNames": sorted({*secret_names(variables), *secret_names({n: dict(o) for n, o in overrides.items()})}),
    }
    if declared.lease is not None:
        subject = f"{baseline.cluster}/{baseline.pool}"
        made["protection"] = _protection(planned, declared.lease, f"lease/{declared.lease}", subject)
    return {name: value for name, value in made.items() if value is not None}


def _override(host: Host, address: str) -> dict[str, Any]:
    own = {
        "state": host.state if host.state != "in_service" else None,
        "address": host.address if host.address != address.replace("{name}", host.name) else None,
        "rack": host.rack,
        "serial": host.serial,
        "expectedAccelerators": host.expected_accelerators,
        "variables": _plain(host.variables) or None,
    }
    return {name: value for name, value in own.items() if value is not None}


def rollout_inputs(rollout: Rollout) -> dict[str, Any]:
    """Settings of a rollout in the declaration's own words."""
    found = rollout.model_dump(mode="json", exclude_none=True)
    return {**found, "soak": _duration(rollout.soak), "drain_timeout": _duration(rollout.drain_timeout)}


def _duration(value: timedelta) -> str:
    seconds = int(value.total_seconds())
    return f"{seconds // 60}m" if seconds % 60 == 0 else f"{seconds}s"


def _plain(value: Any) -> Any:
    """A value as JSON has it: days as texts."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value


def _release(planned: PlannedFleet, plan: ReleasePlan, kubernetes: str) -> ReleaseDocument:
    inputs = {
        "release": plan.name,
        "namespace": plan.namespace,
        "chart": plan.chart,
        "kubernetes": kubernetes,
        "version": plan.version,
        "digest": plan.digest,
    }
    return ReleaseDocument(
        name=plan.name if plan.namespace in (plan.name, plan.workload) else f"{plan.namespace}/{plan.name}",
        kind=plan.kind,
        inputs={name: value for name, value in inputs.items() if value is not None},
        values=_plain(plan.values),
        secrets=plan.secrets,
        workload=plan.workload,
        pool=plan.pool,
        where=str(planned.loaded.marks.at(plan.path)),
    )


def _source(planned: PlannedFleet, name: str) -> SecretSource:
    secret = planned.loaded.fleet.secrets.get(name)
    if secret is None:
        known = list(planned.loaded.fleet.secrets)
        near = nearest(name, known)
        raise Permanent(
            "unknown-secret",
            f"no secret {name} is declared",
            where=str(planned.loaded.marks.at(("secrets",))),
            hint=f"did you mean {near}?" if near else "declare under `secrets` where its value comes from",
        )
    return SecretSource(secret.source, secret.name or name)


def _obstacle(finding: Finding, cluster: str, extents: Mapping[str, Extent]) -> Obstacle:
    return Obstacle(
        rule=finding.rule,
        severity=finding.severity,
        subject=finding.subject,
        items=_items(finding, cluster, extents),
        where=str(finding.where),
        reason=finding.reason,
        fix=finding.fix,
    )


def _items(finding: Finding, cluster: str, extents: Mapping[str, Extent]) -> tuple[str, ...]:
    """The parts of the stack that a finding is about; empty when it is about all of it."""
    match finding.path:
        case ("clusters", other, "pools", pool, *_) if other == cluster:
            return tuple(item for item in extents if item == f"pool/{pool}" or f"@{pool}/" in item)
        case ("workloads", workload, *_):
            return tuple(item for item in extents if item.startswith(f"workload/{workload}@"))
        case ("leases", lease, *_):
            return tuple(item for item in extents if item == f"lease/{lease}") or ()
    return ()


def _extents(planned: PlannedFleet, plan: ClusterPlan) -> Iterator[tuple[str, Extent]]:
    fleet = planned.loaded.fleet
    versions = {each.pool: digest(str(each.query)) for each in plan.versions if each.workload is None}
    for lease in plan.leases:
        yield f"lease/{lease.lease}", Extent(lease.share, digest([lease.accelerator, lease.site])[:12], "")
    for capacity in plan.pools:
        pool = fleet.clusters[plan.cluster].pools[capacity.pool]
        what = digest([pool.accelerator, pool.lease, pool.accelerators_per_host])[:12]
        yield f"pool/{capacity.pool}", Extent(capacity.hosts, what, versions.get(capacity.pool, "")[:12])
    for part in planned.capacity.parts_on(plan.cluster):
        workload = fleet.workloads[part.workload]
        data = workload.dataset.model_dump(mode="json") if workload.dataset else None
        what = digest([workload.kind, workload.audience, workload.model.name if workload.model else None, data])[:12]
        engine = workload.serve[part.index].engine if part.index >= 0 else None
        own = digest(engine.model_dump(mode="json") if engine else None)[:12]
        yield f"workload/{part.workload}@{part.pool or ''}/{part.index}", Extent(part.replicas, what, own)
