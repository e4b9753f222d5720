"""Whether declared versions fit together and are still supported, as the catalog's sourced tables say.

Each distinct question is asked once, however many pools and hosts share it. A known misfit stops, a doubt warns, and
what is not declared is not asked; only a pool of hosts without any driver version is told to be unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date
from functools import lru_cache

from causeway.capacity.offer import WorkloadPart
from causeway.catalog import Catalog
from causeway.catalog.decisions import Decision
from causeway.catalog.resolve import Proposal, Query, Resolution, resolve
from causeway.fleet.clusters import Cluster, Pool
from causeway.fleet.workloads import Engine
from causeway.policy.facts import Facts
from causeway.policy.findings import Draft, Path, Verdict
from causeway.policy.rulebook import Version, rulebook

ENGINE_FIELDS = frozenset({"engine", "engine_version", "engine_base", "engine_toolkit"})
"""Fields that the workload decides; decisions without them are the pool's."""
_VERDICTS: dict[str, Verdict] = {"allowed": "pass", "forbidden": "fail", "unknown": "unknown"}


@lru_cache(maxsize=4096)
def answered(catalog: Catalog, query: Query, on: date) -> Resolution | None:
    """The resolver's answer, asked once for equal questions; None for an accelerator that the catalog has not."""
    return resolve(catalog, query, on) if query.accelerator in catalog.accelerators else None


def query_of(cluster: Cluster, pool: Pool, engine: Engine | None = None) -> Query:
    """What a pool declares, and an engine on it."""
    os, drivers = pool.os, pool.drivers
    return Query(
        accelerator=pool.accelerator or "",
        os_id=os.id if os else None,
        os_version=os.version if os else None,
        kernel=os.kernel if os else None,
        architecture=os.architecture if os else None,
        driver=drivers.driver if drivers else None,
        firmware=drivers.firmware if drivers else None,
        toolkit=drivers.toolkit if drivers else None,
        container_toolkit=drivers.container_toolkit if drivers else None,
        kubernetes=cluster.kubernetes.version,
        engine=engine.name if engine else None,
        engine_version=engine.version if engine else None,
    )


def pools_with_accelerators(facts: Facts) -> Iterator[tuple[str, str, Cluster, Pool]]:
    """(cluster, pool, and both as declared) of every pool that has accelerators."""
    for cluster_name, cluster in facts.fleet.clusters.items():
        for name, pool in cluster.pools.items():
            if pool.accelerator:
                yield cluster_name, name, cluster, pool


def driver_compatibility(facts: Facts, _version: Version) -> Iterator[Draft]:
    """driver-compatibility: each pool's versions, then each engine on its pool."""
    for cluster_name, name, cluster, pool in pools_with_accelerators(facts):
        yield _pool(facts, cluster_name, name, cluster, pool)
        for part in facts.capacity.parts_on(cluster_name, name):
            engine = _engine(facts, part)
            if engine:
                yield _engine_on_pool(facts, part, cluster, pool, engine)


def _engine(facts: Facts, part: WorkloadPart) -> Engine | None:
    return facts.fleet.workloads[part.workload].serve[part.index].engine if part.index >= 0 else None


def _drivers_path(cluster: str, name: str, pool: Pool) -> Path:
    path: Path = ("clusters", cluster, "pools", name)
    return (*path, "drivers") if pool.drivers else path


def _pool(facts: Facts, cluster_name: str, name: str, cluster: Cluster, pool: Pool) -> Draft:
    subject, path = f"{cluster_name}/{name}", _drivers_path(cluster_name, name, pool)
    query = query_of(cluster, pool)
    resolution = answered(facts.catalog, query, facts.on)
    if resolution is None:
        return _not_in_the_catalog(subject, path, pool, (cluster_name,))
    rows = [row for row in resolution.rows if row.kind == "compatibility"]
    fix = _fix(facts, resolution.proposal, path, None)
    return _judged(facts, subject, path, (cluster_name,), query, rows, fix, hosts=pool.nodes is None)


def _engine_on_pool(facts: Facts, part: WorkloadPart, cluster: Cluster, pool: Pool, engine: Engine) -> Draft:
    subject = f"{part.workload}@{part.cluster}/{part.pool}"
    path: Path = ("workloads", part.workload, "serve", part.index, "engine")
    query = query_of(cluster, pool, engine)
    resolution = answered(facts.catalog, query, facts.on)
    if resolution is None:
        return _not_in_the_catalog(subject, path, pool, (part.cluster,))
    rows = [row for row in resolution.rows if row.kind == "compatibility" and ENGINE_FIELDS.intersection(row.fields)]
    if engine.image and engine.version is None:
        rows = [_of_another_image(row) for row in rows]
    drivers = _drivers_path(part.cluster, str(part.pool), pool)
    fix = _fix(facts, resolution.proposal, drivers, path)
    return _judged(facts, subject, path, (part.cluster,), query, rows, fix, hosts=pool.nodes is None)


