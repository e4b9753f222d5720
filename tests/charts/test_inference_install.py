"""`inference` on a real API server: ready on each vendor's hosts, changed, rolled back, drained, removed."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.charts.harness import CHARTS, ChartCluster, Object, Refused, Release, load
from tests.waiting import eventually

pytestmark = pytest.mark.tools
CASES = CHARTS / "inference" / "ci"
VENDORS = [
    ("vllm", "nvidia.com/gpu", "gpu-"),
    ("vllm-ascend", "huawei.com/Ascend910", "asc-"),
    ("vllm-mlu", "cambricon.com/mlu", "mlu-"),
]
Maker = Callable[[str], Release]


@pytest.fixture
def release(chart_cluster: ChartCluster, platform: Release) -> Iterator[Maker]:
    """Releases of the chart, taken away after the test."""
    made: list[Release] = []

    def make(name: str) -> Release:
        made.append(chart_cluster.release("inference", name))
        return made[-1]

    yield make
    for each in made:
        each.uninstall()


def values(case: str, **changed: Any) -> dict[str, Any]:
    return {**load(CASES / f"{case}-values.yaml"), **changed}


def asked(pods: list[Object], resource: str) -> int:
    return sum(int(pod["spec"]["containers"][0]["resources"]["limits"][resource]) for pod in pods)


def evict(release: Release, pod: str) -> str:
    """Ask for a pod's eviction, as a drain does."""
    path = f"/api/v1/namespaces/{release.namespace}/pods/{pod}/eviction"
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": release.namespace}}
    return release.cluster.kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(body))


@pytest.mark.parametrize(("case", "resource", "hosts"), VENDORS)
def test_a_model_becomes_ready_on_its_vendors_hosts_and_takes_what_it_asked_for(
    release: Maker, case: str, resource: str, hosts: str
) -> None:
    part = release(f"ready-{case}")
    notes = part.install(values(case, onDrain="shift_traffic"))
    pods = part.pods()
    replicas = values(case)["replicas"]
    assert len(pods) == replicas
    assert asked(pods, resource) == 4 * replicas
    nodes = [pod["spec"]["nodeName"] for pod in pods]
    assert all(node.startswith(hosts) for node in nodes)
    assert len(set(nodes)) == replicas
    told = [line.strip() for line in notes.splitlines() if line.strip().startswith("kubectl") and "&" not in line]
    assert len(told) == 3
    for line in told:
        part.cluster.kubectl(*shlex.split(line)[1:])


def test_an_upgrade_goes_through_and_a_rollback_brings_the_old_state_back(release: Maker) -> None:
    part = release("changed")
    part.install(values("vllm-ascend"))
    part.upgrade(values("vllm-ascend", extraArgs=["--max-model-len=4096"], replicas=1))
    assert part.get("deployment", part.name)["spec"]["replicas"] == 1
    (pod,) = eventually(lambda: [pods] if len(pods := part.pods()) == 1 else [], "one replica")[0]
    assert pod["spec"]["containers"][0]["args"][-1] == "--max-model-len=4096"
    part.rollback()
    eventually(lambda: len(part.pods()) == 2, "two replicas again")
    assert part.revisions() == ["superseded", "superseded", "deployed"]
    assert part.get("deployment", part.name)["spec"]["template"]["spec"]["containers"][0]["args"][-1].startswith(
        "--dtype"
    )


def test_a_drain_moves_a_single_replica_and_a_workload_that_refuses_is_left(release: Maker) -> None:
    part = release("drained")
    part.install(values("vllm-ascend", replicas=1))
    (pod,) = part.pods()
    evict(part, pod["metadata"]["name"])
    eventually(lambda: [p for p in part.pods() if p["metadata"]["name"] != pod["metadata"]["name"]], "another replica")
    part.upgrade(values("vllm-ascend", replicas=1, onDrain="refuse"))
    (stays,) = eventually(lambda: [pods] if len(pods := part.pods()) == 1 else [], "one replica")[0]
    with pytest.raises(Refused, match="disruption budget"):
        evict(part, stays["metadata"]["name"])
    assert stays["metadata"]["name"] in {each["metadata"]["name"] for each in part.pods()}


def test_a_model_that_never_becomes_ready_fails_the_release(release: Maker) -> None:
    part = release("stuck")
    stuck = {"causeway.sandbox/behaviour": "never-ready"}
    with pytest.raises(Refused, match=r"stuck"):
        part.install(values("vllm-ascend", podAnnotations=stuck), timeout="5s")
    assert part.revisions() == ["failed"]
