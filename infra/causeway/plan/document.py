"""A plan as the plain document of `causeway plan --json` (`causeway/plan/v1`); docs/plan.md describes it.

Hosts are ranges, waves are stretches of equal waves, and a host stands by itself only where it differs: the document
of a pool of 10,000 hosts is as long as that of a pool of ten.
"""

from __future__ import annotations

from typing import Any

from causeway.capacity.offer import PoolCapacity
from causeway.plan.diff_fields import without_secrets
from causeway.plan.durations import TimeEstimate
from causeway.plan.hostvars import HOST_NUMBER
from causeway.plan.model import Baseline, ClusterPlan, FleetPlan, HostPlan, LeasePlan, ReleasePlan, RolloutPlan
from causeway.plan.moves import WaveCapacity
from causeway.plan.ranges import fold
from causeway.policy.findings import Finding

Document = dict[str, Any]


def fleet_document(plan: FleetPlan, cluster: str | None = None) -> Document:
    """The plan of all clusters, or of one.

    Raises:
        KeyError: there is no such cluster.
    """
    chosen = plan.clusters.values() if cluster is None else (plan.clusters[cluster],)
    return {
        "fleet": plan.fleet,
        "as_of": plan.on.isoformat(),
        "digest": plan.digest,
        "currency": plan.cost.currency,
        "clusters": {each.cluster: cluster_document(each) for each in chosen},
    }


def cluster_document(plan: ClusterPlan) -> Document:
    """The plan of one cluster."""
    return {
        "site": plan.site,
        "purpose": plan.purpose,
        "delivery": plan.delivery,
        "kubernetes": plan.kubernetes,
        "pools": [_pool(pool) for pool in plan.pools],
        "baselines": [_baseline(baseline) for baseline in plan.baselines],
        "releases": [_release(release) for release in plan.releases],
        "leases": [_lease(lease) for lease in plan.leases],
        "monthly": plan.monthly.as_dict(),
        "findings": [finding.as_dict() for finding in to_tell(plan.findings)],
    }


def to_tell(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """The findings that say something is to be known: those that failed or lack data, accepted ones among them."""
    return tuple(finding for finding in findings if finding.verdict in ("fail", "unknown"))


def special(baseline: Baseline) -> tuple[HostPlan, ...]:
    """The hosts that differ in more than their number."""
    return tuple(
        host
        for host in baseline.differing.values()
        if host.state != "in_service" or host.variables.keys() - {HOST_NUMBER}
    )


def _pool(pool: PoolCapacity) -> Document:
    return {
        "pool": pool.pool,
        "accelerator": pool.accelerator,
        "accelerators_per_host": pool.per_host,
        "hosts": pool.hosts,
        "hosts_in_service": pool.hosts_in_service,
        "installed": pool.installed,
        "offered": pool.offered,
        "asked": pool.asked,
        "left": pool.left,
    }


def _baseline(baseline: Baseline) -> Document:
    return {
        "pool": baseline.pool,
        "role": baseline.role,
        "hosts": list(fold(baseline.names)),
        "count": len(baseline.names),
        "groups": list(baseline.variables.groups),
        "variables": without_secrets(baseline.variables.variables),
        "intent": baseline.intent,
        "code": baseline.code,
        "numbered": baseline.variables.numbered,
        "differing": [_host(host) for host in special(baseline)],
        "rollout": _rollout(baseline.rollout),
    }


def _host(host: HostPlan) -> Document:
    return {
        "host": host.name,
        "number": host.number,
        "state": host.state,
        "reason": host.reason,
        "until": host.until.isoformat() if host.until else None,
        "variables": without_secrets({name: it for name, it in host.variables.items() if name != HOST_NUMBER}),
        "desired": host.desired,
    }


def _rollout(plan: RolloutPlan) -> Document:
    return {
        "settings": plan.settings.model_dump(mode="json"),
        "in_service": plan.in_service,
        "out_of_service": plan.out_already,
        "room": plan.room,
        "waves": [{"first": run.first, "last": run.last, "hosts": run.hosts} for run in plan.waves.runs],
        "capacity": [_capacity(stretch) for stretch in plan.capacity],
        "time": _time(plan.estimate),
    }


def _capacity(stretch: WaveCapacity) -> Document:
    return {
        "first_wave": stretch.first_wave,
        "last_wave": stretch.last_wave,
        "hosts": stretch.hosts,
        "accelerators_out": stretch.accelerators_out,
        "accelerators_left": stretch.accelerators_left,
        "workloads": [
            {
                "workload": move.workload,
                "index": move.index,
                "replicas": move.replicas,
                "hit": move.hit,
                "without_room": move.without_room,
                "missing_accelerators": move.missing_accelerators,
                "on_drain": move.on_drain,
                "effect": move.effect,
            }
            for move in stretch.moves
        ],
    }


def _time(estimate: TimeEstimate) -> Document:
    return {
        "typical_minutes": estimate.typical_minutes,
        "worst_minutes": estimate.worst_minutes,
        "windows": estimate.windows,
        "last_window": estimate.last_window.isoformat() if estimate.last_window else None,
        "waves_beyond_window": estimate.waves_beyond_window,
        "basis": estimate.basis,
    }


def _release(release: ReleasePlan) -> Document:
    return {
        "name": release.name,
        "kind": release.kind,
        "chart": release.chart,
        "version": release.version,
        "digest": release.digest,
        "namespace": release.namespace,
        "workload": release.workload,
        "pool": release.pool,
        "applied_by": release.applied_by,
        "secrets": list(release.secrets),
        "values": without_secrets(release.values),
    }


def _lease(lease: LeasePlan) -> Document:
    return {
        "lease": lease.lease,
        "site": lease.site,
        "accelerator": lease.accelerator,
        "quantity": lease.quantity,
        "share": lease.share,
        "start": lease.start.isoformat(),
        "end": lease.end.isoformat(),
        "price": lease.price,
        "days": [{"day": event.day.isoformat(), "kind": event.kind} for event in lease.events],
    }
