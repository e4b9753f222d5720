"""`templates/device-plugin.yaml`: one device plugin per vendor, on that vendor's nodes only."""

from __future__ import annotations

from typing import Any

import pytest

from tests.charts.harness import CHARTS, Helm, Object, Refused, Rendered, load

pytestmark = pytest.mark.tools
CASES = CHARTS / "accelerator-platform" / "ci"
SANDBOX = load(CASES / "sandbox-values.yaml")


def plugins(helm: Helm, values: dict[str, Any]) -> Rendered:
    return helm.render("accelerator-platform", values, name="platform", template="device-plugin.yaml")


def plugin(helm: Helm, vendor: str, values: dict[str, Any] = SANDBOX) -> Object:
    return plugins(helm, values).one("DaemonSet", f"platform-accelerator-platform-{vendor}-device-plugin")


def pod(daemon_set: Object) -> Object:
    spec: Object = daemon_set["spec"]["template"]["spec"]
    return spec


def container(daemon_set: Object) -> Object:
    containers: list[Object] = pod(daemon_set)["containers"]
    (found,) = containers
    return found


def own(vendor: str, **settings: Any) -> dict[str, Any]:
    return {"vendors": {vendor: settings}}


@pytest.mark.parametrize("vendor", ["huawei", "cambricon", "nvidia"])
def test_a_plugins_pods_bear_the_labels_that_rollouts_and_the_sandbox_read(helm: Helm, vendor: str) -> None:
    found = plugin(helm, vendor)
    labels = found["spec"]["template"]["metadata"]["labels"]
    assert labels["app.kubernetes.io/component"] == "device-plugin"
    assert labels["causeway/vendor"] == vendor
    assert found["spec"]["selector"]["matchLabels"].items() <= labels.items()


@pytest.mark.parametrize(("vendor", "pool"), [("huawei", "ascend"), ("cambricon", "cambricon"), ("nvidia", "h20")])
def test_a_plugin_runs_on_its_vendors_pools_while_operands_are_on(helm: Helm, vendor: str, pool: str) -> None:
    spec = pod(plugin(helm, vendor))
    assert spec["nodeSelector"] == {"causeway/operands": "on"}
    (term,) = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert term == {"matchExpressions": [{"key": "causeway/pool", "operator": "In", "values": [pool]}]}


def test_a_vendor_with_two_pools_has_one_plugin_for_both(helm: Helm) -> None:
    accelerators = [{"pool": pool, "resource": "nvidia.com/gpu"} for pool in ("h20", "a800")]
    spec = pod(plugin(helm, "nvidia", own("nvidia", accelerators=accelerators)))
    (term,) = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert term["matchExpressions"][0]["values"] == ["a800", "h20"]


def test_accelerators_without_a_pool_are_told_by_vendor_and_device(helm: Helm) -> None:
    spec = pod(plugin(helm, "nvidia", load(CASES / "pci-values.yaml")))
    terms = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    keys = [expression["key"] for term in terms for expression in term["matchExpressions"]]
    assert keys == [f"feature.node.kubernetes.io/pci-10de_{device}.present" for device in ("2330", "2335")]
    assert "nodeSelector" not in spec


def test_a_plugin_that_would_run_on_every_node_is_refused(helm: Helm) -> None:
    with pytest.raises(Refused, match=r"vendors\.nvidia\.accelerators: name each accelerator's pool"):
        plugins(helm, own("nvidia", accelerators=[{"resource": "nvidia.com/gpu"}]))


@pytest.mark.parametrize(("vendor", "taint"), [("cambricon", "cambricon.com/mlu"), ("nvidia", "nvidia.com/gpu")])
def test_a_plugin_bears_its_vendors_taint(helm: Helm, vendor: str, taint: str) -> None:
    assert pod(plugin(helm, vendor))["tolerations"] == [{"key": taint, "operator": "Exists"}]


def test_where_the_vendor_has_no_taint_none_is_borne_unless_the_fleet_says_so(helm: Helm) -> None:
    assert "tolerations" not in pod(plugin(helm, "huawei"))
    taint = {"key": "team", "operator": "Exists"}
    values = own("huawei", tolerations=[taint], accelerators=SANDBOX["vendors"]["huawei"]["accelerators"])
    assert pod(plugin(helm, "huawei", values))["tolerations"] == [taint]


@pytest.mark.parametrize(
    ("vendor", "image"),
    [
        ("huawei", "registry.cn-north.test/ascendhub/ascend-k8sdeviceplugin:v26.1.0"),
        ("cambricon", "registry.cn-north.test/cambricon-device-plugin:v2.0.23"),
        ("nvidia", "registry.cn-north.test/nvidia/k8s-device-plugin:v0.20.0"),
    ],
)
def test_an_image_comes_from_the_sites_mirror_in_the_declared_version(helm: Helm, vendor: str, image: str) -> None:
    assert container(plugin(helm, vendor))["image"] == image


@pytest.mark.parametrize(
    ("settings", "image"),
    [
        ({}, "nvcr.io/nvidia/k8s-device-plugin:v0.20.0"),
        ({"version": "0.21.0"}, "nvcr.io/nvidia/k8s-device-plugin:v0.21.0"),
        ({"image": "team/plugin:1"}, "nvcr.io/team/plugin:1"),
        ({"image": "registry.test:5000/team/plugin:1"}, "registry.test:5000/team/plugin:1"),
        ({"image": "localhost/plugin", "tag": "r{version}"}, "localhost/plugin:r0.20.0"),
        ({"digest": "sha256:" + "5e" * 32}, "nvcr.io/nvidia/k8s-device-plugin@sha256:" + "5e" * 32),
        ({"image": "plugin@sha256:" + "5e" * 32}, "nvcr.io/plugin@sha256:" + "5e" * 32),
    ],
)
def test_an_image_is_named_in_any_usual_way(helm: Helm, settings: dict[str, str], image: str) -> None:
    values = own("nvidia", devicePlugin=settings, accelerators=SANDBOX["vendors"]["nvidia"]["accelerators"])
    assert container(plugin(helm, "nvidia", values))["image"] == image


