"""`templates/exporter.yaml` and `templates/configmap.yaml`: the metrics of each vendor's accelerators."""

from __future__ import annotations

from typing import Any

import pytest

from tests.charts.harness import CHARTS, Helm, Object, load

pytestmark = pytest.mark.tools
SANDBOX = load(CHARTS / "accelerator-platform" / "ci" / "sandbox-values.yaml")


def exporter(helm: Helm, vendor: str, values: dict[str, Any] = SANDBOX) -> Object:
    found = helm.render("accelerator-platform", values, name="accelerator-platform", template="exporter.yaml")
    return found.one("DaemonSet", f"accelerator-platform-{vendor}-exporter")


@pytest.mark.parametrize(("vendor", "port"), [("huawei", 8082), ("cambricon", 30108), ("nvidia", 9400)])
def test_an_exporter_says_where_its_metrics_are(helm: Helm, vendor: str, port: int) -> None:
    template = exporter(helm, vendor)["spec"]["template"]
    annotations = template["metadata"]["annotations"]
    assert (annotations["prometheus.io/port"], annotations["prometheus.io/path"]) == (str(port), "/metrics")
    assert template["spec"]["containers"][0]["ports"] == [{"name": "metrics", "containerPort": port}]


@pytest.mark.parametrize("vendor", ["huawei", "cambricon", "nvidia"])
def test_an_exporter_leaves_a_node_with_the_operands(helm: Helm, vendor: str) -> None:
    template = exporter(helm, vendor)["spec"]["template"]
    assert template["spec"]["nodeSelector"] == {"causeway/operands": "on"}
    assert template["metadata"]["labels"]["app.kubernetes.io/component"] == "exporter"
    assert template["metadata"]["labels"]["causeway/vendor"] == vendor


def test_an_exporter_bears_the_taint_of_its_device_plugin(helm: Helm) -> None:
    assert exporter(helm, "nvidia")["spec"]["template"]["spec"]["tolerations"] == [
        {"key": "nvidia.com/gpu", "operator": "Exists"}
    ]


def test_the_npu_exporter_takes_mindclusters_version_where_the_catalog_has_none(helm: Helm) -> None:
    assert "version" not in SANDBOX["vendors"]["huawei"]["exporter"]
    (container,) = exporter(helm, "huawei")["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "registry.cn-north.test/ascendhub/npu-exporter:v26.1.0"


def test_uncorrectable_errors_are_among_nvidias_metrics_and_a_changed_list_restarts_the_exporter(helm: Helm) -> None:
    found = helm.render("accelerator-platform", SANDBOX, name="accelerator-platform", template="configmap.yaml")
    counters = found.one("ConfigMap", "accelerator-platform-nvidia-exporter")["data"]["counters.csv"]
    assert "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL, counter," in counters
    assert all(line.count(",") == 2 for line in counters.strip().splitlines())
    settings = {**SANDBOX["vendors"]["nvidia"]["exporter"], "configFiles": {"counters.csv": "A, gauge, a.\n"}}
    values = {**SANDBOX, "vendors": {"nvidia": {**SANDBOX["vendors"]["nvidia"], "exporter": settings}}}
    sums = [
        exporter(helm, "nvidia", given)["spec"]["template"]["metadata"]["annotations"]["checksum/config"]
        for given in (SANDBOX, values)
    ]
    assert sums[0] != sums[1]


def test_an_exporter_can_be_left_out(helm: Helm) -> None:
    values = {"vendors": {"nvidia": {**SANDBOX["vendors"]["nvidia"], "exporter": {"enabled": False}}}}
    found = helm.render("accelerator-platform", values)
    assert [d["metadata"]["labels"]["app.kubernetes.io/component"] for d in found.of("DaemonSet")] == ["device-plugin"]
    assert not found.of("ConfigMap")
