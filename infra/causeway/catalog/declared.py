"""The questions that a declaration puts to the resolver: one for each pool, one for each engine on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from causeway.catalog.catalog import Catalog
from causeway.catalog.query import Query
from causeway.fleet.clusters import Cluster, Pool
from causeway.fleet.document import Fleet
from causeway.fleet.places import Path


@dataclass(frozen=True, slots=True)
class Question:
    """A query and what asks it.

    Args:
        cluster, pool: the pool.
        workload: the workload whose engine is asked about; None for the pool's own versions.
        path: the part of the declaration that asks.
        query: the question.
    """

    cluster: str
    pool: str
    workload: str | None
    path: Path
    query: Query


def questions(fleet: Fleet, catalog: Catalog) -> Iterator[Question]:
    """Every question of a fleet, in declared order: a pool's own, then those of the engines that run on it.

    An engine's question repeats the pool's versions, because they decide together. Pools without an accelerator, and
    accelerators that the catalog has not, ask nothing.
    """
    for cluster_name, cluster in fleet.clusters.items():
        for pool_name, pool in cluster.pools.items():
            if pool.accelerator not in catalog.accelerators:
                continue
            query = _pool_query(cluster, pool)
            yield Question(cluster_name, pool_name, None, ("clusters", cluster_name, "pools", pool_name), query)
            yield from _engine_questions(fleet, cluster_name, pool_name, query)


def _pool_query(cluster: Cluster, pool: Pool) -> Query:
    system, drivers = pool.os, pool.drivers
    return Query(
        accelerator=pool.accelerator or "",
        os_id=system.id if system else None,
        os_version=system.version if system else None,
        kernel=system.kernel if system else None,
        architecture=system.architecture if system else None,
        driver=drivers.driver if drivers else None,
        firmware=drivers.firmware if drivers else None,
        toolkit=drivers.toolkit if drivers else None,
        container_toolkit=drivers.container_toolkit if drivers else None,
        kubernetes=cluster.kubernetes.version,
    )


def _engine_questions(fleet: Fleet, cluster: str, pool: str, query: Query) -> Iterator[Question]:
    for name, workload in fleet.workloads.items():
        for index, part in enumerate(workload.serve):
            if (part.cluster, part.pool) == (cluster, pool) and part.engine is not None:
                engine = replace(query, engine=part.engine.name, engine_version=part.engine.version)
                yield Question(cluster, pool, name, ("workloads", name, "serve", index, "engine"), engine)
