"""The Helm releases of a cluster: platform, each part of a workload, gateways, training jobs, a user's own charts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from causeway.capacity.offer import Capacity, WorkloadPart
from causeway.catalog import Catalog
from causeway.fleet.clusters import Cluster
from causeway.fleet.load import LoadedFleet
from causeway.fleet.sites import Site
from causeway.fleet.workloads import Workload
from causeway.plan import values
from causeway.plan.model import ReleasePlan

PLATFORM = "accelerator-platform"


@dataclass(frozen=True, slots=True)
class Scope:
    """One cluster, and what its releases are made from."""

    loaded: LoadedFleet
    catalog: Catalog
    capacity: Capacity
    name: str

    @property
    def cluster(self) -> Cluster:
        """The cluster's declaration."""
        return self.loaded.fleet.clusters[self.name]

    @property
    def site(self) -> Site:
        """The cluster's site."""
        return self.loaded.fleet.sites[self.cluster.site]


def releases(scope: Scope) -> tuple[ReleasePlan, ...]:
    """The releases of a cluster: platform, then workloads in declared order, then the user's own."""
    return (*_platform(scope), *_workloads(scope), *_own(scope))


def _platform(scope: Scope) -> Iterator[ReleasePlan]:
    if not any(pool.accelerator for pool in scope.cluster.pools.values()):
        return
    yield ReleasePlan(
        cluster=scope.name,
        name=PLATFORM,
        kind="platform",
        chart=PLATFORM,
        namespace=PLATFORM,
        values=values.over(values.platform(scope.cluster, scope.site, scope.catalog), scope.cluster.platform),
        path=("clusters", scope.name),
        applied_by=scope.cluster.delivery,
    )


def _workloads(scope: Scope) -> Iterator[ReleasePlan]:
    by_workload: dict[str, list[WorkloadPart]] = {}
    for part in scope.capacity.parts_on(scope.name):
        by_workload.setdefault(part.workload, []).append(part)
    for name, workload in scope.loaded.fleet.workloads.items():
        parts = by_workload.get(name, [])
        if workload.kind == "gateway":
            if parts:
                yield _gateway(scope, name, workload, parts[0].path)
            continue
        names = _part_names(name, parts)
        yield from (_part(scope, workload, part, names[part.index]) for part in parts)
        if workload.gateway is not None and workload.gateway.cluster == scope.name:
            yield _gateway(scope, name, workload, ("workloads", name, "gateway"))


def _part_names(workload: str, parts: list[WorkloadPart]) -> dict[int, str]:
    """Release names by the parts' positions: the workload and its pool, numbered when a pool has it twice."""
    seen: Counter[str | None] = Counter()
    found: dict[int, str] = {}
    for part in parts:
        seen[part.pool] += 1
        number = f"-{seen[part.pool]}" if seen[part.pool] > 1 else ""
        found[part.index] = f"{workload}-{part.pool}{number}" if part.index >= 0 else workload
    return found


def _part(scope: Scope, workload: Workload, part: WorkloadPart, name: str) -> ReleasePlan:
    made = (
        values.inference(workload, part, scope.cluster, scope.site, scope.catalog)
        if part.index >= 0
        else values.training(workload, part, scope.cluster, scope.site, scope.catalog, scope.loaded.fleet)
    )
    return ReleasePlan(
        cluster=scope.name,
        name=name,
        kind="inference" if part.index >= 0 else "training",
        chart="inference" if part.index >= 0 else "training",
        namespace=part.workload,
        values=values.over(made, workload.values),
        workload=part.workload,
        pool=part.pool,
        path=part.path,
        applied_by=scope.cluster.delivery,
    )


def _gateway(scope: Scope, name: str, workload: Workload, path: tuple[str | int, ...]) -> ReleasePlan:
    made = values.gateway(name, workload, scope.name, scope.site, _backends(scope, name))
    return ReleasePlan(
        cluster=scope.name,
        name=f"{name}-gateway",
        kind="gateway",
        chart="gateway",
        namespace=name,
        values=values.over(made, workload.values) if workload.kind == "gateway" else made,
        workload=name,
        pool=workload.gateway.pool if workload.gateway else None,
        secrets=(workload.upstream.key,) if workload.upstream else (),
        path=path,
        applied_by=scope.cluster.delivery,
    )


def _backends(scope: Scope, workload: str) -> tuple[values.Backend, ...]:
    """Every part of a workload on every cluster, with the release that serves it and its share of the traffic."""
    by_cluster: dict[str, list[WorkloadPart]] = {}
    for part in scope.capacity.parts:
        if part.workload == workload and part.index >= 0:
            by_cluster.setdefault(part.cluster, []).append(part)
    return tuple(
        values.Backend(cluster, _part_names(workload, parts)[part.index], part.pool, part.weight)
        for cluster, parts in by_cluster.items()
        for part in parts
    )


def _own(scope: Scope) -> Iterator[ReleasePlan]:
    for name, own in scope.cluster.releases.items():
        yield ReleasePlan(
            cluster=scope.name,
            name=name,
            kind="own",
            chart=own.chart,
            namespace=own.namespace,
            values=own.values,
            version=own.version,
            digest=own.digest,
            path=("clusters", scope.name, "releases", name),
            applied_by=scope.cluster.delivery,
        )
