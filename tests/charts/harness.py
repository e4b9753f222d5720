"""Charts as the tests use them: rendered by Helm offline, and installed on a cluster with nodes of three vendors."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml

from causeway.sandbox.spec import ClusterSpec, NodeSpec

CHARTS = Path(__file__).parents[2] / "charts"
KUBERNETES = "1.34"
T = TypeVar("T")
Values = Mapping[str, Any]
Object = dict[str, Any]


def _node(name: str, pool: str, *, vendor: str | None = None, resource: str | None = None, pci: str = "") -> NodeSpec:
    labels = {"causeway/pool": pool} | ({f"feature.node.kubernetes.io/pci-{pci}.present": "true"} if pci else {})
    return NodeSpec(
        name, None, tuple(sorted(labels.items())), resource=resource, count=8 if resource else 0, vendor=vendor
    )


NODES = (
    _node("sys-01", "system"),
    *(_node(f"asc-{n}", "ascend", vendor="huawei", resource="huawei.com/Ascend910", pci="19e5_d802") for n in (1, 2)),
    *(
        _node(f"mlu-{n}", "cambricon", vendor="cambricon", resource="cambricon.com/mlu", pci="cabc_0590")
        for n in (1, 2)
    ),
    *(_node(f"gpu-{n}", "h20", vendor="nvidia", resource="nvidia.com/gpu", pci="10de_2329") for n in (1, 2)),
)
OFFERS = (("asc-1", "huawei.com/Ascend910"), ("mlu-1", "cambricon.com/mlu"), ("gpu-1", "nvidia.com/gpu"))
CLUSTER = ClusterSpec("charts", KUBERNETES, NODES)


def chart_names() -> list[str]:
    """Every chart of the repository."""
    return sorted(path.parent.name for path in CHARTS.glob("*/Chart.yaml"))


def cases(chart: str) -> list[Path]:
    """The values file of each tested case of a chart."""
    return sorted((CHARTS / chart / "ci").glob("*-values.yaml"))


def case_id(path: Path) -> str:
    """How a case is called in a test's name: `CHART/CASE`."""
    return f"{path.parent.parent.name}/{path.name.removesuffix('-values.yaml')}"


def all_cases() -> list[Path]:
    """The cases of all charts."""
    return [case for chart in chart_names() for case in cases(chart)]


def load(case: Path) -> dict[str, Any]:
    """The values of a case."""
    values = yaml.safe_load(case.read_text("utf-8"))
    assert isinstance(values, dict), case
    return values


@dataclass(frozen=True)
class Rendered:
    """What a chart renders to."""

    text: str

    @property
    def objects(self) -> list[Object]:
        """All objects, in the order in which Helm gives them."""
        return [document for document in yaml.safe_load_all(self.text) if document]

    def of(self, kind: str) -> list[Object]:
        """The objects of one kind."""
        return [document for document in self.objects if document["kind"] == kind]

    def one(self, kind: str, name: str | None = None) -> Object:
        """The only object of that kind (and name)."""
        found = [document for document in self.of(kind) if name in (None, document["metadata"]["name"])]
        names = [(document["kind"], document["metadata"]["name"]) for document in self.objects]
        assert len(found) == 1, f"{kind} {name or ''} is not there once: {names}"
        return found[0]

    def containers(self) -> Iterator[Object]:
        """Each container and init container of all workloads."""
        for spec in self.pod_specs():
            yield from spec.get("initContainers", [])
            yield from spec["containers"]

    def pod_specs(self) -> Iterator[Object]:
        """The pod template's spec of each workload."""
        for template in self.pod_templates():
            yield template["spec"]

    def pod_templates(self) -> Iterator[Object]:
        """The pod template of each workload."""
        for document in self.objects:
            if "template" in document.get("spec", {}):
                yield document["spec"]["template"]


class Refused(AssertionError):
    """Helm did not take it; the text is what Helm said."""


