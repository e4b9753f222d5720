"""The declaration's JSON Schema (2020-12), generated from the models, for editors and other programs.

The file `schema/fleet-v<version>.schema.json` of this package is its output; `causeway schema --out` writes it anew.
"""

from __future__ import annotations

import json
from importlib.resources import files
from inspect import getdoc
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from causeway.fleet.catalog_entries import Fact
from causeway.fleet.document import Fleet
from causeway.fleet.migrations import CURRENT

FILE = f"fleet-v{CURRENT}.schema.json"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


class _Generator(GenerateJsonSchema):
    """Leaves out the titles that pydantic makes of the fields' names: editors would show them before descriptions."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's signature
        """No field gets a title."""
        return False


def json_schema() -> JsonSchemaValue:
    """The schema, with a description for every property; the files of a split declaration fit it but for `required`."""
    body = Fleet.model_json_schema(by_alias=True, schema_generator=_Generator)
    for name, definition in body["$defs"].items():
        definition.pop("title", None)
        if name.startswith("Fact_"):  # a generic's parameters cost it its docstring
            definition["description"] = getdoc(Fact)
    return {
        "$schema": _DIALECT,
        **body,
        "title": "Causeway fleet declaration",
        "description": f"A fleet: sites, leases, clusters, workloads and rules. Version {CURRENT} of the declaration.",
    }


def schema_text() -> str:
    """The schema as its file holds it."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def committed_schema_text() -> str:
    """The schema that lies in this package."""
    return files("causeway.fleet").joinpath("schema", FILE).read_text(encoding="utf-8")
