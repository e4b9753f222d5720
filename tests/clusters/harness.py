"""A sandbox of clusters as the tests see it, and the objects that they make on it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from causeway.sandbox import clusters
from causeway.sandbox.clusters.api import Api
from causeway.sandbox.clusters.kwokctl import ControlPlane
from causeway.sandbox.clusters.places import Places
from causeway.sandbox.clusters.processes import Process, below
from causeway.sandbox.clusters.report import ClusterStatus
from causeway.sandbox.spec import NodeSpec, SandboxSpec
from tests import waiting

T = TypeVar("T")
GPU = "nvidia.com/gpu"


def cloud_node(name: str, vendor: str | None = "nvidia", resource: str | None = GPU) -> NodeSpec:
    """A node whose host the cloud keeps, with eight accelerators."""
    return NodeSpec(name, None, resource=resource, count=8 if resource else 0, vendor=vendor)


def eventually(look: Callable[[], T | Literal[False] | None], what: str, *, timeout: float = 15) -> T:
    """The first truthy answer of `look`; fails when there is none in time."""
    return waiting.eventually(look, what, timeout=timeout)


@dataclass
class Cluster:
    """One running cluster, seen through its API server."""

    name: str
    api: Api

    def create(self, document: dict[str, Any]) -> dict[str, Any]:
        """Create an object of the kinds that the tests use."""
        folder = {
            "Pod": "/api/v1/namespaces/default/pods",
            "Deployment": "/apis/apps/v1/namespaces/default/deployments",
            "DaemonSet": "/apis/apps/v1/namespaces/default/daemonsets",
            "Job": "/apis/batch/v1/namespaces/default/jobs",
            "PodDisruptionBudget": "/apis/policy/v1/namespaces/default/poddisruptionbudgets",
        }[document["kind"]]
        return self.api.request("POST", folder, document)

    def pods(self, app: str) -> list[dict[str, Any]]:
        """The pods with the label `app`, that are not being deleted."""
        listed = self.api.request("GET", f"/api/v1/namespaces/default/pods?labelSelector=app%3D{app}")["items"]
        return [pod for pod in listed if "deletionTimestamp" not in pod["metadata"]]

    def pod(self, app: str) -> dict[str, Any]:
        """The only such pod; empty while there is none."""
        found = self.pods(app)
        assert len(found) <= 1, [pod["metadata"]["name"] for pod in found]
        return found[0] if found else {}

    def node(self, name: str) -> dict[str, Any]:
        """A node."""
        return self.api.request("GET", f"/api/v1/nodes/{name}")

    def ready(self, name: str) -> str:
        """The node's `Ready`: True, False or Unknown."""
        conditions = self.node(name)["status"].get("conditions", [])
        return next((str(c["status"]) for c in conditions if c["type"] == "Ready"), "")

    def offers(self, name: str, resource: str = GPU) -> int:
        """How many accelerators the node lets pods have."""
        return int(self.node(name)["status"].get("allocatable", {}).get(resource, 0))

    def events(self, pod: str) -> list[tuple[str, str]]:
        """Reason and message of a pod's events."""
        path = f"/api/v1/namespaces/default/events?fieldSelector=involvedObject.name%3D{pod}"
        return [(event["reason"], event["message"]) for event in self.api.request("GET", path)["items"]]


@dataclass
class Sandbox:
    """A sandbox of clusters. `up` and the like are those of the product."""

    spec: SandboxSpec
    home: Path
    tools: dict[str, Path]
    started: bool = field(default=False)

    def up(self) -> tuple[ClusterStatus, ...]:
        """Bring it up."""
        self.started = True
        return clusters.up(self.spec, self.home, self.tools)

    def down(self) -> None:
        """Take it down."""
        clusters.down(self.spec.fleet, self.home)

    def status(self) -> tuple[ClusterStatus, ...]:
        """Its state."""
        return clusters.status(self.spec, self.home)

    @property
    def places(self) -> Places:
        """Its files."""
        return Places(self.home)

    def plane(self, name: str) -> ControlPlane:
        """One of its control planes."""
        return ControlPlane(name, self.places, self.tools, None)

    def cluster(self, name: str) -> Cluster:
        """One of its clusters, running."""
        access = self.plane(name).access()
        assert access is not None, f"{name} is not up"
        return Cluster(name, Api(access))

    def processes(self) -> tuple[Process, ...]:
        """All that runs of it."""
        return below(self.places.root)

    def component(self, program: str) -> Process:
        """The one process whose program is called so, or whose module is."""
        found = [p for p in self.processes() if p.argv[0].endswith(f"/{program}") or program in p.argv]
        assert len(found) == 1, f"{program}: {found}"
        return found[0]

    def kubectl(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Plain kubectl with the sandbox's kubeconfig."""
        environment = {"PATH": os.defpath, "HOME": str(self.home), "KUBECONFIG": str(self.places.kubeconfig)}
        command = [str(self.tools["kubectl"]), *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)


Maker = Callable[..., Sandbox]


def pod_document(app: str, **settings: Any) -> dict[str, Any]:
    """A pod of one container. `gpus`, `annotations`, `labels`, `image`, `restart` as named; the rest goes to spec."""
    container: dict[str, Any] = {"name": "main", "image": settings.pop("image", "registry.test/model:1")}
    if gpus := settings.pop("gpus", 0):
        container["resources"] = {"limits": {GPU: str(gpus)}}
    metadata = {
        "name": app,
        "labels": {"app": app} | settings.pop("labels", {}),
        "annotations": settings.pop("annotations", {}),
    }
    tolerations = [{"operator": "Exists"}]
    spec = {"containers": [container], "tolerations": tolerations, "restartPolicy": settings.pop("restart", "Always")}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec | settings}


def workload(kind: str, app: str, pod: dict[str, Any], **settings: Any) -> dict[str, Any]:
    """A Deployment, DaemonSet or Job around a pod."""
    template = {"metadata": {key: pod["metadata"][key] for key in ("labels", "annotations")}, "spec": pod["spec"]}
    spec: dict[str, Any] = {"template": template} | settings
    if kind != "Job":
        spec["selector"] = {"matchLabels": {"app": app}}
    version = "batch/v1" if kind == "Job" else "apps/v1"
    return {"apiVersion": version, "kind": kind, "metadata": {"name": app}, "spec": spec}


def device_plugin(app: str = "plugin", vendor: str = "nvidia", **settings: Any) -> dict[str, Any]:
    """The DaemonSet of a device plugin as the charts make it."""
    labels = {"app.kubernetes.io/component": "device-plugin", "causeway/vendor": vendor}
    selector = {"causeway/operands": "on", "causeway/vendor": vendor}
    return workload("DaemonSet", app, pod_document(app, labels=labels, nodeSelector=selector, **settings))
