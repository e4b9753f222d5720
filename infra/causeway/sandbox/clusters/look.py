"""Looks at one cluster: which of it runs, and what its API server says of its nodes. Changes nothing."""

from __future__ import annotations

import os
from typing import Any

from causeway.errors import Permanent, Retryable
from causeway.sandbox.clusters import nodes
from causeway.sandbox.clusters.api import Api
from causeway.sandbox.clusters.controller import daemon
from causeway.sandbox.clusters.kwokctl import COMPONENTS, ControlPlane
from causeway.sandbox.clusters.report import ClusterStatus, NodeStatus
from causeway.sandbox.command import as_root


def look(plane: ControlPlane, *, controller: bool) -> ClusterStatus:
    """The cluster as it is. `controller`: the sandbox's controller runs."""
    root = plane.places.root
    if root.is_dir() and not os.access(root, os.R_OK | os.X_OK):
        return ClusterStatus(plane.name, "unreadable", note=f"another user made it: {as_root('sandbox status')}")
    missing = plane.missing() + (() if controller else (daemon.NAME,))
    access = plane.access()
    if access is None:
        return ClusterStatus(plane.name, "broken" if plane.folder.exists() else "absent", missing=missing)
    if set(COMPONENTS) <= set(missing):
        return ClusterStatus(plane.name, "stopped", access.server, missing=missing)
    try:
        api = Api(access, timeout=3)
        version = str(api.request("GET", "/version").get("gitVersion", ""))
        listed = api.request("GET", "/api/v1/nodes")
    except (Permanent, Retryable) as error:
        return ClusterStatus(plane.name, "broken", access.server, missing=missing, note=error.reason)
    found = tuple(_node_status(item) for item in listed["items"])
    return ClusterStatus(plane.name, "broken" if missing else "running", access.server, version, missing, found)


def _node_status(item: dict[str, Any]) -> NodeStatus:
    conditions = item.get("status", {}).get("conditions", [])
    ready = next((c for c in conditions if c["type"] == "Ready"), {"status": "Unknown", "reason": "NeverReported"})
    offered = item.get("status", {}).get("allocatable", {})
    resources = tuple(sorted((key, int(value)) for key, value in offered.items() if "/" in key))
    return NodeStatus(
        name=item["metadata"]["name"],
        ready=ready["status"] == "True",
        schedulable=not item.get("spec", {}).get("unschedulable", False),
        reason=ready.get("message") or ready.get("reason", ""),
        resources=resources,
    )


def reported(api: Api) -> bool:
    """Whether the controller has said of every node how it is."""
    listed = api.request("GET", f"/api/v1/nodes?labelSelector={nodes.CLUSTER_LABEL}")
    return all(item["status"]["nodeInfo"]["bootID"] or _said_down(item) for item in listed["items"])


def _said_down(item: dict[str, Any]) -> bool:
    conditions = item.get("status", {}).get("conditions", [])
    return any(entry["type"] == "Ready" and entry["reason"] == "KubeletNotReady" for entry in conditions)
