"""The accelerator platform on a real API server: nodes offer accelerators while, and only while, its pods run there."""

from __future__ import annotations

import pytest

from tests.charts.harness import CHARTS, OFFERS, ChartCluster, Object, Refused, Release, load
from tests.waiting import eventually

pytestmark = pytest.mark.tools
SANDBOX = load(CHARTS / "accelerator-platform" / "ci" / "sandbox-values.yaml")


def where(pods: list[Object]) -> set[str]:
    return {pod["spec"]["nodeName"] for pod in pods}


def test_each_vendors_plugin_and_exporter_run_on_its_nodes_and_the_nodes_offer_what_the_plan_says(
    platform: Release, chart_cluster: ChartCluster
) -> None:
    assert len(platform.pods()) == 12
    for vendor, prefix in (("huawei", "asc"), ("cambricon", "mlu"), ("nvidia", "gpu")):
        for component in ("device-plugin", "exporter"):
            pods = platform.pods(f"causeway/vendor={vendor},app.kubernetes.io/component={component}")
            assert where(pods) == {f"{prefix}-1", f"{prefix}-2"}, (vendor, component)
    offered = {node: chart_cluster.offered(f"{node}-2", name) for (node, name) in ((n[:3], r) for n, r in OFFERS)}
    assert offered == {"asc": 8, "mlu": 8, "gpu": 8}


def test_operands_off_take_plugin_and_exporter_off_one_host_and_back(
    platform: Release, chart_cluster: ChartCluster
) -> None:
    chart_cluster.kubectl("label", "node", "gpu-2", "--overwrite", "causeway/operands=off")
    try:
        eventually(lambda: not [pod for pod in platform.pods() if pod["spec"]["nodeName"] == "gpu-2"], "pods to leave")
        eventually(lambda: chart_cluster.offered("gpu-2", "nvidia.com/gpu") == 0, "gpu-2 to offer nothing")
        assert chart_cluster.offered("gpu-1", "nvidia.com/gpu") == 8
    finally:
        chart_cluster.kubectl("label", "node", "gpu-2", "--overwrite", "causeway/operands=on")
    eventually(lambda: chart_cluster.offered("gpu-2", "nvidia.com/gpu") == 8, "gpu-2 to offer again")


def test_an_upgrade_changes_what_it_says_and_a_rollback_brings_it_back(chart_cluster: ChartCluster) -> None:
    """A second release beside the session's, of a chip of its own: no node has it, so its DaemonSets are empty."""
    values = load(CHARTS / "accelerator-platform" / "ci" / "own-chip-values.yaml") | {"priorityClasses": NO_CLASSES}
    release = chart_cluster.release("accelerator-platform", "own-chip")
    name = "own-chip-accelerator-platform-bytedance-device-plugin"

    def image() -> str:
        return str(release.get("daemonset", name)["spec"]["template"]["spec"]["containers"][0]["image"])

    notes = release.install(values)
    assert "kubectl get pods --namespace own-chip --selector app.kubernetes.io/instance=own-chip" in notes
    uid = release.get("daemonset", name)["metadata"]["uid"]
    plugin = {**values["vendors"]["bytedance"]["devicePlugin"], "version": "0.9.1"}
    release.upgrade(values | {"vendors": {"bytedance": {**values["vendors"]["bytedance"], "devicePlugin": plugin}}})
    assert image().endswith(":0.9.1")
    release.rollback()
    assert image().endswith(":0.9.0")
    assert release.get("daemonset", name)["metadata"]["uid"] == uid
    assert release.revisions() == ["superseded", "superseded", "deployed"]
    release.uninstall()
    with pytest.raises(Refused, match="NotFound"):
        release.get("daemonset", name)


NO_CLASSES = {"causeway-serving": None, "causeway-training": None}


def test_the_notes_commands_work(platform: Release, chart_cluster: ChartCluster) -> None:
    notes = chart_cluster.helm.run("get", "notes", platform.name, "--namespace", platform.namespace)
    commands = [line.split() for line in notes.splitlines() if line.startswith("  kubectl get")]
    assert len(commands) == 4
    for command in commands:
        words = [word.replace("'", "").replace("\\\\", "\\") for word in command[1:]]
        assert len(chart_cluster.kubectl(*words).splitlines()) > 1, command
