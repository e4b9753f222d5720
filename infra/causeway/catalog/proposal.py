"""Looks for the nearest allowed set: fewest changes, then supported branches, releases, upgrades, nearness."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from itertools import combinations, product
from typing import Any

from causeway.catalog.catalog import Catalog
from causeway.catalog.decisions import TRUSTED, WORDS, Decision
from causeway.catalog.judge import judge
from causeway.catalog.query import VERSION_FIELDS, Query
from causeway.catalog.tables import concerns_of, tables_for
from causeway.catalog.versions import is_candidate, key, matches, same
from causeway.fleet.compatibility_entries import Span, Spec, Table

Score = tuple[int, int, int, tuple[int, ...]]  # ended branches, downgrades, distance, each distance
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

    Among sets with equally few changes those come first whose driver is supported on the day, then those with fewer
    release candidates in place of releases, then those with fewer downgrades, then those whose releases are nearest,
    counted in known releases.

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
    if not all(_mendable(catalog, query, each, choices, on) for each in against):
        return None
    for count in range(1, len(declared) + 1):
        found = [
            (score, changed)
            for fields in combinations(declared, count)
            for score, changed in _sets(catalog, query, fields, choices, on)
        ]
        if found:
            _, best = min(found, key=lambda each: (each[0][0], _unasked_candidates(query, each[1]), *each[0][1:]))
            changes = {
                field: (getattr(query, field), getattr(best, field))
                for field in declared
                if getattr(query, field) != getattr(best, field)
            }
            return Proposal(best, changes)
    return None


def _unasked_candidates(query: Query, better: Query) -> int:
    """How many releases a set replaces by release candidates."""
    pairs = ((getattr(query, field), getattr(better, field)) for field in VERSION_FIELDS)
    return sum(bool(old and new and is_candidate(new) and not is_candidate(old)) for old, new in pairs)


def _mendable(catalog: Catalog, query: Query, decision: Decision, choices: Choices, on: date) -> bool:
    """Whether versions exist with which this one table, asked alone, would not object; saves hopeless searches."""
    if not decision.table:
        return any(choices.get(field) for field in decision.fields)
    if "engine_toolkit" in decision.fields:
        return True
    fields = [field for field in choices if field in concerns_of(catalog, query.accelerator)[decision.table]]
    options = [((0, getattr(query, field)), *choices[field]) for field in fields]
    others: dict[str, Any] = {field: None for field in choices if field not in fields}
    alone = replace(query, **others)
    return any(
        _allowed_by(catalog, replace(alone, **dict(zip(fields, (v for _, v in chosen), strict=True))), decision, on)
        for chosen in product(*options)
    )


def _allowed_by(catalog: Catalog, query: Query, decision: Decision, on: date) -> bool:
    found = [each for each in judge(catalog, query, on)[1] if each.table == decision.table]
    return all(each.verdict == "allowed" or each.kind != "compatibility" for each in found)


def _sets(
    catalog: Catalog, query: Query, fields: tuple[str, ...], choices: Choices, on: date
) -> Iterator[tuple[Score, Query]]:
    """Allowed sets in which exactly these fields differ, each with its score."""
    nothing: dict[str, Any] = dict.fromkeys(fields)
    bare = replace(query, **nothing)
    if _hopeless(catalog, query.accelerator, judge(catalog, bare, on)[1], fields):
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
        if _hopeless(catalog, query.accelerator, decisions, tuple(rest)):
            continue
        if rest:
            yield from _fill(catalog, filled, tuple(rest), choices, on, (*ranks, rank))
        elif verdict == "allowed":
            ended = sum(each.kind == "driver-end-of-life" and each.verdict != "allowed" for each in decisions)
            distances = (*ranks, rank)
            yield (ended, sum(each % 2 for each in distances), sum(distances), distances), filled


def _hopeless(catalog: Catalog, accelerator: str, decisions: Iterable[Decision], open_fields: tuple[str, ...]) -> bool:
    """Whether a table has spoken against the set that no field still to be filled can turn."""
    concerned = concerns_of(catalog, accelerator)
    for each in decisions:
        if each.kind != "compatibility" or each.verdict == "allowed":
            continue
        if each.verdict == "forbidden" or (each.table and not concerned[each.table].intersection(open_fields)):
            return True
    return False


def _nearest_first(catalog: Catalog, query: Query, field: str) -> tuple[tuple[int, str], ...]:
    """Other known releases of a field with their distance, which is even for newer and odd for older ones."""
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
