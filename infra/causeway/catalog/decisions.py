"""Asks one compatibility table: which of its rows speak of what is declared, and what follows from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from causeway.catalog.versions import matches, same_minor, written
from causeway.fleet.compatibility_entries import Confidence, QueryField, Row, Spec, Table

Verdict = Literal["allowed", "forbidden", "unknown"]
Kind = Literal["compatibility", "driver-end-of-life", "remark"]
TRUSTED = ("primary", "secondary")

WORDS = {
    "os_id": "operating system",
    "os_version": "version",
    "kernel_modules": "kernel modules",
    "container_toolkit": "container toolkit",
    "device_plugin": "device plugin",
    "device_plugin_mode": "device plugin mode",
    "engine_version": "engine version",
    "engine_base": "version of the engine below",
    "engine_toolkit": "toolkit inside the engine's image",
    "driver_stack": "driver stack",
    "kubernetes": "Kubernetes",
}


@dataclass(frozen=True, slots=True)
class Decision:
    """What one table says.

    Args:
        fields: fields that it speaks of.
        verdict: its verdict.
        reason: one sentence for people.
        table: name of the table, empty when no table spoke.
        row: number of the deciding row, from 1; 0 when none applied.
        source, confidence: of that row.
        note: what the row's reader has to know.
        kind: only `compatibility` makes the verdict of a set. `driver-end-of-life` is judged by the date: `forbidden`
            means past its end, `unknown` that the day was not read in a source. A `remark` is told and not counted.
        ends_on: last day of support, for `driver-end-of-life`.
    """

    fields: tuple[str, ...]
    verdict: Verdict
    reason: str
    table: str = ""
    row: int = 0
    source: str = ""
    confidence: Confidence | None = None
    note: str = ""
    kind: Kind = "compatibility"
    ends_on: date | None = None


def ask(name: str, table: Table, values: Mapping[str, str], on: date) -> Decision | None:
    """What a table says of declared values; None when it is not concerned.

    Args:
        name: name of the table.
        table: the table.
        values: declared fields, with what follows from the accelerator.
        on: the day, for ends of life.
    """
    if any(field not in values for field in table.fields) or not holds(table.applies, values):
        return None
    applying = [(at, row) for at, row in enumerate(table.rows, start=1) if holds(row.when, values)]
    if table.kind == "driver-end-of-life":
        return _lifetime(name, table, applying, values, on)
    judged = [(_judge(table, row, values), at, row) for at, row in applying]
    spoken = [each for each in judged if each[0] is not None]
    if not spoken:
        return _silence(name, table, values)
    verdict, at, row = min(spoken, key=lambda each: _RANK[_weigh(*each)])
    return Decision(
        fields=table.fields,
        verdict="unknown" if row.confidence not in TRUSTED else verdict or "unknown",
        reason=_reason(table, row, values, verdict, [each for _, _, each in judged]),
        table=name,
        row=at,
        source=row.source,
        confidence=row.confidence,
        note=row.note,
    )


def holds(specs: Mapping[QueryField, Spec], values: Mapping[str, str]) -> bool:
    """Whether all of the specs hold; a field that is not declared holds for `none` only."""
    return all(matches(spec, values.get(field)) for field, spec in specs.items())


# what decides, the strongest first
_RANK = {"ban": 0, "allowed": 1, "doubtful": 2, "forbidden": 3, "unknown": 4, "untrusted": 5}


def _weigh(verdict: Verdict | None, _at: int, row: Row) -> str:
    if row.confidence not in TRUSTED:
        return "doubtful" if verdict == "allowed" else "untrusted"
    return "ban" if verdict == "forbidden" and row.forbid else verdict or "unknown"


def _judge(table: Table, row: Row, values: Mapping[str, str]) -> Verdict | None:
    """A row's own verdict, before its confidence is looked at; None when it has nothing to say."""
    if row.forbid and holds(row.forbid, values):
        return "forbidden"
    otherwise = row.otherwise or table.otherwise
    if row.allow or row.same_minor:
        return "allowed" if _allows(row, values) else otherwise
    return None if row.forbid else row.otherwise or "unknown"


def _allows(row: Row, values: Mapping[str, str]) -> bool:
    if row.same_minor and not same_minor(*(values.get(field, "") for field in row.same_minor)):
        return False
    return all(matches(spec, values[field]) for field, spec in row.allow.items() if field in values)


def _silence(name: str, table: Table, values: Mapping[str, str]) -> Decision | None:
    if table.missing == "silent":
        return None
    reason = f"{told(table.fields, values)}: no row of the table of {table.title} speaks of it"
    if table.missing == "forbidden":
        reason = f"{told(table.fields, values)}: not among the {table.title}"
    first = table.rows[0] if table.rows else None
    return Decision(
        fields=table.fields,
        verdict=table.missing,
        reason=reason,
        table=name,
        source=first.source if first else "",
        confidence=first.confidence if first else None,
    )


def told(fields: tuple[str, ...], values: Mapping[str, str]) -> str:
    """Fields with their values, as a sentence names them."""
    return ", ".join(f"{WORDS.get(field, field)} {values[field]}" for field in fields if field in values)


def _reason(table: Table, row: Row, values: Mapping[str, str], verdict: Verdict | None, rows: list[Row]) -> str:
    head = f"{told(table.fields, values)}: {table.title}"
    if row.confidence not in TRUSTED:
        doubt = "its sources disagree" if row.confidence == "conflicting" else "it was read in no source"
        return f"{head} - the row that speaks of it cannot decide, because {doubt}"
    if verdict == "allowed":
        return f"{head} - fits"
    if row.forbid and not row.allow:
        return f"{head} - known not to work"
    fitting = _fitting(rows)
    if not fitting:
        return f"{head} - not known"
    return f"{head} - {'does not fit' if verdict == 'forbidden' else 'not known to fit'}; what fits: {fitting}"


def _fitting(rows: list[Row]) -> str:
    """What the trusted rows would allow, each field once."""
    allowed: dict[str, list[str]] = {}
    for row in rows:
        if row.confidence not in TRUSTED:
            continue
        if row.same_minor:
            allowed.setdefault("minor", []).append("equal first two numbers")
        for field, spec in row.allow.items():
            words = allowed.setdefault(field, [])
            words.extend(word for word in (written(spec),) if word not in words)
    return "; ".join(f"{WORDS.get(field, field)} {', '.join(words)}" for field, words in allowed.items())


def _lifetime(
    name: str, table: Table, applying: list[tuple[int, Row]], values: Mapping[str, str], on: date
) -> Decision | None:
    found = next(((at, row) for at, row in applying if row.ends_on is not None), None)
    if found is None:
        return None
    at, row = found
    ended = row.ends_on is not None and on > row.ends_on
    verdict: Verdict = "forbidden" if ended else "allowed"
    tense = "ended" if ended else "ends"
    doubt = "" if row.confidence in TRUSTED else ", as far as is known without a source"
    return Decision(
        fields=table.fields,
        verdict=verdict if row.confidence in TRUSTED else "unknown",
        reason=f"{told(table.fields, values)}: support of its branch {tense} on {row.ends_on}{doubt}",
        table=name,
        row=at,
        source=row.source,
        confidence=row.confidence,
        note=row.note,
        kind="driver-end-of-life",
        ends_on=row.ends_on,
    )
