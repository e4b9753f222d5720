"""Errors speak the house's words: the table covers every refusal that the models can give."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import TypeAdapter

from causeway.fleet.document import Fleet
from causeway.fleet.json_schema import json_schema
from causeway.fleet.words import PATTERNS, SENTENCES

# kind of a node of the models' core schema -> the refusals that it can give
_REFUSALS = {
    "str": {"string_type", "string_pattern_mismatch", "string_too_long"},
    "int": {"int_type", "int_from_float", "greater_than_equal", "less_than_equal"},
    "float": {"float_type", "finite_number"},
    "bool": {"bool_type"},
    "literal": {"literal_error"},
    "model-fields": {"missing", "extra_forbidden", "model_type"},
    "dict": {"dict_type"},
    "tuple": {"tuple_type"},
    "function-before": {"value_error"},
}


def _kinds(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("type"), str):
            yield node["type"]
        for value in node.values():
            yield from _kinds(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from _kinds(value)


def test_every_kind_of_refusal_has_its_sentence() -> None:
    kinds = set(_kinds(TypeAdapter(Fleet).core_schema))
    assert kinds >= {"str", "int", "literal", "model-fields"}
    needed = set().union(*(refusals for kind, refusals in _REFUSALS.items() if kind in kinds))
    assert needed - SENTENCES.keys() == set()


def _patterns(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("pattern"), str):
            yield node["pattern"]
        yield from node.get("patternProperties", {}) if isinstance(node.get("patternProperties"), dict) else ()
        for value in node.values():
            yield from _patterns(value)
    elif isinstance(node, list):
        for value in node:
            yield from _patterns(value)


def test_every_pattern_of_the_schema_is_told_in_words() -> None:
    own = {r"^(100|\d{1,2})%$", r"^(?=\d)(\d+d)?(\d+h)?(\d+m)?(\d+s)?$"}  # of fields with their own sentence
    assert set(_patterns(json_schema())) - PATTERNS.keys() - own == set()
