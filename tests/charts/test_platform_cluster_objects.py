"""`templates/{rbac,runtimeclass,priorityclass,nodefeaturerule}.yaml` and the notes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.charts.harness import CHARTS, Helm, Refused, Rendered, load

pytestmark = pytest.mark.tools
CASES = CHARTS / "accelerator-platform" / "ci"
SANDBOX = load(CASES / "sandbox-values.yaml")
PCI = load(CASES / "pci-values.yaml")


def rendered(helm: Helm, template: str, values: dict[str, Any] = SANDBOX) -> Rendered:
    return helm.render("accelerator-platform", values, name="accelerator-platform", template=template)


def test_each_component_has_an_account_of_its_own_and_rights_only_where_its_vendor_asks(helm: Helm) -> None:
    found = rendered(helm, "rbac.yaml")
    accounts = {
        document["metadata"]["name"].removeprefix("accelerator-platform-") for document in found.of("ServiceAccount")
    }
    assert accounts == {f"{v}-{c}" for v in ("huawei", "cambricon", "nvidia") for c in ("device-plugin", "exporter")}
    roles = {document["metadata"]["name"].removeprefix("accelerator-platform-") for document in found.of("ClusterRole")}
    assert roles == {"huawei-device-plugin", "cambricon-device-plugin", "cambricon-exporter"}
    for binding in found.of("ClusterRoleBinding"):
        name = binding["metadata"]["name"]
        assert binding["roleRef"]["name"] == name
        assert [(s["name"], s["namespace"]) for s in binding["subjects"]] == [(name, "test")]


def test_no_component_may_read_secrets_or_change_workloads(helm: Helm) -> None:
    for role in rendered(helm, "rbac.yaml").of("ClusterRole"):
        for rule in role["rules"]:
            assert "*" not in rule["resources"] + rule["verbs"] + rule["apiGroups"]
            assert not {"secrets", "daemonsets", "deployments", "jobs"} & set(rule["resources"])


def test_runtime_classes_are_made_for_vendors_that_need_one(helm: Helm) -> None:
    found = rendered(helm, "runtimeclass.yaml").of("RuntimeClass")
    assert {document["metadata"]["name"]: document["handler"] for document in found} == {
        "ascend": "ascend",
        "nvidia": "nvidia",
    }


def test_a_runtime_class_is_made_once_for_two_vendors_and_not_at_all_when_another_makes_it(helm: Helm) -> None:
    nvidia: dict[str, Any] = {
        "runtimeClass": "shared",
        "runtimeHandler": "runc",
        "accelerators": [{"pool": "a", "resource": "x.com/a"}],
    }
    values = {
        "vendors": {"nvidia": nvidia, "huawei": {**nvidia, "accelerators": [{"pool": "b", "resource": "x.com/b"}]}}
    }
    assert rendered(helm, "runtimeclass.yaml", values).one("RuntimeClass", "shared")["handler"] == "runc"
    for vendor in values["vendors"].values():
        vendor["createRuntimeClass"] = False
    assert not helm.render("accelerator-platform", values).of("RuntimeClass")


def test_serving_goes_before_training_and_training_takes_no_room_from_others(helm: Helm) -> None:
    found = rendered(helm, "priorityclass.yaml")
    serving, training = (found.one("PriorityClass", f"causeway-{name}") for name in ("serving", "training"))
    assert serving["value"] > training["value"] > 0
    assert training["preemptionPolicy"] == "Never"


def test_priority_classes_can_be_added_and_taken_out(helm: Helm) -> None:
    values = {"priorityClasses": {"causeway-serving": None, "batch": {"value": 5}}}
    names = [document["metadata"]["name"] for document in rendered(helm, "priorityclass.yaml", values).objects]
    assert names == ["batch", "causeway-training"]


def test_a_rule_matches_vendor_and_device_together(helm: Helm) -> None:
    (rule,) = rendered(helm, "nodefeaturerule.yaml", PCI).one("NodeFeatureRule", "accelerator-platform-huawei-devices")[
        "spec"
    ]["rules"]
    (term,) = rule["matchFeatures"]
    assert term["feature"] == "pci.device"
    assert term["matchExpressions"] == {
        "vendor": {"op": "In", "value": ["19e5"]},
        "device": {"op": "In", "value": ["d803"]},
    }
    assert rule["labels"]["feature.node.kubernetes.io/pci-19e5_d803.present"] == "true"


def test_a_rule_sets_the_vendors_node_labels_but_for_those_that_nfd_refuses(helm: Helm) -> None:
    (rule,) = rendered(helm, "nodefeaturerule.yaml", PCI).one("NodeFeatureRule", "accelerator-platform-huawei-devices")[
        "spec"
    ]["rules"]
    assert rule["labels"]["workerselector"] == "dls-worker-node"
    assert "node-role.kubernetes.io/worker" not in rule["labels"]


def test_there_are_no_rules_unless_node_feature_discovery_is_said_to_be_there(helm: Helm) -> None:
    assert not helm.render("accelerator-platform", SANDBOX).of("NodeFeatureRule")


def test_every_plugin_that_is_told_by_pci_device_has_the_label_it_selects(helm: Helm) -> None:
    found = helm.render("accelerator-platform", PCI)
    given = {label for rule in found.of("NodeFeatureRule") for r in rule["spec"]["rules"] for label in r["labels"]}
    for spec in found.pod_specs():
        for term in spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][
            "nodeSelectorTerms"
        ]:
            assert {expression["key"] for expression in term["matchExpressions"]} <= given


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"vendors": {"nvidia": {"accelerators": [{"pool": "a"}]}}}, r"vendors\.nvidia\.accelerators\.0\.resource"),
        ({"vendors": {"nvidia": {"pciVendor": "10DE"}}}, "/vendors/nvidia/pciVendor"),
        ({"vendors": {"nvidia": {"devicePlugin": {"imag": "x"}}}}, "'imag'"),
        ({"vendors": {"Nvidia!": {}}}, "Nvidia!"),
        ({"priorityClasses": {"a": {"value": 2000000000}}}, "/priorityClasses/a/value"),
    ],
)
def test_a_value_that_cannot_work_is_refused_where_it_stands(helm: Helm, values: dict[str, Any], place: str) -> None:
    with pytest.raises(Refused, match=place):
        helm.render("accelerator-platform", values)
