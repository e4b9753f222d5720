"""The reference of the declaration's fields, as Markdown, made from the JSON Schema."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from causeway.fleet.words import PATTERNS

_HEAD = """# Reference of the declaration

Every field of `inventory/<fleet>/fleet.yaml` and the files beside it. The concepts are told in
[declaration.md](../declaration.md). This file is made from the schema:
`causeway schema --markdown --out docs/reference/declaration.md`.
A field without a default is required, unless its text says otherwise.
"""
_TYPES = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false", "null": "null"}
_ROOT = "Fleet"


def reference(schema: Mapping[str, Any]) -> str:
    """The reference.

    Args:
        schema: the JSON Schema of the declaration.
    """
    definitions: dict[str, Any] = {_ROOT: schema, **schema["$defs"]}
    sections = [_section(name, definitions[name]) for name in _reached(definitions)]
    return "\n".join([_HEAD, *sections])


def _reached(definitions: Mapping[str, Any]) -> Iterator[str]:
    """The definitions in the order in which a reader of the declaration meets them."""
    seen = {_ROOT: True}
    waiting = [_ROOT]
    while waiting:
        name = waiting.pop(0)
        yield name
        shape = {key: value for key, value in definitions[name].items() if key != "$defs"}
        found = [each for each in _references(shape) if each not in seen]
        seen.update(dict.fromkeys(found, True))
        waiting = [*dict.fromkeys(found), *waiting]


def _references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield str(value).rsplit("/", 1)[-1]
            else:
                yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def _section(name: str, definition: Mapping[str, Any]) -> str:
    if "properties" not in definition:  # no mapping: one value of its own form
        about = definition.get("description", "").replace("\n", " ")
        return "\n".join([f"## {_title(name)}", "", about, "", f"What belongs there: {_type(definition)}.", ""])
    rows = [
        f"| `{field}` | {_type(shape)} | {_default(shape)} | {_cell(shape.get('description', ''))} |"
        for field, shape in definition["properties"].items()
    ]
    about = definition.get("description", "").replace("\n", " ")
    table = ["| field | what belongs there | default | meaning |", "|---|---|---|---|", *rows]
    return "\n".join([f"## {_title(name)}", "", about, "", *table, ""])


def _title(name: str) -> str:
    """`EndUseStatement` as `End use statement`; `Fact_str_` as `Fact (str)`."""
    generic = re.fullmatch(r"(\w+?)_(.+)_", name)
    if generic:
        return f"{_title(generic[1])} ({generic[2].replace('_', ' ')})"
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).split()
    return " ".join([words[0], *(word.lower() for word in words[1:])])


def _type(shape: Mapping[str, Any]) -> str:
    if "$ref" in shape:
        name = str(shape["$ref"]).rsplit("/", 1)[-1]
        title = _title(name)
        return f"[{title}](#{re.sub(r'[^a-z0-9 -]', '', title.lower()).replace(' ', '-')})"
    if "enum" in shape or "const" in shape:
        return ", ".join(f"`{value}`" for value in shape.get("enum", [shape.get("const")]))
    for key in ("anyOf", "oneOf", "allOf"):
        if key in shape:
            return " or ".join(dict.fromkeys(_type(each) for each in shape[key]))
    if shape.get("type") == "array":
        return f"list of {_type(shape['items'])}" if shape.get("items") else "list"
    if shape.get("type") == "object":
        inner = shape.get("additionalProperties") or next(iter(shape.get("patternProperties", {}).values()), None)
        return f"mapping, each value: {_type(inner)}" if isinstance(inner, dict) and inner else "mapping"
    return _scalar(shape)


def _scalar(shape: Mapping[str, Any]) -> str:
    if shape.get("format") == "date":
        return "day, such as 2026-11-22"
    if shape.get("pattern") in PATTERNS:
        return _cell(PATTERNS[shape["pattern"]])
    name = _TYPES.get(str(shape.get("type")), "anything")
    bounds = [f"{word} {shape[key]:g}" for key, word in (("minimum", "from"), ("maximum", "to")) if key in shape]
    return " ".join([name, *bounds])


def _default(shape: Mapping[str, Any]) -> str:
    if "default" not in shape:
        return ""
    text = json.dumps(shape["default"], ensure_ascii=False)
    return f"`{text}`" if len(text) <= 40 else "see there"


def _cell(text: str) -> str:
    return text.replace("\n", " ").replace("|", "\\|")
