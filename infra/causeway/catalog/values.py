"""An entry of the catalog as a list of values, each with confidence and source, for people and programs alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from causeway.catalog.catalog import Catalog
from causeway.errors import Permanent
from causeway.fleet.base import Model
from causeway.fleet.catalog_entries import Entry, Fact, Interconnect, Stated
from causeway.fleet.problems import nearest

SHOWN = (
    "accelerators",
    "vendors",
    "driver_stacks",
    "engines",
    "device_plugins",
    "exporters",
    "operating_systems",
)
"""Sections whose entries can be shown, in the order in which a name is looked for."""
OWN_WORDS = frozenset({"name", "vendor", "driver_stack", "device_plugin", "exporter", "role", "same_as", "chip"})
"""Fields by which the catalog itself is built: names of its own, not facts about the world."""
EXPECTED = ("memory_gb", "bandwidth_gb_s", "dense_tops", "tdp_w", "die_area_mm2")
"""Figures of an accelerator that are told as unknown when they are."""


@dataclass(frozen=True, slots=True)
class Value:
    """One value of an entry.

    Args:
        field: its name, with a dot before the key of a mapping.
        value: the value; None when it is unknown.
        confidence, source: empty for the catalog's own words.
        note: what a reader has to know.
        alternatives: every value that sources state, when they conflict.
        computed: how it was computed; empty for a stated value.
    """

    field: str
    value: object
    confidence: str = ""
    source: str = ""
    note: str = ""
    alternatives: tuple[object, ...] = ()
    computed: str = ""


def find(catalog: Catalog, key: str) -> tuple[tuple[str, Entry], ...]:
    """The entries of a name, with their sections.

    Raises:
        Permanent: there is none; the hint names the nearest.
    """
    found = tuple((section, getattr(catalog, section)[key]) for section in SHOWN if key in getattr(catalog, section))
    if found:
        return found
    near = nearest(key, [name for section in SHOWN for name in getattr(catalog, section)])
    hint = f"did you mean {near}? causeway catalog list shows every name" if near else "see causeway catalog list"
    raise Permanent("unknown-catalog-entry", "the catalog has no entry of this name", subject=key, hint=hint)


def values(entry: Entry) -> tuple[Value, ...]:
    """The values of an entry, in the order of its model. What is empty is left out, unless it is an expected figure."""
    return tuple(_values(entry))


def _values(entry: Entry) -> Iterator[Value]:
    for field in type(entry).model_fields:
        if field in ("stated", "note", "replaces"):
            continue
        content = getattr(entry, field)
        if _empty(content) or field not in entry.model_fields_set:
            if field in EXPECTED:
                yield _unknown(field, content)
            continue
        yield from _of(field, content, None if field in OWN_WORDS else entry.statement(field))


def _unknown(field: str, content: object) -> Value:
    return _fact(field, content) if isinstance(content, Fact) else Value(field, None, "unverified")


def _empty(content: object) -> bool:
    if isinstance(content, Fact):
        return content.value is None and not content.note
    return content is None or content is False or content in ((), {}, "")


def _of(field: str, content: Any, stated: Stated | None) -> Iterator[Value]:
    if isinstance(content, Fact):
        yield _fact(field, content)
    elif isinstance(content, Interconnect):
        yield _plain(f"{field}.name", content.name, stated)
        yield _fact(f"{field}.gb_s", content.gb_s)
    elif isinstance(content, dict):
        for key, each in content.items():
            yield from _of(f"{field}.{key}", each, stated)
    elif isinstance(content, Model):
        for name in type(content).model_fields:
            if not _empty(getattr(content, name)):
                yield from _of(f"{field}.{name}", getattr(content, name), stated)
    else:
        yield _plain(field, list(content) if isinstance(content, tuple) else content, stated)


def _fact(field: str, fact: Fact[Any]) -> Value:
    return Value(field, fact.value, fact.confidence, fact.source, fact.note, fact.alternatives)


def _plain(field: str, content: object, stated: Stated | None) -> Value:
    if stated is None:
        return Value(field, content)
    return Value(field, content, stated.confidence, stated.source, stated.note)
