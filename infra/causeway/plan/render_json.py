"""The JSON document of a diff. docs/cli.md describes its keys."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from causeway.capacity.offer import PoolCapacity
from causeway.plan.diff_model import ClusterDiff, Impact, MoneyChange, PlanDiff, PoolDiff, ReleaseDiff, Side
from causeway.plan.diff_order import OrderChange
from causeway.plan.durations import TimeEstimate
from causeway.plan.ranges import fold
from causeway.plan.render_view import NOT_LOOKED_AT, headline


def diff_document(diff: PlanDiff, before: str, after: str) -> dict[str, Any]:
    """The body of `causeway/diff/v1`.

    Args:
        diff: what changes.
        before: name of the side before, such as a revision.
        after: name of the side after.
    """
    found = diff.findings
    return {
        "before": _side(diff.before, before),
        "after": _side(diff.after, after),
        "changed": not diff.empty,
        "headline": headline(diff),
        "clusters": [_cluster_diff(cluster) for cluster in diff.clusters],
        "moved": [
            {"from": "/".join(move.source), "to": "/".join(move.target), "hosts": list(fold(move.names))}
            for move in diff.moved
        ],
        "orders": [_order(change) for change in diff.orders],
        "leases": [
            {
                "lease": lease.lease,
                "kind": lease.kind,
                "terms": [change.as_dict() for change in lease.terms],
                "shares": [{"cluster": name, "before": old, "after": new} for name, old, new in lease.shares],
            }
            for lease in diff.leases
        ],
        "money": {
            "currency": {"before": diff.money.currency[0], "after": diff.money.currency[1]},
            "fleet": _money(diff.money.fleet, comparable=diff.money.comparable),
            "clusters": [_money(change, comparable=diff.money.comparable) for change in diff.money.clusters],
            "lines": [_money(change, comparable=diff.money.comparable) for change in diff.money.lines],
        },
        "findings": {
            "new": [finding.as_dict() for finding in found.new],
            "gone": [finding.as_dict() for finding in found.gone],
            "changed": [{"before": each.before.as_dict(), "after": each.after.as_dict()} for each in found.changed],
            "same": len(found.same),
            "same_refusing": sum(finding.blocks for finding in found.same),
        },
        "not_looked_at": NOT_LOOKED_AT,
    }


def _order(change: OrderChange) -> dict[str, Any]:
    return {
        "subject": change.subject,
        "direction": change.plan.direction,
        "feasible": change.plan.feasible,
        "reason": change.plan.reason,
        "steps": [
            {
                "where": step.where,
                "changes": {field: {"before": old, "after": new} for field, (old, new) in step.changes.items()},
                "sequence": list(step.sequence),
                "verdict": step.verdict,
            }
            for step in change.plan.steps
        ],
    }


def _side(side: Side | None, name: str) -> dict[str, Any]:
    if side is None:
        return {"name": name, "fleet": None}
    return {**asdict(side), "name": name, "on": side.on.isoformat()}


def _cluster_diff(cluster: ClusterDiff) -> dict[str, Any]:
    return {
        "cluster": cluster.cluster,
        "kind": cluster.kind,
        "fields": [change.as_dict() for change in cluster.fields],
        "pools": [_pool_diff(pool) for pool in cluster.pools],
        "releases": [_release_diff(release) for release in cluster.releases],
        "capacity": [
            {"pool": pool.pool, "before": _capacity(pool.before), "after": _capacity(pool.after)}
            for pool in cluster.capacity
        ],
    }


def _pool_diff(pool: PoolDiff) -> dict[str, Any]:
    return {
        "pool": pool.pool,
        "kind": pool.kind,
        "hosts": {"before": pool.hosts_before, "after": pool.hosts_after},
        "fields": [change.as_dict() for change in pool.fields],
        "variables": [
            {
                **variable.change.as_dict(),
                "disruption": variable.disruption,
                "hosts": variable.hosts,
                "own_value": variable.own,
            }
            for variable in pool.variables
        ],
        "code": pool.code.as_dict() if pool.code is not None else None,
        "rollout": [change.as_dict() for change in pool.rollout],
        "added": list(fold(pool.added)),
        "removed": list(fold(pool.removed)),
        "retired": list(fold(pool.retired)),
        "returned": list(fold(pool.returned)),
        "changed": [
            {
                "hosts": list(fold(hosts.names)),
                "state": {"before": hosts.state[0], "after": hosts.state[1]} if hosts.state else None,
                "notes": [change.as_dict() for change in hosts.notes],
                "variables": [change.as_dict() for change in hosts.variables],
                "renumbered": list(hosts.renumbered),
                "disruption": hosts.disruption,
            }
            for hosts in pool.hosts
        ],
        "impact": _impact(pool.impact) if pool.impact is not None else None,
    }


def _impact(impact: Impact) -> dict[str, Any]:
    return {
        "disruption": impact.disruption,
        "hosts": impact.hosts,
        "accelerators": impact.accelerators,
        "waves": impact.waves,
        "hosts_out_at_once": impact.out_at_once,
        "accelerators_out_at_once": impact.accelerators_out,
        "time": _time(impact.estimate),
        "workloads": [asdict(move) for move in impact.moves],
    }


def _release_diff(release: ReleaseDiff) -> dict[str, Any]:
    return {
        "release": release.name,
        "namespace": release.namespace,
        "kind": release.kind,
        "chart": release.chart,
        "workload": release.workload,
        "fields": [change.as_dict() for change in release.fields],
        "values": [change.as_dict() for change in release.values],
    }


def _money(change: MoneyChange, *, comparable: bool) -> dict[str, Any]:
    return {
        "subject": change.subject,
        "before": change.before.as_dict(),
        "after": change.after.as_dict(),
        "difference": float(change.difference) if comparable else None,
        "complete": change.complete,
    }


def _capacity(pool: PoolCapacity | None) -> dict[str, Any] | None:
    return {**asdict(pool), "left": pool.left} if pool is not None else None


def _time(estimate: TimeEstimate) -> dict[str, Any]:
    return {**asdict(estimate), "last_window": estimate.last_window.isoformat() if estimate.last_window else None}
