"""What counts as a change of an object, and which change needs a new object."""

from __future__ import annotations

from typing import Any

import pytest

from causeway.cluster.compare import compare, fields_of, told
from causeway.cluster.model import Rendered
from causeway.cluster.releases import preview

CONTAINER = {"name": "main", "image": "a", "env": [{"name": "A", "value": "1"}]}


def deployment(**container: Any) -> dict[str, Any]:
    pod = {"spec": {"containers": [{**CONTAINER, **container}]}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {"template": pod}}


def changed(old: dict[str, Any], new: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {each.shown: (each.old, each.new) for each in fields_of(old, new)}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"resources": {"limits": {"cpu": "1000m"}}}, {"resources": {"limits": {"cpu": 1}}}),
        ({"resources": {"limits": {"memory": "1Gi"}}}, {"resources": {"limits": {"memory": "1024Mi"}}}),
        ({"resources": {"limits": {}}}, {"resources": {"limits": None}}),
        ({"args": []}, {}),
        ({"tty": None}, {}),
    ],
)
def test_what_the_server_holds_alike_is_no_change(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert changed(deployment(**old), deployment(**new)) == {}


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        ({"image": "a"}, {"image": "b"}, "image"),
        ({"tty": True}, {"tty": 1}, "tty"),
        ({"args": ["1"]}, {"args": [1]}, "args[0]"),
        ({"command": ["1000m"]}, {"command": ["1"]}, "command[0]"),
        ({"resources": {"limits": {"cpu": "1"}}}, {"resources": {"limits": {"cpu": "2"}}}, "resources.limits.cpu"),
    ],
)
def test_a_change_is_told_by_its_field(old: dict[str, Any], new: dict[str, Any], shown: str) -> None:
    assert list(changed(deployment(**old), deployment(**new))) == [f"spec.template.spec.containers[main].{shown}"]


def test_an_item_put_in_front_is_one_change_and_an_order_is_told_as_one() -> None:
    front = [{"name": "Z", "value": "0"}, {"name": "A", "value": "1"}]
    (field,) = fields_of(deployment(), deployment(env=front))
    assert field.shown == "spec.template.spec.containers[main].env[Z]"
    assert field.steps == ("spec", "template", "spec", "containers", 0, "env", 0)
    turned = changed(deployment(env=front), deployment(env=front[::-1]))
    assert turned == {"spec.template.spec.containers[main].env (order)": (["Z", "A"], ["A", "Z"])}


def test_keys_with_dots_are_quoted_and_items_without_a_name_are_counted() -> None:
    old, new = ({"metadata": {}, "data": {"a.yaml": text}, "rules": [[text]]} for text in ("1", "2"))
    assert list(changed(old, new)) == ['data["a.yaml"]', "rules[0][0]"]


def test_objects_come_go_and_change() -> None:
    made = {"a": deployment(), "b": deployment(), "c": deployment()}
    after = {"b": deployment(), "c": deployment(image="b"), "d": deployment()}
    changes = list(compare(made, after))
    assert [(each.key, each.action) for each in changes] == [("a", "delete"), ("c", "change"), ("d", "create")]
    assert told(changes) == "a; c (spec.template.spec.containers[main].image); d"
    assert not preview(Rendered(made), Rendered(made))
    assert [each.action for each in preview(None, Rendered(made)).objects] == ["create"] * 3
    assert [each.action for each in preview(Rendered(made), None).objects] == ["delete"] * 3


def document(kind: str, **rest: Any) -> dict[str, Any]:
    return {"kind": kind, "apiVersion": "v1", "metadata": {"name": "x"}, **rest}


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [
        ("Deployment", {"spec": {"selector": {"a": "1"}}}, {"spec": {"selector": {"a": "2"}}}),
        ("Job", {"spec": {"template": {"a": "1"}}}, {"spec": {"template": {"a": "2"}}}),
        ("Job", {"spec": {"completions": 1}}, {"spec": {"completions": 2}}),
        ("StatefulSet", {"spec": {"serviceName": "a"}}, {"spec": {"serviceName": "b"}}),
        ("ConfigMap", {"immutable": True, "data": {"a": "1"}}, {"immutable": True, "data": {"a": "2"}}),
        ("RoleBinding", {"roleRef": {"name": "a"}}, {"roleRef": {"name": "b"}}),
        ("PriorityClass", {"value": 1}, {"value": 2}),
        ("RuntimeClass", {"handler": "a"}, {"handler": "b"}),
    ],
)
def test_a_field_that_nobody_may_change_needs_a_new_object(kind: str, old: dict[str, Any], new: dict[str, Any]) -> None:
    (change,) = compare({"x": document(kind, **old)}, {"x": document(kind, **new)})
    assert change.action == "replace"
    assert f"of a {kind} cannot be changed" in change.reason


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [
        ("Deployment", {"spec": {"replicas": 1}}, {"spec": {"replicas": 2}}),
        ("Job", {"spec": {"suspend": True}}, {"spec": {"suspend": False}}),
        (
            "Job",
            {"spec": {"completionMode": "Indexed", "completions": 1, "parallelism": 1}},
            {"spec": {"completionMode": "Indexed", "completions": 2, "parallelism": 2}},
        ),
        ("StatefulSet", {"spec": {"replicas": 1}}, {"spec": {"replicas": 2}}),
        ("ConfigMap", {"data": {"a": "1"}}, {"data": {"a": "2"}}),
        ("ConfigMap", {"immutable": True}, {"immutable": True, "metadata": {"name": "x", "labels": {"a": "b"}}}),
    ],
)
def test_other_fields_change_in_place(kind: str, old: dict[str, Any], new: dict[str, Any]) -> None:
    (change,) = compare({"x": document(kind, **old)}, {"x": {**document(kind), **new}})
    assert change.action == "change"
