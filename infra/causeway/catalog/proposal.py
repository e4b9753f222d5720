"""Looks for the nearest allowed set: fewest changed versions first, then supported branches, then nearest releases."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from itertools import combinations
from typing import Any

from causeway.catalog.catalog import Catalog
from causeway.catalog.decisions import TRUSTED, WORDS, Decision
from causeway.catalog.judge import judge
from causeway.catalog.query import VERSION_FIELDS, Query
from causeway.catalog.tables import tables_for
from causeway.catalog.versions import key, matches, same
from causeway.fleet.compatibility_entries import Span, Spec, Table

Score = tuple[int, int, tuple[int, ...]]
Choices = Mapping[str, tuple[tuple[int, str], ...]]


@dataclass(frozen=True, slots=True)
class Proposal:
    """The nearest set that is allowed.

    Args:
        query: the whole set. A version of one number (`580`) stands for any release of that branch.
        changes: field -> (declared, proposed), in the order of `VERSION_FIELDS`.
    """

    query: Query
    changes: Mapping[str, tuple[str, str]]

    def __str__(self) -> str:
        """The changes as a sentence."""
        return ", ".join(f"{WORDS.get(f, f)} {old} -> {new}" for f, (old, new) in self.changes.items())


def propose(catalog: Catalog, query: Query, decisions: Iterable[Decision], on: date) -> Proposal | None:
    """The nearest allowed set that differs from `query` in declared versions only.

    Among sets with equally few changes those come first whose driver is supported on the day, then those whose
    releases are nearest (counted in known releases), then newer ones.

    Args:
        catalog: the catalog.
        query: what is declared.
        decisions: what was said of it; when a declared version plays no part in one that is not allowed, no change
            of versions can help.
        on: the day.

    Returns:
        None when there is none.
    """
    declared = [field for field in VERSION_FIELDS if getattr(query, field) is not None]
    against = [each for each in decisions if each.kind == "compatibility" and each.verdict != "allowed"]
    changeable = {*declared, *(("engine_toolkit",) if query.engine_version else ())}
    if any(not changeable.intersection(each.fields) for each in against):
        return None
    choices = {field: _nearest_first(catalog, query, field) for field in declared}
    for count in range(1, len(declared) + 1):
        found = [
            (score, changed)
            for fields in combinations(declared, count)
            for score, changed in _sets(catalog, query, fields, choices, on)
        ]
        if found:
            _, best = min(found, key=lambda each: each[0])
            changes = {
                field: (getattr(query, field), getattr(best, field))
                for field in declared
                if getattr(query, field) != getattr(best, field)
            }
            return Proposal(best, changes)
    return None


def _sets(
    catalog: Catalog, query: Query, fields: tuple[str, ...], choices: Choices, on: date
) -> Iterator[tuple[Score, Query]]:
    """Allowed sets in which exactly these fields differ, each with its score."""
    nothing: dict[str, Any] = dict.fromkeys(fields)
    bare = replace(query, **nothing)
    if judge(catalog, bare, on)[0] == "forbidden":
        return
    yield from _fill(catalog, bare, fields, choices, on, ())


def _fill(
    catalog: Catalog,
    query: Query,
    fields: tuple[str, ...],
    choices: Choices,
    on: date,
    ranks: tuple[int, ...],
) -> Iterator[tuple[Score, Query]]:
    field, *rest = fields
    for rank, version in choices[field]:
        filled = replace(query, **{field: version})
        verdict, decisions = judge(catalog, filled, on)
        if verdict == "forbidden":
            continue
        if rest:
            yield from _fill(catalog, filled, tuple(rest), choices, on, (*ranks, rank))
        elif verdict == "allowed":
            ended = sum(each.kind == "driver-end-of-life" and each.verdict != "allowed" for each in decisions)
            yield (ended, sum((*ranks, rank)), (*ranks, rank)), filled


def _nearest_first(catalog: Catalog, query: Query, field: str) -> tuple[tuple[int, str], ...]:
    """Other known releases of a field with their distance; of two equally near ones the newer comes first."""
    declared = getattr(query, field)
    known = known_releases(catalog, query.accelerator, query.engine, field)
    others = [version for version in known if not same(version, declared)]
    newer = [version for version in others if key(version) > key(declared)]
    older = [version for version in reversed(others) if key(version) < key(declared)]
    ranked = [(2 * rank, version) for rank, version in enumerate(newer)]
    ranked += [(2 * rank + 1, version) for rank, version in enumerate(older)]
    return tuple(sorted(ranked))


@lru_cache(maxsize=512)
def known_releases(catalog: Catalog, accelerator: str, engine: str | None, field: str) -> tuple[str, ...]:
    """Releases that trusted rows name for a field, oldest first. A branch of one number stands for its releases."""
    found: dict[tuple[object, ...], str] = {}
    for _, table in tables_for(catalog, accelerator):
        if table.kind != "compatibility" or not _speaks(table, engine):
            continue
        for row in table.rows:
            if row.confidence not in TRUSTED:
                continue
            for specs in (row.when, row.allow):
                for name, spec in specs.items():
                    if name == field:
                        found.update((key(version), version) for version in _versions(spec))
    return tuple(found[each] for each in sorted(found))


def _speaks(table: Table, engine: str | None) -> bool:
    wanted = table.applies.get("engine")
    return wanted is None or matches(wanted, engine)


def _versions(spec: Spec) -> Iterator[str]:
    for choice in spec.choices:
        if isinstance(choice, Span):
            if choice.min and not choice.min.endswith(".*"):
                yield choice.min
        elif choice.endswith(".*"):
            if choice.count(".") == 1:
                yield choice.removesuffix(".*")
        elif choice not in ("any", "none"):
            yield choice
