"""Finds the tables that speak of an accelerator: the catalog's own, and those that its facts are worth."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from causeway.catalog.catalog import Catalog
from causeway.catalog.query import follows
from causeway.catalog.versions import matches
from causeway.fleet.catalog_entries import AcceleratorEntry, Fact
from causeway.fleet.compatibility_entries import QueryField, Row, Span, Spec, Table

STATIC = frozenset({"accelerator", "family", "vendor", "driver_stack"})
"""Fields that are settled by the accelerator."""


def concerns(table: Table) -> frozenset[str]:
    """Every field on which a table's answer depends."""
    found: set[str] = {*table.fields, *table.applies}
    for row in table.rows:
        found.update(row.when, row.allow, row.forbid, row.same_minor or ())
    return frozenset(found)


@lru_cache(maxsize=1024)
def concerns_of(catalog: Catalog, accelerator: str) -> dict[str, frozenset[str]]:
    """`concerns` of the tables that can speak of an accelerator, by name."""
    return {name: concerns(table) for name, table in tables_for(catalog, accelerator)}


@lru_cache(maxsize=1024)
def tables_for(catalog: Catalog, accelerator: str) -> tuple[tuple[str, Table], ...]:
    """The tables that can speak of an accelerator, by name. Raises KeyError for an unknown accelerator."""
    static = {"accelerator": accelerator, **follows(catalog, accelerator)}
    named = (
        (name, table)
        for name, table in catalog.compatibility.items()
        if all(matches(spec, static.get(field)) for field, spec in table.applies.items() if field in STATIC)
    )
    return (*named, *_of_facts(accelerator, catalog.accelerators[accelerator]))


def _of_facts(accelerator: str, entry: AcceleratorEntry) -> Iterator[tuple[str, Table]]:
    """Tables with one row each, from the floors that stand with the chip."""
    if entry.min_driver.value is not None:
        yield _floor(accelerator, "driver", "oldest driver that runs this chip", entry.min_driver)
    if entry.min_cuda.value is not None:
        yield _floor(accelerator, "toolkit", "oldest CUDA version that knows this chip", entry.min_cuda)
    stated = entry.statement("kernel_module_type")
    if entry.kernel_module_type and stated:
        row = Row(
            when={"accelerator": Spec(accelerator)},
            allow={"kernel_modules": Spec(entry.kernel_module_type)},
            confidence=stated.confidence,
            source=stated.source,
            note=stated.note,
        )
        yield _table(accelerator, "kernel_modules", "kind of kernel modules that runs this chip", row)


def _floor(accelerator: str, field: QueryField, title: str, fact: Fact[str]) -> tuple[str, Table]:
    row = Row(
        when={"accelerator": Spec(accelerator)},
        allow={field: Spec(Span(min=fact.value))},
        confidence=fact.confidence,
        source=fact.source,
        note=fact.note,
    )
    return _table(accelerator, field, title, row)


def _table(accelerator: str, field: QueryField, title: str, row: Row) -> tuple[str, Table]:
    return f"{accelerator}.{field}", Table(title=title, fields=(field,), otherwise="forbidden", rows=(row,))
