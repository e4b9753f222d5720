"""Judges a set of versions: asks every table that speaks of its accelerator and weighs what they say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from functools import lru_cache

from causeway.catalog.catalog import Catalog
from causeway.catalog.decisions import TRUSTED, WORDS, Decision, Verdict, ask, holds
from causeway.catalog.query import VERSION_FIELDS, Query, asked
from causeway.catalog.tables import concerns_of, tables_for
from causeway.catalog.versions import matches
from causeway.fleet.compatibility_entries import Row, Spec, Table

COVERED = (*(field for field in VERSION_FIELDS if field != "engine_base"), "os_version")
"""Fields that have to be met by a decision once they are declared."""


def judge(catalog: Catalog, query: Query, on: date) -> tuple[Verdict, tuple[Decision, ...]]:
    """The verdict and its rows, without a proposal. Nothing declared is allowed, without rows."""
    values = asked(catalog, query)
    tables = tables_for(catalog, query.accelerator)
    values.update(_derived(tables, values))
    spoken = _answered_by_fleet(catalog, list(_decisions(catalog, query.accelerator, values, on)))
    decisions = _remarked(dict(tables), spoken)
    decisions += _uncovered(tables, values, decisions)
    counted = {each.verdict for each in decisions if each.kind == "compatibility"}
    verdict: Verdict = "forbidden" if "forbidden" in counted else "unknown" if "unknown" in counted else "allowed"
    return verdict, tuple(sorted(decisions, key=lambda each: (each.kind != "compatibility", each.verdict != verdict)))


def _derived(tables: Iterable[tuple[str, Table]], values: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """What follows from rows that apply: the toolkit inside an engine's image."""
    for _, table in tables:
        if not table.derives or not holds(table.applies, values):
            continue
        for row in table.rows:
            if row.confidence not in TRUSTED or not holds(row.when, values):
                continue
            for field, allowed in table.derives.items():
                choice = row.allow[allowed].choices[0] if allowed in row.allow else None
                if isinstance(choice, str):
                    yield field, choice


def _decisions(catalog: Catalog, accelerator: str, values: Mapping[str, str], today: date) -> Iterator[Decision]:
    concerned = concerns_of(catalog, accelerator)
    for name, table in tables_for(catalog, accelerator):
        on = today if table.kind == "driver-end-of-life" else date.min  # no other kind looks at the day
        decision = _asked(catalog, accelerator, name, _projected(values, concerned[name]), on)
        if decision:
            yield decision
        for field, other in table.also_as.items():
            if other not in values or values.get(field) == values[other]:
                continue
            told = _projected({**values, field: values[other]}, concerned[name])
            decision = _asked(catalog, accelerator, name, told, on)
            if decision:
                fields = tuple(other if each == field else each for each in decision.fields)
                said = f"the engine's image carries {WORDS.get(field, field)} {values[other]}"
                yield replace(decision, fields=fields, reason=f"{decision.reason} ({said})")


def _projected(values: Mapping[str, str], fields: frozenset[str]) -> tuple[tuple[str, str], ...]:
    return tuple((field, value) for field, value in values.items() if field in fields)


@lru_cache(maxsize=50_000)
def _asked(
    catalog: Catalog, accelerator: str, name: str, values: tuple[tuple[str, str], ...], on: date
) -> Decision | None:
    """One table's answer. Searches ask the same tables of the same few fields again and again."""
    return ask(name, dict(tables_for(catalog, accelerator))[name], dict(values), on)


def _answered_by_fleet(catalog: Catalog, decisions: list[Decision]) -> list[Decision]:
    """Decisions of which some give way, as remarks, to what the fleet itself has found out.

    What a built-in table leaves unknown gives way to a trusted row of the fleet's own that allows the same fields, or
    those and more. A table of the fleet's own says nothing of what it has no row for, where another table has decided.
    """
    own = {name for section, name in catalog.own if section == "compatibility"}
    if not own:
        return decisions
    decided = [each for each in decisions if each.row and each.confidence in TRUSTED and each.verdict != "unknown"]
    settled = {frozenset(each.fields) for each in decided}
    allowed = {frozenset(each.fields) for each in decided if each.table in own and each.verdict == "allowed"}

    def gives_way(each: Decision) -> bool:
        if each.kind != "compatibility" or each.verdict != "unknown":
            return False
        if each.table in own:
            return not each.row and any(fields.issuperset(each.fields) for fields in settled)
        return any(fields.issuperset(each.fields) for fields in allowed)

    return [replace(each, kind="remark") if gives_way(each) else each for each in decisions]


