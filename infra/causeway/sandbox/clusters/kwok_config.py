"""The document that kwokctl makes a cluster from. Pure but for reading our own package data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from causeway.sandbox.clusters.ports import LOOPBACK

# kwok looks after the pods of nodes with this label. The controller takes it off while the host is down.
MANAGED_LABEL = "causeway.sandbox/managed"
PORT_OPTIONS = (
    "kubeApiserverPort",
    "etcdPort",
    "etcdPeerPort",
    "kubeControllerManagerPort",
    "kubeSchedulerPort",
    "kwokControllerPort",
)
BINARIES = {
    "KWOK_ETCD_BINARY": "etcd",
    "KWOK_KUBE_APISERVER_BINARY": "kube-apiserver",
    "KWOK_KUBE_CONTROLLER_MANAGER_BINARY": "kube-controller-manager",
    "KWOK_KUBE_SCHEDULER_BINARY": "kube-scheduler",
    "KWOK_CONTROLLER_BINARY": "kwok",
    "KWOK_KUBECTL_BINARY": "kubectl",
}
# Three missed heartbeats of the controller (every 5 s) and a node is Unknown. A host that goes down is told at once.
NODE_MONITOR_GRACE_MS = 20_000
NODE_MONITOR_PERIOD_MS = 2_000

_ARGUMENTS: dict[str, dict[str, str]] = {
    # A sandbox's data need not survive a power failure, and waiting for the disk is half of etcd's time.
    "etcd": {"unsafe-no-fsync": "true", "snapshot-count": "5000", "log-level": "warn"},
    "kube-apiserver": {
        # The node's InternalDNS address is where kwok answers `kubectl logs`; the others are the host's, as in life.
        "kubelet-preferred-address-types": "InternalDNS",
        "profiling": "false",
    },
    "kube-controller-manager": {"leader-elect": "false", "profiling": "false"},
    "kube-scheduler": {"leader-elect": "false", "profiling": "false"},
    "kwok-controller": {
        "manage-all-nodes": "false",
        "manage-nodes-with-label-selector": f"{MANAGED_LABEL}=true",
        # Zero: kwok keeps no node leases. The heartbeat is the controller's.
        "node-lease-duration-seconds": "0",
        "cidr": "10.244.0.1/16",
    },
}
# Collecting garbage at a fifth of the usual rate takes a fifth off the time that three clusters need to start on two
# cores (7.2 s to 5.7 s, measured), for a tenth more memory.
ENVIRONMENT = {"GOGC": "400"}
# kwokctl gives these itself; the others it does not know.
_REPLACED = {("kwok-controller", "manage-all-nodes"), ("kwok-controller", "node-lease-duration-seconds")}


def options() -> dict[str, Any]:
    """kwokctl's options but for the ports."""
    return {
        "runtime": "binary",
        "bindAddress": LOOPBACK,
        "securePort": True,
        "kubeAuthorization": True,
        "kubeAdmission": True,
        "disableQPSLimits": True,
        "enableCRDs": ["Logs"],
        "heartbeatFactor": 1,  # its default multiplies the two periods below by five
        "kubeControllerManagerNodeMonitorGracePeriodMilliseconds": NODE_MONITOR_GRACE_MS,
        "kubeControllerManagerNodeMonitorPeriodMilliseconds": NODE_MONITOR_PERIOD_MS,
    }


def patches() -> list[dict[str, Any]]:
    """Arguments that kwokctl has no option for: added, or put in the place of the one that it gives."""
    return [
        {
            "name": component,
            "extraEnvs": [{"name": name, "value": value} for name, value in ENVIRONMENT.items()],
            "extraArgs": [
                {"key": key, "value": value, "override": (component, key) in _REPLACED} for key, value in wanted.items()
            ],
        }
        for component, wanted in _ARGUMENTS.items()
    ]


def stages() -> list[dict[str, Any]]:
    """The life of a simulated pod, from the YAML files in `data/stages`."""
    folder = resources.files(__package__) / "data" / "stages"
    files = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".yaml")), key=lambda entry: entry.name)
    return [document for entry in files for document in yaml.safe_load_all(entry.read_text(encoding="utf-8"))]


def documents(ports: tuple[int, ...], default_log: Path) -> list[dict[str, Any]]:
    """The whole configuration of one cluster. `ports` are in the order of `PORT_OPTIONS`."""
    return [
        {
            "apiVersion": "config.kwok.x-k8s.io/v1alpha1",
            "kind": "KwokctlConfiguration",
            "options": options() | dict(zip(PORT_OPTIONS, ports, strict=True)),
            "componentsPatches": patches(),
        },
        *stages(),
        {
            "apiVersion": "kwok.x-k8s.io/v1alpha1",
            "kind": "ClusterLogs",
            "metadata": {"name": "simulated"},
            "spec": {"logs": [{"logsFile": str(default_log), "previousLogsFile": str(default_log)}]},
        },
    ]


def digest(kubernetes_version: str, tools: Mapping[str, Path]) -> str:
    """Changes whenever the cluster would have to be made anew: other versions, programs, options or stages."""
    programs = {name: _identity(tools[name]) for name in sorted(set(BINARIES.values()))}
    material = [kubernetes_version, programs, options(), patches(), stages()]
    return hashlib.sha256(json.dumps(material, sort_keys=True).encode()).hexdigest()


def _identity(program: Path) -> list[Any]:
    found = program.stat()
    return [str(program), found.st_size, found.st_mtime_ns]
