"""Helm for every test of the charts, and one sandbox cluster for all tests that install them."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from causeway.sandbox import cgroup, clusters
from causeway.sandbox.clusters.places import Places
from causeway.sandbox.spec import SandboxSpec
from causeway.toolchain.locate import locate_all, search_path
from causeway.toolchain.manifest import tools as known_tools
from tests.charts import crds
from tests.charts.harness import CLUSTER, OFFERS, ChartCluster, Helm, Release, cases, eventually, load


@pytest.fixture(scope="session")
def chart_tools() -> dict[str, Path]:
    """The tools of this machine by name."""
    located = locate_all(known_tools(), search_path(Path(sys.prefix) / "bin", os.environ))
    return {found.tool.name: found.chosen.path for found in located if found.chosen is not None}


@pytest.fixture(scope="session")
def helm(chart_tools: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Helm without any cluster."""
    return Helm(chart_tools["helm"], tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="package")
def chart_cluster(chart_tools: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChartCluster]:
    """One running cluster for the session; each test takes release names and namespaces of its own."""
    fleet = f"charts-{secrets.token_hex(4)}"
    home = tmp_path_factory.mktemp(fleet)
    try:
        clusters.up(SandboxSpec(fleet, clusters=(CLUSTER,)), home, chart_tools)
        helm = Helm(chart_tools["helm"], home / "helm", Places(home).kubeconfig)
        cluster = ChartCluster(CLUSTER.name, helm, chart_tools["kubectl"])
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
