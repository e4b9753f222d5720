"""The Node objects: what a kubelet, a cloud and a node-feature rule would have written on them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from causeway.sandbox.clusters.kwok_config import MANAGED_LABEL
from causeway.sandbox.spec import ClusterSpec, HostSpec, NodeSpec, PciDevice

OPERANDS_LABEL = "causeway/operands"
CLUSTER_LABEL = "causeway/cluster"
# What a vendor's documents tell to taint accelerator nodes with, and its charts tolerate; Ascend names none.
# shared facts, section 5 [NV-GPUOP, CB-DP].
VENDOR_TAINTS = {"nvidia": "nvidia.com/gpu", "cambricon": "cambricon.com/mlu"}
# Labels that change in a cluster's life (a rollout takes operands off, the controller takes kwok off a dead host):
# they are set when the node is made and left alone after.
INITIAL_ONLY = frozenset({OPERANDS_LABEL, MANAGED_LABEL})


def pci_labels(devices: Iterable[PciDevice]) -> dict[str, str]:
    """A label per kind of device, as an NFD NodeFeatureRule on `pci.device` names it: `pci-<vendor>_<device>`.

    NFD's own labels go by class and vendor; those mistake a Huawei network card for an accelerator and see no
    Cambricon at all, so the charts' rules label vendor and device.
    """
    return {f"feature.node.kubernetes.io/pci-{d.vendor}_{d.device}.present": "true" for d in devices}


def labels(cluster: ClusterSpec, node: NodeSpec, host: HostSpec | None) -> dict[str, str]:
    """All labels of a node. Those that the declaration gives (`node.labels`) win."""
    wanted = {
        "kubernetes.io/hostname": node.name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        CLUSTER_LABEL: cluster.name,
        OPERANDS_LABEL: "on",
        MANAGED_LABEL: "true",
    }
    if host is not None:
        wanted |= {"topology.kubernetes.io/zone": host.site, "causeway/pool": host.pool}
        if host.accelerator:
            wanted["causeway/accelerator"] = host.accelerator
        wanted |= pci_labels(host.devices)
    if node.vendor:
        wanted["causeway/vendor"] = node.vendor
    return wanted | dict(node.labels)


def taints(node: NodeSpec) -> list[dict[str, str]]:
    """The declared taints, and the vendor's own where the declaration has none with its key."""
    wanted = [_taint(key, value, effect) for key, value, effect in node.taints]
    key = VENDOR_TAINTS.get(node.vendor or "")
    if key and node.count and not any(taint["key"] == key for taint in wanted):
        wanted.append(_taint(key, "", "NoSchedule"))
    return wanted


def node_object(cluster: ClusterSpec, node: NodeSpec, host: HostSpec | None) -> dict[str, Any]:
    """A new Node. It has no status: the controller writes that once it has seen the host."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": node.name, "labels": labels(cluster, node, host)},
        "spec": {"taints": taints(node), "providerID": f"sandbox://{cluster.name}/{node.name}"},
    }


def correction(existing: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any] | None:
    """The merge patch that makes an existing node what the declaration says, or None when it is.

    Labels and taints that others have added stay, and so do those of `INITIAL_ONLY` with the value they have.
    """
    has = existing["metadata"].get("labels", {})
    changed = {
        key: value
        for key, value in wanted["metadata"]["labels"].items()
        if has.get(key) != value and not (key in INITIAL_ONLY and key in has)
    }
    present = existing.get("spec", {}).get("taints", [])
    missing = [taint for taint in wanted["spec"]["taints"] if not any(_same(taint, other) for other in present)]
    patch: dict[str, Any] = {}
    if changed:
        patch["metadata"] = {"labels": changed}
    if missing:
        keys = {(taint["key"], taint["effect"]) for taint in missing}
        kept = [taint for taint in present if (taint["key"], taint["effect"]) not in keys]
        patch["spec"] = {"taints": kept + missing}
        # The whole list is written, so a taint that another has added since we read must make the server refuse.
        patch.setdefault("metadata", {})["resourceVersion"] = existing["metadata"]["resourceVersion"]
    return patch or None


def _taint(key: str, value: str, effect: str) -> dict[str, str]:
    return {"key": key, "effect": effect} | ({"value": value} if value else {})


def _same(left: dict[str, str], right: dict[str, str]) -> bool:
    return all(left.get(key, "") == right.get(key, "") for key in ("key", "value", "effect"))