def test_a_chip_without_an_image_is_refused_with_the_value_to_set(helm: Helm) -> None:
    accelerators = [{"pool": "seedchip", "resource": "example.com/seedchip"}]
    values = own("bytedance", devicePlugin={"name": "ours"}, accelerators=accelerators)
    with pytest.raises(Refused, match=r"vendors\.bytedance\.devicePlugin\.image: no image is known"):
        plugins(helm, values)
    with pytest.raises(Refused, match=r"vendors\.bytedance\.devicePlugin\.version: team/plugin names neither"):
        plugins(helm, own("bytedance", devicePlugin={"image": "team/plugin"}, accelerators=accelerators))


def test_a_fleets_own_chip_needs_values_only(helm: Helm) -> None:
    found = plugin(helm, "bytedance", load(CASES / "own-chip-values.yaml"))
    assert container(found)["image"] == "registry.cn-lab.test/accelerators/seedchip-device-plugin:0.9.0"
    assert pod(found)["tolerations"] == [{"key": "example.com/seedchip", "operator": "Exists"}]
    mounts = {mount["name"]: mount["mountPath"] for mount in container(found)["volumeMounts"]}
    assert mounts["device-plugins"] == "/var/lib/kubelet/device-plugins"
    assert container(found)["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_a_chip_without_a_device_plugin_gets_none(helm: Helm) -> None:
    values = own("bytedance", accelerators=[{"pool": "seedchip"}], runtimeClass="seedchip")
    everything = helm.render("accelerator-platform", values)
    assert {document["kind"] for document in everything.objects} == {"PriorityClass", "RuntimeClass"}


def test_a_profile_that_is_not_there_is_refused_with_those_that_are(helm: Helm) -> None:
    with pytest.raises(Refused, match=r"vendors\.x\.profile: there is no profile nvidea; there are cambricon, "):
        plugins(helm, own("x", profile="nvidea"))


def test_the_schedulers_of_kubernetes_place_pods_with_ascend_unless_volcano_is_asked_for(helm: Helm) -> None:
    args = container(plugin(helm, "huawei"))["args"]
    assert [arg for arg in args if arg.startswith("-volcanoType")] == ["-volcanoType=false"]
    settings = {"args": ["-hotReset=0"], "extraArgs": ["-volcanoType=true"]}
    values = own("huawei", devicePlugin=settings, accelerators=SANDBOX["vendors"]["huawei"]["accelerators"])
    assert container(plugin(helm, "huawei", values))["args"] == ["-hotReset=0", "-volcanoType=true"]


def test_two_owners_of_one_resource_on_one_pool_are_refused(helm: Helm) -> None:
    second = {"profile": "huawei", "accelerators": SANDBOX["vendors"]["huawei"]["accelerators"]}
    values = {**SANDBOX, "vendors": {**SANDBOX["vendors"], "huawei-hami": second}}
    with pytest.raises(
        Refused, match=r"huawei-hami\.devicePlugin: huawei.com/Ascend910 on nodes with causeway/pool=ascend"
    ):
        plugins(helm, values)
    second["devicePlugin"] = {"enabled": False}
    assert len(plugins(helm, values).objects) == 3
    other = [{"pool": "ascend", "resource": "huawei.com/Ascend910B3"}]
    values["vendors"]["huawei-hami"] = {"profile": "huawei", "accelerators": other}
    assert len(plugins(helm, values).objects) == 4


def test_a_vendor_that_is_off_gets_nothing(helm: Helm) -> None:
    found = plugins(helm, load(CASES / "vendor-chart-values.yaml"))
    assert [document["metadata"]["labels"]["causeway/vendor"] for document in found.objects] == ["huawei"]
    everything = helm.render("accelerator-platform", load(CASES / "vendor-chart-values.yaml")).text
    assert "nvidia" not in everything


def test_a_plugin_that_offers_other_resources_says_which(helm: Helm) -> None:
    settings = {
        "image": "projecthami/ascend-device-plugin:v1",
        "resourceNames": ["huawei.com/Ascend910B3", "huawei.com/Ascend910B3-memory"],
    }
    accelerators = [{"pool": "ascend", "resource": "huawei.com/Ascend910B3"}]
    found = plugin(helm, "hami", own("hami", devicePlugin=settings, accelerators=accelerators))
    annotations = found["spec"]["template"]["metadata"]["annotations"]
    assert annotations["causeway/resources"] == "huawei.com/Ascend910B3,huawei.com/Ascend910B3-memory"


def test_annotations_of_one_vendor_stay_its_own(helm: Helm) -> None:
    values = {**SANDBOX, "podAnnotations": {"a": "all"}}
    values["vendors"] = {
        **values["vendors"],
        "nvidia": {**values["vendors"]["nvidia"], "devicePlugin": {"podAnnotations": {"b": "own"}}},
    }
    annotations = [
        document["spec"]["template"]["metadata"]["annotations"] for document in plugins(helm, values).objects
    ]
    assert [(found.get("a"), found.get("b")) for found in annotations] == [("all", None), ("all", None), ("all", "own")]


def test_only_a_plugin_that_says_how_it_is_probed_is_probed(helm: Helm) -> None:
    assert container(plugin(helm, "cambricon"))["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": 30107}
    assert "livenessProbe" not in container(plugin(helm, "huawei"))
