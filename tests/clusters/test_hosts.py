"""Nodes with hosts behind them: heartbeats handed over, reboots, drivers, holders. The hosts are made by hand here;
`test_real_hosts.py` has the sandbox's own.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from causeway.sandbox.clusters import processes
from causeway.sandbox.clusters.controller.loop import Worker
from causeway.sandbox.clusters.controller.state import Holder, HostState
from causeway.sandbox.spec import ClusterSpec
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
LOST_HEARTBEAT_S = 45  # 20 s of grace, and what a busy machine adds
DEVICES = tuple(f"/dev/nvidia{index}" for index in range(8))


class HandMadeHosts:
    """Hosts whose state the test sets."""

    def __init__(self) -> None:
        self.state: dict[str, HostState] = {}
        self.holders: dict[str, dict[str, Holder]] = {}

    def look(self, host: str) -> HostState:
        return self.state[host]

    def held(self, host: str) -> tuple[Holder, ...]:
        return tuple(self.holders.get(host, {}).values())

    def devices(self, host: str) -> tuple[str, ...]:
        return DEVICES if self.state[host].healthy else ()

    def control_device(self, host: str) -> str | None:
        return "/dev/nvidiactl" if self.state[host].healthy else None

    def hold(self, host: str, holder: Holder) -> None:
        self.holders.setdefault(host, {})[holder.unit] = holder

    def release(self, host: str, unit: str) -> None:
        del self.holders[host][unit]

    def set(self, host: str, **changes: Any) -> None:
        self.state[host] = replace(self.state[host], **changes)

    def reboot(self, host: str, boot: str, **changes: Any) -> None:
        self.holders.pop(host, None)
        self.state[host] = HostState(running=True, boot=boot, **changes)


@pytest.fixture(scope="module")
def hosts() -> HandMadeHosts:
    made = HandMadeHosts()
    for name in ("host-1", "host-2"):
        made.state[name] = HostState(running=True, boot="first", healthy=8)
    return made


@pytest.fixture(scope="module")
def cluster(make_sandbox: Maker, hosts: HandMadeHosts) -> Iterator[Cluster]:
    """A cluster whose controller is replaced by one in this process, over the hand-made hosts."""
    nodes = tuple(cloud_node(name) for name in ("host-1", "host-2"))
    sandbox: Sandbox = make_sandbox(ClusterSpec("hosted", "1.34", nodes))
    sandbox.up()
    processes.kill([sandbox.component("causeway.sandbox.clusters.controller.loop")])
    [config] = json.loads(sandbox.places.controller_config.read_text())["clusters"]
    for entry in config["nodes"]:
        entry["spec"]["host"] = entry["spec"]["name"]
    found = sandbox.cluster("hosted")
    for name in ("host-1", "host-2"):  # forget what the sandbox's controller has said
        found.api.request("DELETE", f"/api/v1/nodes/{name}")
        wanted = {"metadata": {"name": name, "labels": {"causeway/operands": "on", "causeway/vendor": "nvidia"}}}
        found.api.request("POST", "/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", **wanted})
    stop = threading.Event()
    thread = threading.Thread(target=Worker(config, hosts, sandbox.places.pod_logs).run, args=(stop,))
    thread.start()
    yield found
    stop.set()
    thread.join(timeout=10)


@pytest.fixture(autouse=True)
def both_up(cluster: Cluster, hosts: HandMadeHosts) -> None:
    eventually(lambda: cluster.ready("host-1") == cluster.ready("host-2") == "True", "both nodes")


def renewed(cluster: Cluster, node: str) -> str:
    lease = cluster.api.request("GET", f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{node}")
    return str(lease["spec"]["renewTime"])


def message(cluster: Cluster, node: str) -> str:
    conditions = cluster.node(node)["status"]["conditions"]
    return next(str(entry["message"]) for entry in conditions if entry["type"] == "Ready")


def test_the_heartbeat_is_the_controllers_alone_and_stops_with_the_host(cluster: Cluster, hosts: HandMadeHosts) -> None:
    first = renewed(cluster, "host-1")
    eventually(lambda: renewed(cluster, "host-1") != first, "a heartbeat", timeout=12)
    hosts.set("host-1", running=False)
    eventually(lambda: cluster.ready("host-1") == "False", "the node to be not ready", timeout=4)
    last = renewed(cluster, "host-1")
    # Were kwok keeping the node too, its lease would be renewed and the control plane would never miss it.
    eventually(lambda: cluster.ready("host-1") == "Unknown", "the heartbeat to be missed", timeout=LOST_HEARTBEAT_S)
    assert renewed(cluster, "host-1") == last
    taints = [taint["key"] for taint in cluster.node("host-1")["spec"]["taints"]]
    assert "node.kubernetes.io/unreachable" in taints
    assert cluster.ready("host-2") == "True"
    hosts.reboot("host-1", "second", healthy=8)
    eventually(lambda: cluster.ready("host-1") == "True", "the node to be back", timeout=4)
    eventually(lambda: "taints" not in cluster.node("host-1")["spec"], "the taints to go")


def test_nothing_moves_on_a_host_that_is_down(cluster: Cluster, hosts: HandMadeHosts) -> None:
    cluster.create(pod_document("stuck", nodeName="host-1"))
    path = "/api/v1/namespaces/default/pods/stuck"
    eventually(lambda: cluster.pod("stuck")["status"]["phase"] == "Running", "the pod to run")
    hosts.set("host-1", running=False)
    eventually(lambda: cluster.ready("host-1") == "False", "the node to be not ready")
    cluster.api.request("DELETE", path)
    with pytest.raises(AssertionError):
        eventually(lambda: cluster.api.get(path) is None, "the pod to go", timeout=4)
    hosts.reboot("host-1", "third", healthy=8)
    eventually(lambda: cluster.api.get(path) is None, "the pod to go once the host is back")


def test_accelerators_follow_the_driver(cluster: Cluster, hosts: HandMadeHosts) -> None:
    hosts.set("host-1", healthy=0, reason="the driver is not loaded")
    eventually(lambda: "the driver is not loaded" in message(cluster, "host-1"), "the node to say so")
    if not cluster.pods("plugin"):
        cluster.create(device_plugin())
    eventually(lambda: cluster.offers("host-2") == 8, "the host with a driver")
    assert cluster.offers("host-1") == 0
    hosts.set("host-1", healthy=8, reason="")
    eventually(lambda: cluster.offers("host-1") == 8, "the driver to be felt", timeout=5)
    hosts.set("host-1", healthy=7, reason="device 3: lost")
    eventually(lambda: cluster.offers("host-1") == 7, "the lost device to be felt", timeout=5)
    assert "device 3: lost" in message(cluster, "host-1")
    hosts.set("host-1", healthy=8, reason="")


def test_holders_come_and_go_with_pods_that_use_accelerators(cluster: Cluster, hosts: HandMadeHosts) -> None:
    if not cluster.pods("plugin"):
        cluster.create(device_plugin())
    eventually(lambda: cluster.offers("host-2") == 8, "the accelerators")
    cluster.create(
        pod_document("holding", gpus=2, nodeSelector={"kubernetes.io/hostname": "host-2"}, nodeName="host-2")
    )
    unit = eventually(lambda: f"sandbox-hold-{cluster.pod('holding')['metadata']['uid']}", "the pod")
    eventually(lambda: unit in hosts.holders.get("host-2", {}), "the holder")
    held = hosts.holders["host-2"]
    assert held[unit].devices == DEVICES[:2]
    assert {holder.devices for name, holder in held.items() if name != unit} == {("/dev/nvidiactl",)}
    cluster.api.request("DELETE", "/api/v1/namespaces/default/pods/holding")
    eventually(lambda: unit not in hosts.holders["host-2"], "the holder to end")


def test_after_a_reboot_pods_with_devices_fail_and_are_replaced_and_others_restart(
    cluster: Cluster, hosts: HandMadeHosts
) -> None:
    if not cluster.pods("plugin"):
        cluster.create(device_plugin())
    eventually(lambda: cluster.offers("host-1") == 8, "the accelerators")
    model = workload("Deployment", "model", pod_document("model", gpus=4, nodeName=""), replicas=1)
    model["spec"]["template"]["spec"]["affinity"] = _only_on("host-1")
    cluster.create(model)
    cluster.create(pod_document("plain", nodeName="host-1"))
    before = eventually(lambda: _running(cluster, "model"), "the model to run")
    eventually(lambda: _running(cluster, "plain"), "the other pod to run")

    hosts.set("host-1", running=False)
    eventually(lambda: cluster.ready("host-1") == "False", "the node to be not ready")
    hosts.reboot("host-1", "after", healthy=0, reason="the driver is not loaded")
    eventually(lambda: cluster.ready("host-1") == "True", "the node to be back")

    path = f"/api/v1/namespaces/default/pods/{before['metadata']['name']}"
    failed = eventually(lambda: (p := cluster.api.get(path)) and p["status"]["phase"] == "Failed" and p, "the failure")
    assert failed["status"]["reason"] == "UnexpectedAdmissionError"
    eventually(lambda: len(cluster.pods("model")) == 2, "the successor")
    plain = eventually(lambda: _running(cluster, "plain"), "the other pod to run again")
    assert plain["status"]["containerStatuses"][0]["restartCount"] == 1
    assert cluster.offers("host-1") == 0, "no accelerators before the driver is back"
    hosts.set("host-1", healthy=8, reason="")
    eventually(lambda: _running(cluster, "model"), "the successor to get its accelerators")


def _running(cluster: Cluster, app: str) -> dict[str, Any] | None:
    for pod in cluster.pods(app):
        statuses = pod["status"].get("containerStatuses", [])
        if pod["status"]["phase"] == "Running" and statuses and all(entry["ready"] for entry in statuses):
            return pod
    return None


def _only_on(host: str) -> dict[str, Any]:
    expression = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [host]}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [expression]}}}
