"""What holds of every answer of the resolver, over seeded random queries."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from causeway.catalog import Catalog
from causeway.catalog.judge import judge
from causeway.catalog.proposal import known_releases
from causeway.catalog.query import VERSION_FIELDS, Query
from causeway.catalog.resolve import resolve
from causeway.catalog.tables import tables_for

TODAY = date(2026, 11, 22)
TRUSTED = ("primary", "secondary")
EACH = 25
ENGINES = (None, None, None, "vllm", "vllm-ascend", "mindie", "vllm-mlu", "vllm-omni", "sglang")
SYSTEMS = (
    (None, None),
    (None, None),
    (None, None),
    ("debian", "12"),
    ("ubuntu", "22.04"),
    ("kylin", "V10"),
    ("openeuler", "22.03"),
)


def queries(catalog: Catalog, seed: int) -> Iterator[Query]:
    draw = random.Random(seed)
    print(f"seed {seed}")  # noqa: T201 - a failure has to name it
    chips = sorted(catalog.accelerators)
    for _ in range(EACH):
        chip, engine = draw.choice(chips), draw.choice(ENGINES)
        system, version = draw.choice(SYSTEMS)
        query = Query(chip, os_id=system, os_version=version, engine=engine)
        for field in VERSION_FIELDS:
            known = known_releases(catalog, chip, engine, field)
            if not known or draw.random() < 0.05:
                known = ("0.0.1",) if draw.random() < 0.2 else ()
            if known and draw.random() < 0.5 and (engine or not field.startswith("engine")):
                query = replace(query, **{field: draw.choice(known)})
        yield query


@pytest.mark.slow(soak=100)
def test_answers_are_deterministic(catalog: Catalog, seed: int) -> None:
    for query in queries(catalog, seed):
        assert resolve(catalog, query, TODAY) == resolve(catalog, replace(query), TODAY)


@pytest.mark.slow(soak=100)
def test_a_proposal_is_allowed_and_changes_declared_versions_only(catalog: Catalog, seed: int) -> None:
    proposed = 0
    sure = Query("h20", driver="570.133.20", engine="vllm")
    for query in (sure, *queries(catalog, seed)):
        answer = resolve(catalog, query, TODAY)
        if answer.proposal is None:
            continue
        proposed += 1
        better = answer.proposal.query
        assert judge(catalog, better, TODAY)[0] == "allowed"
        changed = {field for field in query.declared() if getattr(query, field) != getattr(better, field)}
        assert changed
        assert changed == set(answer.proposal.changes)
        assert changed <= set(VERSION_FIELDS)
        assert set(query.declared()) == set(better.declared())
    assert proposed


@pytest.mark.slow(soak=100)
def test_no_single_change_is_allowed_where_a_proposal_needs_two(catalog: Catalog, seed: int) -> None:
    for query in queries(catalog, seed):
        proposal = resolve(catalog, query, TODAY).proposal
        if proposal is None or len(proposal.changes) < 2:
            continue
        for field in set(VERSION_FIELDS) & set(query.declared()):
            for version in known_releases(catalog, query.accelerator, query.engine, field):
                assert judge(catalog, replace(query, **{field: version}), TODAY)[0] != "allowed", (
                    query,
                    field,
                    version,
                )


@pytest.mark.slow(soak=100)
def test_only_trusted_rows_decide(catalog: Catalog, seed: int) -> None:
    for query in queries(catalog, seed):
        tables = dict(tables_for(catalog, query.accelerator))
        for each in judge(catalog, query, TODAY)[1]:
            if each.row and each.verdict != "unknown":
                assert tables[each.table].rows[each.row - 1].confidence in TRUSTED


@pytest.mark.slow(soak=100)
def test_declaring_less_never_forbids(catalog: Catalog, seed: int) -> None:
    for query in queries(catalog, seed):
        if judge(catalog, query, TODAY)[0] == "forbidden":
            continue
        for field in set(VERSION_FIELDS) & set(query.declared()) - {"engine_version"}:
            less: dict[str, Any] = {field: None}
            assert judge(catalog, replace(query, **less), TODAY)[0] != "forbidden", (query, field)


@pytest.mark.slow(soak=100)
def test_the_verdict_is_the_gravest_of_its_rows_and_does_not_depend_on_the_day(catalog: Catalog, seed: int) -> None:
    for query in queries(catalog, seed):
        verdict, rows = judge(catalog, query, TODAY)
        counted = {each.verdict for each in rows if each.kind == "compatibility"}
        gravest = next((word for word in ("forbidden", "unknown", "allowed") if word in counted), "allowed")
        assert verdict == gravest
        assert judge(catalog, query, date(2035, 1, 1))[0] == verdict


def test_every_declared_version_is_met_by_a_row(catalog: Catalog) -> None:
    for query in queries(catalog, 7):
        met = {field for each in judge(catalog, query, TODAY)[1] for field in each.fields}
        for field in set(query.declared()) & {"driver", "firmware", "toolkit", "container_toolkit", "os_version"}:
            assert field in met, query


def test_a_newer_driver_of_one_branch_never_loses_a_floor(catalog: Catalog) -> None:
    order = {"forbidden": 0, "unknown": 1, "allowed": 2}
    for chip in ("h20", "h200-sxm", "b200-sxm", "b300-sxm"):
        drivers = ("535.1", "570.1", "570.133.20", "580.1", "580.95.05", "595.91.07")
        verdicts = [judge(catalog, Query(chip, driver=each, toolkit="13.0"), TODAY)[0] for each in drivers]
        assert [order[each] for each in verdicts] == sorted(order[each] for each in verdicts)
