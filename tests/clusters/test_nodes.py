"""The Node objects, without any cluster."""

from __future__ import annotations

from typing import Any

from causeway.sandbox.clusters.nodes import correction, node_object
from causeway.sandbox.spec import ClusterSpec, HostSpec, NodeSpec, PciDevice

GPU = PciDevice("0000:17:00.0", "10de", "2329", "030200", "10de", "1000", 0)
NIC = PciDevice("0000:18:00.0", "15b3", "1021", "020000", "15b3", "0001", 0)
HOST = HostSpec(
    name="cn-h20-01",
    address="198.18.1.1",
    cluster="c",
    pool="h20",
    site="cn-north",
    user="ops",
    os="debian-12",
    mirror="mirror.test",
    vendor="nvidia",
    accelerator="h20",
    expected=8,
    devices=(GPU, NIC),
)
NODE = NodeSpec("cn-h20-01", "cn-h20-01", resource="nvidia.com/gpu", count=8, vendor="nvidia")
CLUSTER = ClusterSpec("c", "1.34", (NODE,))


def existing(wanted: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {**wanted["metadata"], "resourceVersion": "7"}, "spec": dict(wanted["spec"])}


def test_a_host_gives_its_node_place_pool_and_a_label_per_kind_of_device() -> None:
    labels = node_object(CLUSTER, NODE, HOST)["metadata"]["labels"]
    assert labels["topology.kubernetes.io/zone"] == "cn-north"
    assert labels["causeway/pool"] == "h20"
    assert labels["causeway/accelerator"] == "h20"
    assert labels["causeway/operands"] == "on"
    assert labels["kubernetes.io/hostname"] == "cn-h20-01"
    assert labels["feature.node.kubernetes.io/pci-10de_2329.present"] == "true"
    assert labels["feature.node.kubernetes.io/pci-15b3_1021.present"] == "true"


def test_labels_that_a_component_sets_are_not_there_without_it() -> None:
    labels = node_object(CLUSTER, NODE, HOST)["metadata"]["labels"]
    assert not [key for key in labels if key.startswith(("nvidia.com/", "huawei.com/", "accelerator"))]


def test_nvidia_and_cambricon_nodes_are_tainted_and_ascend_and_plain_ones_are_not() -> None:
    def keys(vendor: str | None, count: int) -> list[str]:
        node = NodeSpec("n", None, resource="r/r" if count else None, count=count, vendor=vendor)
        return [taint["key"] for taint in node_object(CLUSTER, node, None)["spec"]["taints"]]

    assert keys("nvidia", 8) == ["nvidia.com/gpu"]
    assert keys("cambricon", 8) == ["cambricon.com/mlu"]
    assert keys("huawei", 8) == []
    assert keys(None, 0) == []


def test_declared_labels_and_taints_win() -> None:
    node = NodeSpec(
        "n",
        None,
        labels=(("causeway/pool", "x"),),
        taints=(("nvidia.com/gpu", "own", "NoExecute"),),
        count=8,
        vendor="nvidia",
    )
    found = node_object(CLUSTER, node, None)
    assert found["metadata"]["labels"]["causeway/pool"] == "x"
    assert found["spec"]["taints"] == [{"key": "nvidia.com/gpu", "effect": "NoExecute", "value": "own"}]


def test_a_node_as_declared_needs_no_correction_whatever_others_added() -> None:
    wanted = node_object(CLUSTER, NODE, HOST)
    found = existing(wanted)
    found["metadata"]["labels"] = wanted["metadata"]["labels"] | {"theirs": "1", "causeway/operands": "off"}
    found["spec"]["taints"] = [
        *wanted["spec"]["taints"],
        {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"},
    ]
    assert correction(found, wanted) is None


def test_a_changed_label_and_a_lost_taint_are_put_back_and_foreign_taints_kept() -> None:
    wanted = node_object(CLUSTER, NODE, HOST)
    found = existing(wanted)
    found["metadata"]["labels"] = wanted["metadata"]["labels"] | {"causeway/pool": "other"}
    found["spec"]["taints"] = [{"key": "theirs", "effect": "NoSchedule"}]
    patch = correction(found, wanted)
    assert patch is not None
    assert patch["metadata"] == {"labels": {"causeway/pool": "h20"}, "resourceVersion": "7"}
    assert [taint["key"] for taint in patch["spec"]["taints"]] == ["theirs", "nvidia.com/gpu"]
