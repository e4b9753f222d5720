"""The Helm releases of a cluster: platform, each part of a workload, gateways, training jobs, a user's own charts.

A release is known by its namespace and name, as Helm knows it; the namespace of a workload's releases is the workload.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from causeway.capacity.offer import Capacity, WorkloadPart
from causeway.catalog import Catalog
from causeway.errors import Permanent
from causeway.fleet.clusters import Cluster
from causeway.fleet.load import LoadedFleet
from causeway.fleet.sites import Site
from causeway.fleet.workloads import Workload
from causeway.plan import values
from causeway.plan.model import ReleasePlan

PLATFORM = "accelerator-platform"
GATEWAY = "gateway"
LONGEST = 53
"""Most characters of a release's name: Helm leaves ten of a label's 63 for what charts append
(https://helm.sh/docs/chart_template_guide/getting_started/)."""
_HASH = 8


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
    """The releases of a cluster: platform, then workloads in declared order, then the user's own.

    Raises:
        Permanent: a release of the user's own has a name that Helm refuses, or that another release has.
    """
    made = (*_platform(scope), *_workloads(scope))
    taken = {(release.namespace, release.name): release for release in made}
    own = tuple(_own(scope))
    for release in own:
        where = scope.loaded.marks.at(release.path)
        subject = f"clusters.{scope.name}.releases.{release.name}"
        if len(release.name) > LONGEST:
            reason = f"this name has {len(release.name)} characters, and Helm takes {LONGEST}"
            raise Permanent("release-name", reason, subject=subject, where=where, hint="choose a shorter name")
        if other := taken.get((release.namespace, release.name)):
            what = f"the workload {other.workload}" if other.workload else "the accelerator platform"
            reason = f"{what} has a release of this name in the namespace {release.namespace}"
            raise Permanent("duplicate-release", reason, subject=subject, where=where, hint="choose another name")
    return (*made, *own)


def part_names(workload: str, kind: str, parts: Sequence[WorkloadPart]) -> dict[int, str]:
    """Release names of a workload's parts on one cluster, by the parts' positions; no two are equal.

    `WORKLOAD-POOL`, `WORKLOAD-gateway[-POOL]` for a gateway, `WORKLOAD` for a training job; numbered where a pool has
    several parts. A pool's name can make one of these look like another: then a hash tells them apart. No name
    depends on other workloads, or on whether the workload has a gateway, since to rename a release is to replace it.
    """
    stem = f"{workload}-{GATEWAY}" if kind == GATEWAY else workload
    plain = {part.index: _joined(stem, part.pool if part.index >= 0 else None) for part in parts}
    reserved = {PLATFORM, *([] if kind == GATEWAY else [f"{workload}-{GATEWAY}"])}
    seen: Counter[str] = Counter()
    found: dict[int, str] = {}
    for part in parts:
        name = plain[part.index]
        seen[name] += 1
        numbered = name if seen[name] == 1 else f"{name}-{seen[name]}"
        clashes = numbered in reserved or (seen[name] > 1 and numbered in plain.values())
        found[part.index] = shortened(numbered, f"{name}/{seen[name]}" if clashes else None)
    return found


def _joined(stem: str, pool: str | None) -> str:
    return f"{stem}-{pool}" if pool is not None else stem


def shortened(name: str, identity: str | None = None) -> str:
    """A name that Helm takes: the name itself, or its beginning and a hash when it is too long or needs telling apart.

    Args:
        identity: what the hash is made from; None to hash only a name that is too long.
    """
    if len(name) <= LONGEST and identity is None:
        return name
    told = hashlib.sha256((identity or name).encode()).hexdigest()[:_HASH]
    return f"{name[: LONGEST - _HASH - 1].rstrip('-')}-{told}"


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
        names = part_names(name, workload.kind, parts)
        for part in parts:
            if workload.kind == GATEWAY:
                yield _gateway(scope, workload, names[part.index], name, part)
            else:
                yield _part(scope, workload, part, names[part.index])
        if workload.kind != GATEWAY and workload.gateway and workload.gateway.cluster == scope.name:
            yield _gateway(scope, workload, shortened(f"{name}-{GATEWAY}"), name, None)


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


def _gateway(scope: Scope, workload: Workload, release: str, name: str, part: WorkloadPart | None) -> ReleasePlan:
    """A gateway: the part of a workload that is one (`part`), or the address of a workload that serves itself."""
    place = values.GatewayPlace(scope.name, scope.cluster, scope.site, part)
    made = values.gateway(name, workload, place, _backends(scope, name), scope.catalog)
    own = workload.values if part else workload.gateway.values if workload.gateway else {}
    return ReleasePlan(
        cluster=scope.name,
        name=release,
        kind="gateway",
        chart="gateway",
        namespace=name,
        values=values.over(made, own),
        workload=name,
        pool=place.pool(workload),
        secrets=(workload.upstream.key,) if workload.upstream else (),
        path=part.path if part else ("workloads", name, "gateway"),
        applied_by=scope.cluster.delivery,
    )


def _backends(scope: Scope, workload: str) -> tuple[values.Backend, ...]:
    """Every part of a workload on every cluster, with the release that serves it and its share of the traffic."""
    by_cluster: dict[str, list[WorkloadPart]] = {}
    for part in scope.capacity.parts:
        if part.workload == workload and part.index >= 0:
            by_cluster.setdefault(part.cluster, []).append(part)
    return tuple(
        _backend(scope, part, part_names(workload, "inference", parts)[part.index])
        for parts in by_cluster.values()
        for part in parts
    )


def _backend(scope: Scope, part: WorkloadPart, release: str) -> values.Backend:
    declared = scope.loaded.fleet.workloads[part.workload].serve[part.index].engine
    engine = scope.catalog.engines.get(declared.name) if declared else None
    port, health = (engine.port, engine.health) if engine else (None, None)
    return values.Backend(part.cluster, release, part.pool, part.weight, port, health)


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
