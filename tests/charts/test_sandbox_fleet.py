"""The sandbox's whole fleet as planned: every release becomes ready, with the accelerators that the plan counted."""

from __future__ import annotations

import os
import secrets
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import pytest

from causeway.catalog import load_catalog
from causeway.cli.fleet_context import FleetContext
from causeway.plan.model import ClusterPlan
from causeway.sandbox import cgroup, clusters
from causeway.sandbox.clusters.places import Places
from causeway.sandbox.declared import sandbox_of
from causeway.sandbox.spec import ClusterSpec, SandboxSpec
from tests.charts.harness import ChartCluster, Helm, Release
from tests.waiting import eventually

pytestmark = pytest.mark.tools
FLEET = Path(__file__).parents[2] / "inventory" / "sandbox"
FOREVER = {"causeway.sandbox/run-for": "forever"}


@pytest.fixture(scope="module")
def context() -> FleetContext:
    return FleetContext(FLEET, date(2026, 11, 22))


def without_hosts(spec: SandboxSpec) -> tuple[ClusterSpec, ...]:
    """The declared clusters, whose nodes offer accelerators as soon as a device plugin runs on them."""

    def pool(node_host: str | None) -> tuple[tuple[str, str], ...]:
        host = spec.host(node_host) if node_host else None
        return (("causeway/pool", host.pool),) if host else ()

    return tuple(
        replace(cluster, nodes=tuple(replace(n, host=None, labels=(*n.labels, *pool(n.host))) for n in cluster.nodes))
        for cluster in spec.clusters
    )


@pytest.fixture(scope="module")
def fleet_clusters(
    context: FleetContext, tools: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, ChartCluster]]:
    name = f"fleet-{secrets.token_hex(4)}"
    home = tmp_path_factory.mktemp(name)
    declared = without_hosts(sandbox_of(context.loaded, load_catalog()))
    try:
        clusters.up(SandboxSpec(name, clusters=declared), home, tools)
        helms = {c.name: Helm(tools["helm"], home / c.name, Places(home).kubeconfig, c.name) for c in declared}
        yield {n: ChartCluster(n, helm, tools["kubectl"]) for n, helm in helms.items()}
    finally:
        clusters.down(name, home)
        if os.geteuid() == 0:
            cgroup.of_fleet(name).kill()


def in_use(cluster: ChartCluster) -> dict[str, int]:
    """Accelerators that running pods hold, by pool."""
    pools = {n["metadata"]["name"]: n["metadata"]["labels"].get("causeway/pool") for n in cluster.get("nodes")}
    found: Counter[str] = Counter()
    for pod in cluster.get("pods", namespace=None):
        if pod["status"].get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]:
            for container in pod["spec"]["containers"]:
                limits = container.get("resources", {}).get("limits", {})
                found[str(pools[pod["spec"]["nodeName"]])] += sum(
                    int(count) for name, count in limits.items() if "/" in name
                )
    return {pool: count for pool, count in found.items() if count}


def deploy(cluster: ChartCluster, plan: ClusterPlan) -> None:
    """Each release of a plan, the platform first, with the values of the plan."""
    for planned in plan.releases:
        cluster.namespace(planned.namespace)
        for name in planned.secrets:
            data = {"value": "not-a-secret"}
            metadata = {"name": name, "namespace": planned.namespace}
            cluster.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data})
        values = dict(planned.values)
        if planned.kind == "training":
            values["podAnnotations"] = FOREVER
        Release(cluster, planned.chart, planned.name, planned.namespace).install(values, timeout="120s")


def test_every_release_becomes_ready_and_holds_the_accelerators_that_the_plan_counted(
    context: FleetContext, fleet_clusters: dict[str, ChartCluster]
) -> None:
    plans = context.plan.clusters
    assert set(fleet_clusters) == set(plans)
    assert sum(len(plan.releases) for plan in plans.values()) >= 11
    with ThreadPoolExecutor(len(plans)) as pool:
        list(pool.map(lambda name: deploy(fleet_clusters[name], plans[name]), plans))
    for name, plan in plans.items():
        asked = {each.pool: each.asked for each in plan.pools if each.asked}
        assert asked
        eventually(partial(uses, fleet_clusters[name], asked), f"{name} to use {asked}")


def uses(cluster: ChartCluster, asked: dict[str, int]) -> bool:
    return in_use(cluster) == asked
