"""Rendered YAML read as Helm reads it, and the keys of objects."""

from __future__ import annotations

from typing import Any

import pytest

from causeway.cluster import objects
from causeway.cluster.scheduling import fits
from causeway.errors import Permanent


def parsed(text: str) -> Any:
    (part,) = objects.documents(text)
    return part.document


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2026-01-02", "2026-01-02"),
        ("12:30", "12:30"),
        ("1e3", 1000),
        ("0644", 420),
        ("0o644", 420),
        ("0x1F", 31),
        ("1_000", 1000),
        ("-7", -7),
        ("1.5", 1.5),
        ("2.0", 2),
        ("yes", True),
        ("Off", False),
        ("~", None),
        ("1.2.3", "1.2.3"),
        ("0.9", 0.9),
        ("08", 8),
        ('"1e3"', "1e3"),
        ("=", "="),
        ("<<", "<<"),
    ],
)
def test_a_scalar_means_what_it_means_to_helm(text: str, value: object) -> None:
    found = parsed(f"a: {text}")["a"]
    assert found == value
    assert type(found) is type(value)


def test_documents_know_their_template_and_empty_ones_are_left_out() -> None:
    first, second = (f"---\n# Source: c/templates/{name}.yaml\n" for name in "ab")
    text = f"{first}a: 1\n{second}---\n# only a comment\n--- \nb: 2\n"
    assert [(part.source, part.document) for part in objects.documents(text)] == [
        ("c/templates/a.yaml", {"a": 1}),
        ("", {"b": 2}),
    ]


def test_yaml_that_is_none_is_told_by_its_template() -> None:
    with pytest.raises(Permanent) as caught:
        list(objects.documents("# Source: c/templates/a.yaml\na: [1"))
    assert caught.value.subject == "c/templates/a.yaml"


def part(kind: str, source: str = "c/templates/x.yaml", **metadata: Any) -> objects.Part:
    return objects.Part(source, {"apiVersion": "v1", "kind": kind, "metadata": {"name": "n", **metadata}})


def test_objects_are_keyed_and_hooks_and_definitions_told_apart() -> None:
    parts = [
        part("Service"),
        part("ConfigMap", namespace="other"),
        part("Namespace"),
        part("Secret", annotations={"helm.sh/hook": "pre-upgrade"}),
        part("CustomResourceDefinition", "c/charts/d/crds/x.yaml"),
    ]
    made = objects.rendered(parts, "place")
    assert list(made.objects) == ["v1/ConfigMap/other/n", "v1/Namespace//n", "v1/Service/place/n"]
    assert list(made.hooks) == ["v1/Secret/place/n"]
    assert list(made.crds) == ["v1/CustomResourceDefinition//n"]
    listed = objects.Part("x", {"kind": "List", "items": [part("Pod").document]})
    assert list(objects.rendered([listed], "place").objects) == ["v1/Pod/place/n"]


def test_an_object_twice_and_a_document_without_a_name_are_errors() -> None:
    with pytest.raises(Permanent, match="twice"):
        objects.rendered([part("Service"), part("Service")], "place")
    with pytest.raises(Permanent, match=r"metadata\.name"):
        objects.rendered([objects.Part("c/templates/x.yaml", {"kind": "Service"})], "place")


@pytest.mark.parametrize(
    ("pod", "fit"),
    [
        ({}, False),
        ({"tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}]}, True),
        ({"tolerations": [{"key": "nvidia.com/gpu", "value": "other"}]}, False),
        ({"tolerations": [{"operator": "Exists"}], "nodeSelector": {"vendor": "amd"}}, False),
        ({"tolerations": [{"operator": "Exists"}], "nodeSelector": {"vendor": "nvidia"}}, True),
    ],
)
def test_whether_a_daemons_pod_fits_a_node(pod: dict[str, Any], *, fit: bool) -> None:
    taints = [
        {"key": "nvidia.com/gpu", "effect": "NoSchedule"},
        {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"},
    ]
    assert fits(pod, {"vendor": "nvidia"}, taints) is fit


@pytest.mark.parametrize(
    ("operator", "values", "fit"),
    [
        ("In", ["8"], True),
        ("NotIn", ["8"], False),
        ("Exists", [], True),
        ("DoesNotExist", [], False),
        ("Gt", ["7"], True),
        ("Lt", ["8"], False),
    ],
)
def test_node_affinity_is_read_as_the_scheduler_reads_it(operator: str, values: list[str], *, fit: bool) -> None:
    term = {"matchExpressions": [{"key": "count", "operator": operator, "values": values}]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    assert fits({"affinity": {"nodeAffinity": required}}, {"count": "8"}, ()) is fit