def _remarked(tables: Mapping[str, Table], decisions: list[Decision]) -> list[Decision]:
    """Decisions that give way to others become remarks.

    A table that yields does so wherever the other has spoken, and what they say of each other is told. A row that may
    not decide says nothing where another table has decided the same fields.
    """
    spoken = {each.table: each for each in decisions}
    settled = {each.fields for each in decisions if each.kind == "compatibility" and each.confidence in TRUSTED}
    made: list[Decision] = []
    for each in decisions:
        table = tables[each.table]
        other = spoken.get(table.yields_to or "")
        idle = each.kind == "compatibility" and each.confidence == "unverified" and each.fields in settled
        if other is not None or idle:
            made.append(replace(each, kind="remark"))
        else:
            made.append(_contradicted(tables, each, spoken))
    return made


def _contradicted(tables: Mapping[str, Table], decision: Decision, spoken: Mapping[str, Decision]) -> Decision:
    """The decision with what the table that yields to it says otherwise."""
    for name, table in tables.items():
        other = spoken.get(name)
        if table.yields_to != decision.table or other is None or other.verdict == decision.verdict or not other.row:
            continue
        contrary = f"; another source differs [{other.source}]: {other.note or other.reason}"
        return replace(decision, reason=decision.reason + contrary)
    return decision


def _uncovered(
    tables: Iterable[tuple[str, Table]], values: Mapping[str, str], decisions: Iterable[Decision]
) -> list[Decision]:
    """A decision for each declared field that no table met: known releases are allowed, others unknown."""
    met = {field for each in decisions if each.kind == "compatibility" for field in each.fields}
    if "engine_toolkit" in met:
        met.add("engine_version")
    made: list[Decision] = []
    for field in COVERED:
        if field not in values or field in met:
            continue
        made.append(_known_release(tables, field, values) or _unheard(field, values))
    return made


def _known_release(tables: Iterable[tuple[str, Table]], field: str, values: Mapping[str, str]) -> Decision | None:
    for name, table in tables:
        if table.kind != "compatibility" or not _concerns(table, values):
            continue
        for at, row in enumerate(table.rows, start=1):
            if row.confidence in TRUSTED and _names(row, field, values[field]):
                reason = f"{WORDS.get(field, field)} {values[field]}: a known release, with nothing declared beside it"
                return Decision((field,), "allowed", reason, name, at, row.source, row.confidence)
    return None


def _concerns(table: Table, values: Mapping[str, str]) -> bool:
    engine = table.applies.get("engine")
    return engine is None or matches(engine, values.get("engine"))


def _names(row: Row, field: str, value: str) -> bool:
    """Whether a row speaks of a release by its own number; a span or a train is no acquaintance."""
    specs = [spec for specs in (row.when, row.allow) for name, spec in specs.items() if name == field]
    exact = [choice for spec in specs for choice in spec.choices if isinstance(choice, str)]
    return any(matches(Spec(choice), value) for choice in exact if choice not in ("any", "none") and "*" not in choice)


def _unheard(field: str, values: Mapping[str, str]) -> Decision:
    what = f"{WORDS.get(field, field)} {values[field]}"
    where = values.get("driver_stack", "this accelerator, for which no driver stack is known")
    if field == "os_version":
        what = f"{values.get('os_id', 'operating system')} {values[field]}"
    if field == "engine_version":
        where = values.get("engine", "an engine that is not named")
    return Decision((field,), "unknown", f"{what}: nothing in the catalog speaks of it for {where}")
