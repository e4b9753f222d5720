"""One sandbox cluster for all tests of the cluster layer; each test takes names of its own on it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from causeway.cluster.api import Api
from causeway.cluster.model import Access
from causeway.cluster.releases import Releases
from causeway.cluster.render import Renderer
from causeway.sandbox import cgroup, clusters
from causeway.sandbox.clusters.places import Places
from causeway.sandbox.spec import ClusterSpec, NodeSpec, SandboxSpec
from tests.cluster.harness import CLUSTER, HERE, Live, Sample
from tests.clusters.harness import cloud_node

NODES = (
    cloud_node("gpu-1"),
    cloud_node("gpu-2"),
    NodeSpec("plain-1", None),
    NodeSpec("plain-2", None),
)


@pytest.fixture(scope="package")
def live(tools: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """The cluster, running."""
    fleet = f"cl-{secrets.token_hex(4)}"
    home = tmp_path_factory.mktemp(fleet)
    patch = pytest.MonkeyPatch()
    try:
        clusters.up(SandboxSpec(fleet, clusters=(ClusterSpec(CLUSTER, "1.34", NODES),)), home, tools)
        kubeconfig = Places(home).kubeconfig
        patch.setenv("KUBECONFIG", str(kubeconfig))
        environ = dict(os.environ)
        yield Live(
            kubeconfig,
            Api(Access(context=CLUSTER)),
            Releases.here(HERE, home / "home", environ),
            Renderer.here(HERE, home / "home", environ),
            tools["kubectl"],
        )
    finally:
        patch.undo()
        clusters.down(fleet, home)
        if os.geteuid() == 0:
            cgroup.of_fleet(fleet).kill()


@pytest.fixture
def sample(live: Live) -> Iterator[Sample]:
    """A release of the sample chart that is not there yet; taken away at the end."""
    made = Sample(live, f"s-{secrets.token_hex(3)}")
    yield made
    live.releases.uninstall(made.spec())


@pytest.fixture
def new_name() -> Callable[[], str]:
    """Names that nobody has."""
    return lambda: f"n-{secrets.token_hex(3)}"