@dataclass(frozen=True)
class Helm:
    """Helm with a home of its own: no repository, no plugin and no setting of the user's enters."""

    program: Path
    home: Path
    kubeconfig: Path | None = None
    context: str = ""
    made: dict[tuple[str, ...], str] = field(default_factory=dict, repr=False)
    """What was rendered already: charts stay as they are while tests run."""

    def run(self, *words: str, stdin: str | None = None, timeout: float = 180) -> str:
        """Helm's output. Raises Refused when it fails."""
        environment = {"PATH": os.defpath, "HOME": str(self.home)}
        environment |= {f"HELM_{kind}_HOME": str(self.home / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
        # without a kubeconfig nothing may be asked of any cluster
        environment |= {"KUBECONFIG": str(self.kubeconfig or self.home / "none"), "HELM_KUBECONTEXT": self.context}
        done = subprocess.run(
            [str(self.program), *words], env=environment, input=stdin, capture_output=True, text=True, timeout=timeout,
            check=False,
        )  # fmt: skip
        if done.returncode:
            raise Refused(done.stderr + done.stdout)
        return done.stdout

    def render(
        self,
        chart: str,
        values: Values | None = None,
        *,
        name: str = "test",
        namespace: str = "test",
        template: str | None = None,
    ) -> Rendered:
        """A chart rendered as Causeway renders it: offline, `--is-upgrade`, for a declared Kubernetes.

        Args:
            template: only this file of the chart's `templates/`.
        """
        only = ["--show-only", f"templates/{template}"] if template else []
        command = ["template", name, str(CHARTS / chart), "--namespace", namespace, "--is-upgrade"]
        command += ["--kube-version", KUBERNETES, *only, "--values", "-"]
        document = json.dumps(dict(values or {}))
        key = (*command, document)
        if key not in self.made:
            self.made[key] = self.run(*command, stdin=document)
        return Rendered(self.made[key])

    def lint(self, chart: str, values: Values) -> str:
        """`helm lint --strict` of a chart with values."""
        return self.run("lint", "--strict", str(CHARTS / chart), "--values", "-", stdin=json.dumps(dict(values)))


@dataclass(frozen=True)
class Release:
    """One release on the cluster of the tests."""

    cluster: ChartCluster
    chart: str
    name: str
    namespace: str

    def install(self, values: Values, *, timeout: str = "60s", wait: bool = True) -> str:
        """`helm upgrade --install`, by default until all is ready; gives the notes."""
        words = ["upgrade", "--install", self.name, str(CHARTS / self.chart), "--namespace", self.namespace]
        words += ["--create-namespace", "--timeout", timeout, *(["--wait"] if wait else [])]
        return self.cluster.helm.run(*words, "--values", "-", stdin=json.dumps(dict(values)))

    upgrade = install

    def rollback(self, revision: int = 0) -> None:
        """Back to a revision, the one before by default."""
        words = ["rollback", self.name, str(revision), "--namespace", self.namespace]
        self.cluster.helm.run(*words, "--wait", "--timeout", "60s")

    def uninstall(self) -> None:
        """Take it away, and wait until its objects are gone."""
        self.cluster.helm.run("uninstall", self.name, "--namespace", self.namespace, "--wait", "--timeout", "60s")

    def revisions(self) -> list[str]:
        """State of each revision, oldest first."""
        listed = json.loads(self.cluster.helm.run("history", self.name, "-n", self.namespace, "-o", "json"))
        return [str(revision["status"]) for revision in listed]

    def get(self, kind: str, name: str = "") -> Any:
        """An object of the release's namespace, or all of a kind."""
        return self.cluster.get(kind, name, namespace=self.namespace)

    def pods(self, selector: str = "") -> list[Object]:
        """The release's pods that are not being deleted."""
        wanted = ",".join(filter(None, (f"app.kubernetes.io/instance={self.name}", selector)))
        listed = self.cluster.get("pods", namespace=self.namespace, selector=wanted)
        return [pod for pod in listed if "deletionTimestamp" not in pod["metadata"]]


@dataclass(frozen=True)
class ChartCluster:
    """A running cluster with an API server of its own, and nodes of Huawei, Cambricon, Nvidia and none."""

    context: str
    helm: Helm
    kubectl_program: Path

    def kubectl(self, *words: str, stdin: str | None = None, timeout: float = 60) -> str:
        """kubectl's output. Raises Refused when it fails."""
        environment = {"PATH": os.defpath, "HOME": str(self.helm.home), "KUBECONFIG": str(self.helm.kubeconfig)}
        command = [str(self.kubectl_program), "--context", self.context, *words]
        done = subprocess.run(
            command, env=environment, input=stdin, capture_output=True, text=True, timeout=timeout, check=False
        )
        if done.returncode:
            raise Refused(done.stderr + done.stdout)
        return done.stdout

    def get(self, kind: str, name: str = "", *, namespace: str | None = "default", selector: str = "") -> Any:
        """An object, or the list of all of a kind; of all namespaces when `namespace` is None."""
        place = ["--all-namespaces"] if namespace is None else ["-n", namespace]
        words = ["get", kind, *([name] if name else []), *place, "-o", "json"]
        found = json.loads(self.kubectl(*words, *(["-l", selector] if selector else [])))
        return found if name else found["items"]

    def validate(self, rendered: Rendered, namespace: str) -> str:
        """Have the API server judge each object, strictly and without keeping it; the namespace is made."""
        self.namespace(namespace)
        command = ["apply", "--server-side", "--dry-run=server", "--validate=strict", "--force-conflicts"]
        return self.kubectl(*command, "-n", namespace, "-f", "-", stdin=rendered.text)

    def namespace(self, name: str) -> None:
        """Make a namespace when it is not there."""
        document = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        self.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(document))

    def forget(self, namespace: str) -> None:
        """Have a namespace deleted, and free at once what its pods hold."""
        self.kubectl("delete", "namespace", namespace, "--wait=false", "--ignore-not-found")
        self.kubectl("delete", "pods", "--all", "-n", namespace, "--force", "--grace-period=0", "--ignore-not-found")

    def apply(self, *documents: Object) -> None:
        """Apply objects that a chart does not make."""
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": documents})
        self.kubectl("apply", "--server-side", "-f", "-", stdin=text)

    def release(self, chart: str, name: str, namespace: str | None = None) -> Release:
        """A release by its name; nothing is installed yet."""
        return Release(self, chart, name, namespace or name)

    def offered(self, node: str, resource: str) -> int:
        """How many accelerators a node lets pods have."""
        return int(self.get("node", node)["status"].get("allocatable", {}).get(resource, 0))
