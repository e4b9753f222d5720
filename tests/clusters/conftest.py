"""Sandboxes of clusters for the tests: each with a fleet name and a home of its own, taken down at the end."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from causeway.sandbox import cgroup
from causeway.sandbox.spec import ClusterSpec, HostSpec, SandboxSpec
from tests.clusters.harness import Maker, Sandbox


@pytest.fixture(scope="module")
def make_sandbox(tools: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Maker]:
    """Makes sandboxes; whatever a test leaves of them is taken down, also the control group."""
    made: list[Sandbox] = []

    def make(*declared: ClusterSpec, hosts: tuple[HostSpec, ...] = ()) -> Sandbox:
        fleet = f"t-{secrets.token_hex(4)}"
        home = tmp_path_factory.mktemp(fleet)
        made.append(Sandbox(SandboxSpec(fleet, hosts=hosts, clusters=declared), home, tools))
        return made[-1]

    yield make
    for sandbox in made:
        sandbox.down()
        if os.geteuid() == 0:
            cgroup.of_fleet(sandbox.spec.fleet).kill()
