"""Compares two plans: what changes for hosts, releases, leases, money and findings. Reads nothing, looks at no host."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from causeway.plan import diff_contracts
from causeway.plan.diff_fields import changes
from causeway.plan.diff_hosts import names_changed
from causeway.plan.diff_model import CapacityDiff, ClusterDiff, HostMove, Kind, PlanDiff, ReleaseDiff, Side
from causeway.plan.diff_order import orders
from causeway.plan.diff_pools import Judge, PoolSide
from causeway.plan.disruption import Disruptions
from causeway.plan.durations import Durations, default_durations
from causeway.plan.model import Baseline, ClusterPlan, FleetPlan, ReleasePlan


def diff(
    before: FleetPlan | None, after: FleetPlan | None, disruptions: Disruptions, durations: Durations | None = None
) -> PlanDiff:
    """What changes from one plan to another.

    Args:
        before: None when there was no fleet: everything is added.
        after: None when there is no fleet any more: everything is removed.
        disruptions: what a change of a variable does to a host.
        durations: minutes per host; the figures that come with Causeway when None.

    Raises:
        ValueError: both plans are None.
    """
    known = after or before
    if known is None:
        raise ValueError("two plans that do not exist cannot be compared")
    moves = _moves(before, after)
    moved = frozenset(name for move in moves for name in move.names)
    judge = Judge(disruptions, durations or default_durations(), moved, known.on)
    return PlanDiff(
        before=_side(before),
        after=_side(after),
        clusters=tuple(_clusters(judge, before, after)),
        moved=moves,
        leases=tuple(diff_contracts.leases(before, after)),
        money=diff_contracts.money(before, after),
        findings=diff_contracts.findings(before, after),
        orders=tuple(orders(disruptions.catalog, before, after)),
    )


def _side(plan: FleetPlan | None) -> Side | None:
    if plan is None:
        return None
    hosts = sum(pool.hosts for cluster in plan.clusters.values() for pool in cluster.pools)
    return Side(plan.fleet, plan.digest, plan.on, hosts, len(plan.clusters))


def _kind(before: object | None, after: object | None) -> Kind:
    return "added" if before is None else "removed" if after is None else "changed"


def _moves(before: FleetPlan | None, after: FleetPlan | None) -> tuple[HostMove, ...]:
    """Hosts that one pool lost and another gained. Pools whose names are equal cost one comparison."""
    old, new = _baselines(before), _baselines(after)
    went: dict[str, tuple[str, str]] = {}
    came: dict[str, tuple[str, str]] = {}
    for key in {**old, **new}:
        removed, added = names_changed(old.get(key), new.get(key))
        went |= dict.fromkeys(removed, key)
        came |= dict.fromkeys(added, key)
    moves: dict[tuple[tuple[str, str], tuple[str, str]], list[str]] = {}
    for name, target in came.items():
        if name in went:
            moves.setdefault((went[name], target), []).append(name)
    return tuple(HostMove(source, target, tuple(names)) for (source, target), names in sorted(moves.items()))


def _baselines(plan: FleetPlan | None) -> dict[tuple[str, str], Baseline]:
    clusters = plan.clusters.values() if plan is not None else ()
    return {(baseline.cluster, baseline.pool): baseline for cluster in clusters for baseline in cluster.baselines}


def _clusters(judge: Judge, before: FleetPlan | None, after: FleetPlan | None) -> Iterator[ClusterDiff]:
    old, new = (plan.clusters if plan is not None else {} for plan in (before, after))
    for name in {**old, **new}:
        had, has = old.get(name), new.get(name)
        sides = _pool_sides(had), _pool_sides(has)
        pools = (judge.pool(name, pool, sides[0].get(pool), sides[1].get(pool)) for pool in {**sides[0], **sides[1]})
        found = ClusterDiff(
            cluster=name,
            kind=_kind(had, has),
            fields=changes(_facts(had), _facts(has)) if had and has else (),
            pools=tuple(pool for pool in pools if pool is not None),
            releases=tuple(_releases(had, has)),
            capacity=tuple(_capacity(name, *sides)),
        )
        if found.kind != "changed" or found.fields or found.pools or found.releases or found.capacity:
            yield found


def _facts(cluster: ClusterPlan) -> dict[str, Any]:
    return {
        "site": cluster.site,
        "purpose": cluster.purpose,
        "delivery": cluster.delivery,
        "kubernetes": cluster.kubernetes,
    }


def _pool_sides(cluster: ClusterPlan | None) -> dict[str, PoolSide]:
    if cluster is None:
        return {}
    baselines = {baseline.pool: baseline for baseline in cluster.baselines}
    return {pool.pool: PoolSide(pool, baselines.get(pool.pool)) for pool in cluster.pools}


def _capacity(cluster: str, before: dict[str, PoolSide], after: dict[str, PoolSide]) -> Iterator[CapacityDiff]:
    for pool in {**before, **after}:
        sides = tuple(side.capacity if side is not None else None for side in (before.get(pool), after.get(pool)))
        if sides[0] != sides[1]:
            yield CapacityDiff(cluster, pool, *sides)


def _releases(before: ClusterPlan | None, after: ClusterPlan | None) -> Iterator[ReleaseDiff]:
    old, new = (
        {(release.namespace, release.name): release for release in cluster.releases} if cluster is not None else {}
        for cluster in (before, after)
    )
    for key in {**old, **new}:
        had, has = old.get(key), new.get(key)
        one = has or had
        if one is None or had == has:
            continue
        found = ReleaseDiff(
            cluster=one.cluster,
            namespace=one.namespace,
            name=one.name,
            kind=_kind(had, has),
            chart=one.chart,
            workload=one.workload,
            fields=changes(_release_facts(had), _release_facts(has)) if had and has else (),
            values=changes(had.values, has.values) if had and has else (),
        )
        if found.kind != "changed" or found.fields or found.values:
            yield found


def _release_facts(release: ReleasePlan) -> dict[str, Any]:
    return {
        "chart": release.chart,
        "version": release.version,
        "digest": release.digest,
        "pool": release.pool,
        "secrets": release.secrets,
        "delivery": release.applied_by,
    }
