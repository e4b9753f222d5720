"""What the resolver says of the two fleets that come with the repository."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from causeway.catalog import load_catalog, references
from causeway.catalog.resolve import resolve
from causeway.fleet.load import LoadedFleet, load_fleet
from causeway.policy.compatibility import query_of

INVENTORY = Path(__file__).parents[2] / "inventory"
TODAY = date(2026, 11, 22)


@pytest.fixture(scope="module", params=["sandbox", "reference"])
def fleet(request: pytest.FixtureRequest) -> LoadedFleet:
    return load_fleet(INVENTORY / str(request.param))


def test_no_pool_of_it_is_forbidden(fleet: LoadedFleet) -> None:
    catalog = load_catalog(fleet.fleet.catalog, fleet.marks)
    assert not list(references.unknown(fleet, catalog))
    asked = 0
    for cluster in fleet.fleet.clusters.values():
        for name, pool in cluster.pools.items():
            if pool.accelerator is None:
                continue
            answer = resolve(catalog, query_of(cluster, pool), TODAY)
            asked += answer.asked
            assert answer.verdict != "forbidden", (name, [row.reason for row in answer.deciding])
            assert all(row.verdict == "allowed" for row in answer.lifetimes), name
    assert asked


def test_no_engine_on_its_pools_is_forbidden(fleet: LoadedFleet) -> None:
    catalog = load_catalog(fleet.fleet.catalog, fleet.marks)
    asked = 0
    for name, workload in fleet.fleet.workloads.items():
        for part in workload.serve:
            if part.engine is None or part.pool is None:
                continue
            cluster = fleet.fleet.clusters[part.cluster]
            answer = resolve(catalog, query_of(cluster, cluster.pools[part.pool], part.engine), TODAY)
            asked += 1
            assert answer.verdict != "forbidden", (name, part.pool, [row.reason for row in answer.deciding])
    assert asked
