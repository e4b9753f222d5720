"""Pods on a sandbox cluster: the real scheduler and API server, and the lives that kwok's stages play."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import pytest

from causeway.errors import Retryable
from causeway.sandbox.spec import ClusterSpec, NodeSpec
from tests.clusters.harness import (
    Cluster,
    Maker,
    Sandbox,
    cloud_node,
    device_plugin,
    eventually,
    pod_document,
    workload,
)

pytestmark = pytest.mark.tools
PLUGIN = "plugin"


@pytest.fixture(scope="module")
def sandbox(make_sandbox: Maker) -> Sandbox:
    nodes = (cloud_node("gpu-1"), cloud_node("gpu-2"), NodeSpec("plain", None))
    made = make_sandbox(ClusterSpec("pods", "1.34", nodes))
    made.up()
    return made


@pytest.fixture(scope="module")
def cluster(sandbox: Sandbox) -> Cluster:
    return sandbox.cluster("pods")


def container(pod: dict[str, Any]) -> dict[str, Any]:
    return dict((pod.get("status", {}).get("containerStatuses") or [{}])[0])


def is_ready(pod: dict[str, Any]) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    return any(entry["type"] == "Ready" and entry["status"] == "True" for entry in conditions)


def _app_is_ready(cluster: Cluster, app: str) -> bool:
    return is_ready(cluster.pod(app))


def gone(cluster: Cluster, pod: str) -> bool:
    return cluster.api.get(f"/api/v1/namespaces/default/pods/{pod}") is None


def waiting(pod: dict[str, Any]) -> str:
    return str(container(pod).get("state", {}).get("waiting", {}).get("reason", ""))


def test_accelerators_can_be_had_only_while_the_vendors_plugin_runs(cluster: Cluster) -> None:
    cluster.create(pod_document("four", gpus=4))
    pending = eventually(lambda: _unschedulable(cluster.pod("four")), "the scheduler's verdict")
    assert "Insufficient nvidia.com/gpu" in pending
    cluster.create(device_plugin(PLUGIN))
    eventually(lambda: cluster.offers("gpu-1") == cluster.offers("gpu-2") == 8, "the accelerators")
    eventually(lambda: is_ready(cluster.pod("four")), "the pod to run")
    assert cluster.pod("four")["spec"]["nodeName"] in {"gpu-1", "gpu-2"}

    operands = {"metadata": {"labels": {"causeway/operands": "off"}}}
    cluster.api.request("PATCH", "/api/v1/nodes/gpu-1", operands, kind="application/merge-patch+json")
    eventually(lambda: cluster.offers("gpu-1") == 0, "the accelerators to leave with the plugin")
    assert cluster.node("gpu-1")["status"]["capacity"]["nvidia.com/gpu"] == "8"
    assert cluster.offers("gpu-2") == 8
    operands = {"metadata": {"labels": {"causeway/operands": "on"}}}
    cluster.api.request("PATCH", "/api/v1/nodes/gpu-1", operands, kind="application/merge-patch+json")
    eventually(lambda: cluster.offers("gpu-1") == 8, "the accelerators to come back")


def _unschedulable(pod: dict[str, Any]) -> str:
    conditions = pod.get("status", {}).get("conditions", [])
    return next((str(entry["message"]) for entry in conditions if entry.get("reason") == "Unschedulable"), "")


def test_a_pod_without_toleration_keeps_off_accelerator_nodes(cluster: Cluster) -> None:
    cluster.create(pod_document("intolerant", tolerations=[]))
    pod = eventually(lambda: cluster.pod("intolerant").get("spec", {}).get("nodeName"), "a node")
    assert pod == "plain"


def test_a_pod_becomes_ready_with_address_and_init_containers_done(cluster: Cluster) -> None:
    init = [{"name": "weights", "image": "registry.test/fetch:1"}]
    cluster.create(pod_document("ordinary", initContainers=init))
    pod = eventually(lambda: (found := cluster.pod("ordinary")) and is_ready(found) and found, "it to be ready")
    assert pod["status"]["phase"] == "Running"
    assert pod["status"]["podIP"].startswith("10.244.")
    assert pod["status"]["initContainerStatuses"][0]["state"]["terminated"]["exitCode"] == 0
    assert "running" in container(pod)["state"]
    assert container(pod)["started"] is True


def test_a_pod_told_to_start_slowly_is_ready_no_sooner(cluster: Cluster) -> None:
    begun = time.monotonic()
    cluster.create(pod_document("slow", annotations={"causeway.sandbox/ready-after": "3s"}))
    eventually(lambda: cluster.pod("slow")["status"]["phase"] == "Running", "it to run")
    assert not is_ready(cluster.pod("slow"))
    eventually(lambda: is_ready(cluster.pod("slow")), "it to be ready")
    assert time.monotonic() - begun >= 3


def test_a_pod_told_never_to_be_ready_runs_unready_and_says_why(cluster: Cluster) -> None:
    cluster.create(pod_document("never", annotations={"causeway.sandbox/behaviour": "never-ready"}))
    eventually(lambda: "Unhealthy" in [reason for reason, _ in cluster.events("never")], "the event")
    assert cluster.pod("never")["status"]["phase"] == "Running"
    assert not is_ready(cluster.pod("never"))


@pytest.mark.parametrize(
    ("app", "settings"),
    [
        ("unpullable", {"image": "registry.invalid/team/model:1"}),
        ("told-unpullable", {"annotations": {"causeway.sandbox/behaviour": "image-pull-failure"}}),
    ],
)
def test_an_image_that_cannot_be_pulled_backs_off(cluster: Cluster, app: str, settings: dict[str, Any]) -> None:
    cluster.create(pod_document(app, **settings))
    eventually(lambda: waiting(cluster.pod(app)) == "ErrImagePull", "ErrImagePull")
    eventually(lambda: waiting(cluster.pod(app)) == "ImagePullBackOff", "ImagePullBackOff")
    assert "Failed" in [reason for reason, _ in cluster.events(app)]
    assert cluster.pod(app)["status"]["phase"] == "Pending"


def test_a_crashing_pod_restarts_with_its_exit_code_and_last_words(sandbox: Sandbox, cluster: Cluster) -> None:
    told = {"behaviour": "crash", "exit-code": "137", "log": "CUDA out of memory"}
    annotations = {f"causeway.sandbox/{key}": value for key, value in told.items()}
    cluster.create(pod_document("crash", annotations=annotations))
    eventually(lambda: container(cluster.pod("crash")).get("restartCount", 0) >= 2, "two restarts")
    pod = eventually(lambda: (p := cluster.pod("crash")) and waiting(p) == "CrashLoopBackOff" and p, "the back-off")
    ended = container(pod)["lastState"]["terminated"]
    assert (ended["exitCode"], ended["message"]) == (137, "CUDA out of memory")
    assert "CUDA out of memory" in sandbox.kubectl("--context", "pods", "logs", "crash").stdout
    assert "BackOff" in [reason for reason, _ in cluster.events("crash")]


def test_logs_of_other_pods_say_that_they_are_simulated(sandbox: Sandbox, cluster: Cluster) -> None:
    cluster.create(pod_document("quiet"))
    eventually(lambda: is_ready(cluster.pod("quiet")), "it to be ready")
    assert "simulated" in sandbox.kubectl("--context", "pods", "logs", "quiet").stdout


def test_jobs_complete_or_fail_or_run_on_as_told(cluster: Cluster) -> None:
    def job(app: str, **annotations: str) -> dict[str, Any]:
        told = {f"causeway.sandbox/{key.replace('_', '-')}": value for key, value in annotations.items()}
        pod = pod_document(app, restart="Never", annotations=told)
        return workload("Job", app, pod, backoffLimit=0, completions=2, parallelism=2, completionMode="Indexed")

    def state(app: str) -> dict[str, Any]:
        return dict(cluster.api.request("GET", f"/apis/batch/v1/namespaces/default/jobs/{app}")["status"])

    for document in (job("good"), job("bad", behaviour="crash"), job("endless", run_for="forever")):
        cluster.create(document)
    eventually(lambda: state("good").get("succeeded") == 2, "the good job")
    eventually(lambda: any(c["type"] == "Failed" for c in state("bad").get("conditions", [])), "the bad job to fail")
    eventually(lambda: state("endless").get("ready") == 2, "the endless job's pods")
    time.sleep(2)
    assert state("endless").get("active") == 2


def test_an_eviction_waits_for_the_disruption_budget(cluster: Cluster) -> None:
    app = "guarded"
    cluster.create(workload("Deployment", app, pod_document(app), replicas=2))
    budget = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": app}}
    cluster.create(budget | {"spec": {"minAvailable": 2, "selector": {"matchLabels": {"app": app}}}})
    pods = eventually(lambda: (found := cluster.pods(app)) and all(map(is_ready, found)) and found, "the pods")
    path = f"/apis/policy/v1/namespaces/default/poddisruptionbudgets/{app}"
    eventually(lambda: cluster.api.request("GET", path)["status"].get("currentHealthy") == 2, "the budget to count")
    name = pods[0]["metadata"]["name"]
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
    with pytest.raises(Retryable, match="disruption budget"):
        cluster.api.request("POST", f"/api/v1/namespaces/default/pods/{name}/eviction", eviction)
    looser = {"spec": {"minAvailable": 1}}
    cluster.api.request("PATCH", path, looser, kind="application/merge-patch+json")
    eventually(lambda: cluster.api.request("GET", path)["status"].get("disruptionsAllowed") == 1, "the budget to allow")
    cluster.api.request("POST", f"/api/v1/namespaces/default/pods/{name}/eviction", eviction)
    eventually(lambda: cluster.api.get(f"/api/v1/namespaces/default/pods/{name}") is None, "the pod to go")
    eventually(lambda: sum(map(is_ready, cluster.pods(app))) == 2, "its successor")


def test_a_pod_that_takes_long_to_stop_is_given_its_grace_period_and_no_more(cluster: Cluster) -> None:
    for app, stop_after, grace in (("quick", "1s", 30), ("stubborn", "60s", 3)):
        annotations = {"causeway.sandbox/stop-after": stop_after}
        cluster.create(pod_document(app, annotations=annotations, terminationGracePeriodSeconds=grace))
        eventually(partial(_app_is_ready, cluster, app), "it to be ready")
        begun = time.monotonic()
        cluster.api.request("DELETE", f"/api/v1/namespaces/default/pods/{app}")
        assert not gone(cluster, app)
        eventually(partial(gone, cluster, app), "it to be gone", timeout=8)
        assert time.monotonic() - begun >= 0.9
