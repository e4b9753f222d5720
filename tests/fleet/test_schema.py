"""The JSON Schema and the reference: generated, committed, complete, and true of the fleets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from causeway.fleet.document import Fleet
from causeway.fleet.json_schema import FILE, committed_schema_text, schema_text
from causeway.fleet.reference import reference
from causeway.fleet.shape import fields_at

ROOT = Path(__file__).parents[2]
INVENTORY = ROOT / "inventory"
SCHEMA: dict[str, Any] = json.loads(committed_schema_text())  # held equal to the models by the first test


class _Loader(yaml.CSafeLoader):
    """Days stay texts, as JSON has none."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def _fleet(name: str) -> dict[str, Any]:
    """A fleet as another program would read it: the files merged by key."""
    merged: dict[str, Any] = {}
    for path in sorted((INVENTORY / name).rglob("*.yaml")):
        for section, content in yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader).items():  # noqa: S506 - made from the safe one
            merged[section] = {**merged.get(section, {}), **content} if isinstance(content, dict) else content
    return merged


def _properties(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, dict):
        for name, shape in node.get("properties", {}).items() if isinstance(node.get("properties"), dict) else ():
            yield f"{path}.{name}", shape
        for key, value in node.items():
            yield from _properties(value, f"{path}.{key}")


def test_the_committed_schema_is_what_the_models_say() -> None:
    assert committed_schema_text() == schema_text(), f"run: causeway schema --out infra/causeway/fleet/schema/{FILE}"


def test_the_committed_reference_is_what_the_schema_says() -> None:
    text = (ROOT / "docs" / "reference" / "declaration.md").read_text(encoding="utf-8")
    assert text == reference(SCHEMA), "run: causeway schema --markdown --out docs/reference/declaration.md"


def test_the_schema_is_one_of_2020_12() -> None:
    schema = SCHEMA
    assert schema["$schema"].endswith("2020-12/schema")
    jsonschema.Draft202012Validator.check_schema(schema)


def test_every_property_and_every_definition_has_a_description() -> None:
    schema = SCHEMA
    properties = dict(_properties(schema))
    assert len(properties) > 200
    assert [path for path, shape in properties.items() if not shape.get("description")] == []
    assert [
        name for name, shape in schema["$defs"].items() if "properties" in shape and not shape.get("description")
    ] == []


@pytest.mark.parametrize("name", ["sandbox", "reference"])
def test_the_fleets_of_the_repository_fit_the_schema(name: str) -> None:
    errors = jsonschema.Draft202012Validator(SCHEMA).iter_errors(_fleet(name))
    assert [f"{list(error.absolute_path)}: {error.message}" for error in errors] == []


def test_the_schema_refuses_what_the_models_refuse() -> None:
    fleet = _fleet("sandbox")
    fleet["sites"]["cn-north"]["country"] = False
    fleet["clusters"]["cn-north-inference"]["kubernetes"]["version"] = 1.34
    fleet["typo"] = 1
    paths = {tuple(error.absolute_path) for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(fleet)}
    assert paths == {("sites", "cn-north", "country"), ("clusters", "cn-north-inference", "kubernetes", "version"), ()}


def test_the_other_fleets_name_the_schema_for_editors() -> None:
    first = (INVENTORY / "reference" / "fleet.yaml").read_text(encoding="utf-8").splitlines()[0]
    named = first.removeprefix("# yaml-language-server: $schema=")
    assert (INVENTORY / "reference" / named).resolve() == (ROOT / "infra/causeway/fleet/schema" / FILE).resolve()


def test_a_changed_default_needs_a_new_version_of_the_declaration() -> None:
    """A default is what hosts get without anybody having written so: a change here would roll out by itself."""
    defaults = json.loads((Path(__file__).parent / "defaults-v1.json").read_text(encoding="utf-8"))
    now = {path: shape["default"] for path, shape in _properties(SCHEMA) if "default" in shape}
    changed = {path: now.get(path) for path, default in defaults.items() if path in now and now[path] != default}
    assert changed == {}, "write a migration that puts the old default into older declarations, then a new file"


def test_fields_are_found_at_a_path_of_any_shape() -> None:
    assert set(fields_at(("clusters", "a", "kubernetes", "access"))) == {"context", "secret", "stack_output"}
    assert "class" in fields_at(("workloads", "a", "dataset"))
    assert "weight" in fields_at(("workloads", "a", "serve", 0))
    assert fields_at(("workloads", "a", "values", "b")) == {}
    assert list(fields_at(())) == list(Fleet.model_fields)
