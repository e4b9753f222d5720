"""A cluster as the tests of releases and nodes see it, and the sample chart that they release there."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from causeway.cluster.api import Api
from causeway.cluster.model import Access, ChartRef, Drift, ReleaseOutcome, ReleaseSpec, ReleaseStep, Rendered
from causeway.cluster.nodes import ClusterNodes
from causeway.cluster.releases import Releases
from causeway.cluster.render import Renderer, Request

T = TypeVar("T")
HERE = Path(__file__).parent
SAMPLE = ChartRef("sample")
KUBERNETES = "1.34"
CLUSTER = "cluster-tests"


@dataclass
class Live:
    """The running cluster."""

    kubeconfig: Path
    api: Api
    releases: Releases
    renderer: Renderer
    kubectl_program: Path

    @property
    def nodes(self) -> ClusterNodes:
        """Its nodes as a rollout uses them."""
        return ClusterNodes(self.api)

    def kubectl(self, *words: str, stdin: str = "") -> str:
        """Plain kubectl, as a person would use it."""
        command = [str(self.kubectl_program), "--context", CLUSTER, *words]
        environment = {"PATH": os.defpath, "KUBECONFIG": str(self.kubeconfig), "HOME": str(self.kubeconfig.parent)}
        done = subprocess.run(
            command, env=environment, input=stdin, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def helm(self, *words: str) -> Any:
        """What Helm answers, as a document."""
        command = [str(self.releases.helm.program), *words, "--kube-context", CLUSTER, "--output", "json"]
        environment = {"PATH": os.defpath, "KUBECONFIG": str(self.kubeconfig), "HOME": str(self.kubeconfig.parent)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def object(self, key: str) -> dict[str, Any] | None:
        """The live object of a key."""
        api_version, kind, namespace, name = parts_of(key)
        known = self.api.kind(api_version, kind)
        assert known is not None, key
        return self.api.get(known.path(namespace, name))


def parts_of(key: str) -> tuple[str, str, str, str]:
    """apiVersion, kind, namespace and name of a key."""
    api_version, kind, namespace, name = key.rsplit("/", 3)
    return api_version, kind, namespace, name


@dataclass
class Sample:
    """One release of the sample chart, in a namespace of its own."""

    live: Live
    name: str
    steps: list[ReleaseStep] = field(default_factory=list)

    def rendered(self, values: Mapping[str, Any]) -> Rendered:
        """What values render."""
        return self.live.renderer.render([Request(SAMPLE, self.name, self.name, values, KUBERNETES)])[0]

    def spec(
        self, values: Mapping[str, Any] | None = None, *, timeout: float = 60, secrets: Mapping[str, str] | None = None
    ) -> ReleaseSpec:
        """The release with values."""
        wanted = values or {}
        return ReleaseSpec(
            Access(context=CLUSTER),
            self.name,
            self.name,
            SAMPLE,
            wanted,
            KUBERNETES,
            self.rendered(wanted),
            secrets or {},
            timeout,
        )

    def up(self, values: Mapping[str, Any] | None = None, **settings: Any) -> ReleaseOutcome:
        """Bring it up."""
        return self.live.releases.install_or_upgrade(self.spec(values, **settings), self.steps.append)

    def observe(self, values: Mapping[str, Any] | None = None) -> Drift:
        """Look at it."""
        return self.live.releases.observe(self.spec(values))

    def history(self) -> list[dict[str, Any]]:
        """Its revisions as Helm lists them, the oldest first."""
        found: list[dict[str, Any]] = self.live.helm("history", self.name, "--namespace", self.name)
        return found

    def object(self, kind: str, name: str = "") -> dict[str, Any]:
        """One of its objects."""
        versions = {"Deployment": "apps/v1", "Job": "batch/v1", "PodDisruptionBudget": "policy/v1"}
        found = self.live.object(f"{versions.get(kind, 'v1')}/{kind}/{self.name}/{name or self.name}")
        assert found is not None, f"{kind} {name or self.name} is not there"
        return found
