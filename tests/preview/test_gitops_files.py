"""Objects as files: names that stay, and YAML that means the same to every reader."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
import yaml

from causeway.cluster.objects import documents
from causeway.preview.gitops_files import file_names, kept, placed, scalar, to_yaml

WORDS = (
    *(
        "on",
        "off",
        "yes",
        "no",
        "y",
        "n",
        "Y",
        "N",
        "true",
        "null",
        "~",
        "",
        " ",
        "1e3",
        "1_000",
        "0o17",
        "017",
        "1:30",
    ),
    *("2026-11-22", "2026-11-22T10:00:00Z", "=", "<<", "- a", "a: b", "#x", "x #y", "'", '"', "\\", "{{.name}}", "[a]"),
    *(
        "a\nb\n",
        "a\n  b",
        "trailing \nspace",
        "\ttab",
        "ä",
        "\u2028",
        "0x1f",
        ".5",
        "+1",
        "-",
        "--- a",
        "%x",
        "@x",
        "`x`",
    ),
)


def object_of(kind: str, name: str, version: str = "v1", **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, **metadata}}


@pytest.mark.parametrize("word", WORDS)
def test_every_text_stays_that_text_for_kubernetes_and_for_python(word: str) -> None:
    document = {**object_of("ConfigMap", "x"), "data": {"value": word, word or "empty": "key"}}
    text = to_yaml(document)
    assert yaml.safe_load(text) == document
    (part,) = documents(text)
    assert part.document == document


def test_random_documents_are_read_back_as_they_were(seed: int) -> None:
    chance = random.Random(seed)

    def value(depth: int) -> Any:
        if depth == 0 or chance.random() < 0.3:
            return chance.choice([*WORDS, True, False, None, 0, -7, 2**40, 1.5])
        if chance.random() < 0.5:
            return [value(depth - 1) for _ in range(chance.randrange(4))]
        return {chance.choice(WORDS) or "k": value(depth - 1) for _ in range(chance.randrange(4))}

    for _ in range(50):
        document = {**object_of("ConfigMap", "x"), "data": value(4)}
        (part,) = documents(to_yaml(document))
        assert json.dumps(part.document, sort_keys=True) == json.dumps(document, sort_keys=True)


@pytest.mark.parametrize("word", [*WORDS, 5, True, None])
def test_a_value_in_a_template_is_read_back_as_it_was(word: Any) -> None:
    assert yaml.safe_load(f"a: {{b: {scalar(word)}}}") == {"a": {"b": word}}


def test_keys_are_sorted_and_whole_numbers_written_as_such() -> None:
    text = to_yaml({"kind": "X", "apiVersion": "v1", "metadata": {"name": "x"}, "spec": {"b": 2.0, "a": 1}})
    assert text.index("apiVersion") < text.index("kind") < text.index("  a: 1") < text.index("  b: 2\n")


def test_an_object_names_the_namespace_that_its_key_says() -> None:
    assert placed(object_of("Service", "a"), "v1/Service/work/a")["metadata"]["namespace"] == "work"
    assert "namespace" not in placed(object_of("ClusterRole", "a"), "rbac/v1/ClusterRole//a")["metadata"]


def test_a_definition_is_kept_when_its_release_goes() -> None:
    made = kept(object_of("CustomResourceDefinition", "a.b.c", annotations={"mine": "1"}))
    assert made["metadata"]["annotations"] == {
        "mine": "1",
        "argocd.argoproj.io/sync-options": "Prune=false,Delete=false",
        "kustomize.toolkit.fluxcd.io/prune": "disabled",
    }


def test_names_of_files_tell_kind_and_name() -> None:
    objects = {
        "v1/Service/work/a": object_of("Service", "a"),
        "apps/v1/Deployment/work/a": object_of("Deployment", "a", "apps/v1"),
        "gateway.networking.k8s.io/v1/HTTPRoute/work/a": object_of("HTTPRoute", "a", "gateway.networking.k8s.io/v1"),
        "example.test/v1/Service/work/a": object_of("Service", "a", "example.test/v1"),
    }
    assert list(file_names(objects, "work").values()) == [
        "service-a.yaml",
        "deployment-a.yaml",
        "httproute-a.yaml",
        "service.example.test-a.yaml",
    ]


def test_no_two_objects_have_one_file_whatever_they_are_called() -> None:
    objects = {
        "v1/Role/work/a:b": object_of("Role", "a:b", "rbac.authorization.k8s.io/v1"),
        "v1/Role/work/a_b": object_of("Role", "a_b", "rbac.authorization.k8s.io/v1"),
        "v1/Role/other/a_b": object_of("Role", "a_b", "rbac.authorization.k8s.io/v1", namespace="other"),
        "v1/Event/work/e": object_of("Event", "e"),
        "events.k8s.io/v1/Event/work/e": object_of("Event", "e", "events.k8s.io/v1"),
    }
    names = file_names(objects, "work")
    assert len({name.lower() for name in names.values()}) == len(objects)
    assert all("/" not in name and ":" not in name for name in names.values())
    assert names["v1/Role/work/a_b"] == "role-a_b.yaml"
