"""Makes a cluster's nodes those of the declaration."""

from __future__ import annotations

from typing import Any

from causeway.sandbox.clusters import nodes
from causeway.sandbox.clusters.api import MERGE, Api
from causeway.sandbox.spec import ClusterSpec, SandboxSpec


def register(api: Api, cluster: ClusterSpec, spec: SandboxSpec) -> int:
    """Make the cluster's nodes those of the declaration. Returns how many were changed."""
    listed = api.request("GET", f"/api/v1/nodes?labelSelector={nodes.CLUSTER_LABEL}")
    existing: dict[str, dict[str, Any]] = {item["metadata"]["name"]: item for item in listed["items"]}
    changed = 0
    for node in cluster.nodes:
        wanted = nodes.node_object(cluster, node, spec.host(node.host) if node.host else None)
        if node.name not in existing:
            api.request("POST", "/api/v1/nodes", wanted)
        elif patch := nodes.correction(existing[node.name], wanted):
            api.request("PATCH", f"/api/v1/nodes/{node.name}", patch, kind=MERGE)
        else:
            continue
        changed += 1
    for name in existing.keys() - {node.name for node in cluster.nodes}:
        api.request("DELETE", f"/api/v1/nodes/{name}")
        changed += 1
    return changed