def _of_another_image(row: Decision) -> Decision:
    """A row that speaks of the engine's usual image refuses nothing when another image is declared without version."""
    if row.verdict != "forbidden" or row.fields == ("engine",):
        return row
    reason = f"{row.reason} (so for the engine's usual image; which version the declared image carries is not declared)"
    return replace(row, verdict="unknown", reason=reason)


def _judged(
    facts: Facts,
    subject: str,
    path: Path,
    clusters: tuple[str, ...],
    query: Query,
    rows: list[Decision],
    fix: str,
    *,
    hosts: bool,
) -> Draft:
    """The draft of several rows. `hosts`: the pool has hosts of its own, whose driver has to be known."""
    shown = _shown(facts, query, rows)
    for verdict in ("forbidden", "unknown"):
        deciding = _worst(rows, verdict)
        if deciding:
            reason = "; ".join(dict.fromkeys(_told(facts.catalog, row) for row in deciding))
            fix = fix or rulebook().rules["driver-compatibility"].fix
            return Draft(_VERDICTS[verdict], subject, path, reason, fix, clusters, shown)
    if hosts and query.driver is None:
        reason = f"which driver the hosts run is not declared, so that nothing can be said of {query.accelerator}"
        fix = "Write `drivers.driver`, also where the site's operator installs it (`managed_by: operator`)."
        return Draft("unknown", subject, path, reason, fix, clusters, shown)
    if not rows:
        reason = "nothing is declared that a table of the catalog speaks of"
        return Draft("not_applicable", subject, path, reason, "", clusters, shown)
    return Draft("pass", subject, path, "what is declared fits together", "", clusters, shown)


def _not_in_the_catalog(subject: str, path: Path, pool: Pool, clusters: tuple[str, ...]) -> Draft:
    reason = f"{pool.accelerator} is not in the catalog"
    return Draft("unknown", subject, path, reason, "Declare it under `catalog.accelerators`.", clusters)


def _worst(rows: Iterable[Decision], verdict: str) -> list[Decision]:
    return [row for row in rows if row.verdict == verdict]


def _told(catalog: Catalog, row: Decision) -> str:
    """What a row says, with the row and its source, so that a reader can look it up."""
    if not row.table:
        return row.reason
    place = f"row {row.row} of {row.table}" if row.row else row.table
    return f"{row.reason} [{place}, {row.confidence or 'no source'}: {source_title(catalog, row.source)}]"


def _shown(facts: Facts, query: Query, rows: Iterable[Decision]) -> dict[str, str]:
    """What was asked, and the rows that answered with their sources."""
    declared = {name: value for name, value in query.declared().items() if name != "accelerator"}
    shown = {"accelerator": query.accelerator, "declared": ", ".join(f"{n} {v}" for n, v in declared.items())}
    for row in rows:
        place = f"row {row.row}" if row.row else "no row"
        trust = f", {row.confidence}" if row.confidence else ""
        shown[row.table or "no table"] = f"{row.verdict}, {place} ({source_title(facts.catalog, row.source)}{trust})"
    return shown


def source_title(catalog: Catalog, key: str) -> str:
    """A source as a person would look it up; the key itself where it is no key of the catalog."""
    source = catalog.sources.get(key)
    return source.title if source else key or "no source"


def _fix(facts: Facts, proposal: Proposal | None, drivers: Path, engine: Path | None) -> str:
    """The nearest allowed set with the places to change; empty where none is known."""
    if proposal is None:
        return ""
    places = [
        path
        for path, concerned in ((engine, True), (drivers, False))
        if path and any((field in ENGINE_FIELDS) is concerned for field in proposal.changes)
    ]
    where = " and ".join(str(facts.loaded.marks.at(path)) for path in places)
    return f"Nearest set that fits: {proposal} ({where})."


def driver_end_of_life(facts: Facts, _version: Version) -> Iterator[Draft]:
    """driver-end-of-life: the driver branch of each pool of hosts that declares one."""
    for cluster_name, name, cluster, pool in pools_with_accelerators(facts):
        query = query_of(cluster, pool)
        resolution = answered(facts.catalog, query, facts.on)
        if query.driver is None or resolution is None:
            continue
        subject, path = f"{cluster_name}/{name}", _drivers_path(cluster_name, name, pool)
        yield _lifetime(facts, subject, path, cluster_name, query, resolution)


def _lifetime(facts: Facts, subject: str, path: Path, cluster: str, query: Query, resolution: Resolution) -> Draft:
    if not resolution.lifetimes:
        reason = f"driver {query.driver}: no source tells when its support ends"
        fix = "Ask the vendor, and add the day with its source under `catalog.compatibility`."
        return Draft("unknown", subject, path, reason, fix, (cluster,), {"driver": str(query.driver)})
    row = min(resolution.lifetimes, key=lambda each: (each.ends_on or date.max, each.table))
    shown = {
        "driver": str(query.driver),
        "ends_on": str(row.ends_on or "unknown"),
        "row": f"{row.table}, row {row.row} ({source_title(facts.catalog, row.source)}, {row.confidence})",
    }
    verdict = _VERDICTS[row.verdict]
    return Draft(verdict, subject, path, row.reason, "", (cluster,), shown)
