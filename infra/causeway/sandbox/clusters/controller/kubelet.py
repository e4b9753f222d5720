"""Writes what kubelets write: node status, heartbeat, pods after a reboot, what `kubectl logs` shows. Effects only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from causeway.errors import Permanent
from causeway.sandbox.clusters.api import MERGE, STRATEGIC, Api
from causeway.sandbox.clusters.controller.decide import UNEXPECTED_ADMISSION, AfterReboot, Decision, Memory
from causeway.sandbox.clusters.controller.state import Pod
from causeway.sandbox.clusters.kwok_config import MANAGED_LABEL
from causeway.sandbox.spec import NodeSpec

LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
KWOK = "/apis/kwok.x-k8s.io/v1alpha1"
LEASE_S = 20
# What a mid-sized accelerator server has; nothing here is measured against it.
CAPACITY = {"cpu": "128", "memory": "1Ti", "ephemeral-storage": "1Ti", "pods": "110"}
OTHER_CONDITIONS = (
    ("MemoryPressure", "KubeletHasSufficientMemory"),
    ("DiskPressure", "KubeletHasNoDiskPressure"),
    ("PIDPressure", "KubeletHasSufficientPID"),
)


class Kubelets:
    """The kubelets' writing on one cluster.

    Args:
        api: the cluster's API server.
        version: of the control plane; the nodes say the same.
        endpoint_port: where kwok answers for the containers' logs, on the loopback address.
    """

    def __init__(self, api: Api, version: str, endpoint_port: int) -> None:
        self._api = api
        self._version = version
        self._port = endpoint_port

    def remembered(self, node: NodeSpec) -> tuple[Memory, str] | None:
        """What the node's own status says of earlier reports, and the `Ready` it has; None when there is no node."""
        found = self._api.get(f"/api/v1/nodes/{node.name}")
        if found is None:
            return None
        status = found.get("status", {})
        offered = frozenset(key for key in status.get("capacity", {}) if "/" in key)
        ready = next((c["status"] for c in status.get("conditions", []) if c["type"] == "Ready"), "")
        return Memory(status.get("nodeInfo", {}).get("bootID", ""), offered), ready

    def report(self, node: NodeSpec, address: str, decision: Decision, *, changed: bool) -> None:
        """Write the node's status. `changed`: its readiness is another than before."""
        now = _now()
        condition: dict[str, Any] = {
            "type": "Ready",
            "status": "True" if decision.ready else "False",
            "reason": decision.reason,
            "message": decision.message,
            "lastHeartbeatTime": now,
        }
        if changed:
            condition["lastTransitionTime"] = now
        conditions = [condition]
        status: dict[str, Any] = {"conditions": conditions}
        if decision.heartbeat:
            conditions += [
                {"type": kind, "status": "False", "reason": reason, "lastHeartbeatTime": now}
                for kind, reason in OTHER_CONDITIONS
            ]
            removed = dict.fromkeys(decision.gone)
            status |= {
                "capacity": CAPACITY | removed | {r.name: str(r.capacity) for r in decision.resources},
                "allocatable": CAPACITY | removed | {r.name: str(r.allocatable) for r in decision.resources},
                "addresses": [
                    {"type": "InternalIP", "address": address},
                    {"type": "Hostname", "address": node.name},
                    {"type": "InternalDNS", "address": "127.0.0.1"},
                ],
                "daemonEndpoints": {"kubeletEndpoint": {"Port": self._port}},
                "nodeInfo": self._info(node, decision.memory.boot),
            }
        self._api.request("PATCH", f"/api/v1/nodes/{node.name}/status", {"status": status}, kind=STRATEGIC)

    def heartbeat(self, node: NodeSpec) -> None:
        """Renew the node's lease, or make it."""
        spec = {"holderIdentity": node.name, "leaseDurationSeconds": LEASE_S, "renewTime": _now(micro=True)}
        try:
            self._api.request("PATCH", f"{LEASES}/{node.name}", {"spec": spec}, kind=MERGE)
        except Permanent as error:
            if error.code != "http-404":
                raise
            self._api.request("POST", LEASES, {"metadata": {"name": node.name}, "spec": spec})

    def manage(self, node: NodeSpec, *, managed: bool) -> None:
        """Hand the node's pods to kwok, or take them from it: nothing moves on a host that is down."""
        body = {"metadata": {"labels": {MANAGED_LABEL: "true" if managed else "false"}}}
        self._api.request("PATCH", f"/api/v1/nodes/{node.name}", body, kind=MERGE)

    def settle(self, outcome: AfterReboot) -> None:
        """Do what a kubelet does with one pod that it finds after a boot."""
        now, pod = _now(), outcome.pod
        conditions = [
            {"type": kind, "status": "False", "reason": "ContainersNotReady", "lastTransitionTime": now}
            for kind in ("Ready", "ContainersReady")
        ]
        status: dict[str, Any] = {"conditions": conditions}
        if outcome.action == "fail":
            status |= {"phase": "Failed", "reason": outcome.reason, "message": outcome.message}
            # A pod that a kubelet does not admit has no containers' statuses; one whose containers ended has.
            ended = [_ended(entry, now) for entry in pod.statuses]
            status["containerStatuses"] = None if outcome.reason == UNEXPECTED_ADMISSION else ended
        else:
            status["containerStatuses"] = [_restarting(entry, now) for entry in pod.statuses]
        try:
            path = f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}/status"
            self._api.request("PATCH", path, {"metadata": {"uid": pod.uid}, "status": status}, kind=STRATEGIC)
        except Permanent as error:
            if error.code not in {"http-404", "http-409"}:  # it went meanwhile
                raise

    def show_log(self, pod: Pod, file: Path) -> None:
        """Let `kubectl logs` of this pod show `file`."""
        body = {
            "apiVersion": KWOK.removeprefix("/apis/"),
            "kind": "Logs",
            "metadata": {
                "name": pod.name,
                "namespace": pod.namespace,
                "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": pod.name, "uid": pod.uid}],
            },
            "spec": {"logs": [{"logsFile": str(file), "previousLogsFile": str(file)}]},
        }
        path = (
            f"/apis/kwok.x-k8s.io/v1alpha1/namespaces/{pod.namespace}/logs/{pod.name}?fieldManager=sandbox&force=true"
        )
        self._api.request("PATCH", path, body, kind="application/apply-patch+yaml")

    def _info(self, node: NodeSpec, boot: str) -> dict[str, str]:
        return {
            "architecture": "amd64",
            "bootID": boot,
            "containerRuntimeVersion": "kwok://simulated",
            "kernelVersion": _kernel(),
            "kubeProxyVersion": "",
            "kubeletVersion": self._version,
            "machineID": node.name,
            "operatingSystem": "linux",
            "osImage": "Debian GNU/Linux 12 (bookworm)",
            "systemUUID": node.name,
        }


def log_lines(lines: Sequence[str]) -> str:
    """Lines of a container in the format that container runtimes write and kubelets read."""
    return "".join(f"{_now(micro=True)} stdout F {line}\n" for line in lines)


def _ended(entry: Any, now: str) -> dict[str, Any]:
    ended = {"exitCode": 255, "reason": "Unknown", "finishedAt": now}
    return {**entry, "ready": False, "started": False, "state": {"terminated": ended}}


def _restarting(entry: Any, now: str) -> dict[str, Any]:
    return {
        **entry,
        "ready": False,
        "started": False,
        "restartCount": entry.get("restartCount", 0) + 1,
        "lastState": {"terminated": {"exitCode": 255, "reason": "Unknown", "finishedAt": now}},
        "state": {"waiting": {"reason": "ContainerCreating"}},
    }


def _kernel() -> str:
    return Path("/proc/sys/kernel/osrelease").read_text().strip()


def _now(*, micro: bool = False) -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ" if micro else "%Y-%m-%dT%H:%M:%SZ")
