"""Helm for every test of the charts, and one sandbox cluster for all tests that install them."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from causeway.sandbox import cgroup, clusters
from causeway.sandbox.clusters.places import Places
from causeway.sandbox.spec import SandboxSpec
from tests.charts import crds
from tests.charts.harness import CLUSTER, OFFERS, ChartCluster, Helm, Release, cases, load
from tests.waiting import eventually


@pytest.fixture(scope="session")
def helm(tools: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Helm without any cluster."""
    return Helm(tools["helm"], tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="package")
def chart_cluster(tools: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChartCluster]:
    """One running cluster for the session; each test takes release names and namespaces of its own."""
    fleet = f"charts-{secrets.token_hex(4)}"
    home = tmp_path_factory.mktemp(fleet)
    try:
        clusters.up(SandboxSpec(fleet, clusters=(CLUSTER,)), home, tools)
        helm = Helm(tools["helm"], home / "helm", Places(home).kubeconfig)
        cluster = ChartCluster(CLUSTER.name, helm, tools["kubectl"])
        cluster.apply(*crds.documents())
        cluster.kubectl("wait", "--for=condition=Established", "customresourcedefinitions", "--all", "--timeout=30s")
        yield cluster
    finally:
        clusters.down(fleet, home)
        if os.geteuid() == 0:
            cgroup.of_fleet(fleet).kill()


@pytest.fixture(scope="package")
def platform(chart_cluster: ChartCluster) -> Release:
    """The accelerator platform, installed once: the nodes of all three vendors offer their accelerators."""
    release = chart_cluster.release("accelerator-platform", "accelerator-platform")
    values = next(case for case in cases("accelerator-platform") if case.name == "sandbox-values.yaml")
    release.install(load(values))
    eventually(lambda: all(chart_cluster.offered(*node) == 8 for node in OFFERS), f"the nodes to offer {OFFERS}")
    return release
