"""The resolver's cases: each entry under `cases/` is a query with its verdict, deciding rows, and proposal."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from causeway.catalog import Catalog
from causeway.catalog.query import Query
from causeway.catalog.resolve import resolve

CASES: dict[str, dict[str, Any]] = {
    f"{path.stem}-{case['why']}": case
    for path in sorted((Path(__file__).parent / "cases").glob("*.yaml"))
    for case in yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)
}
TODAY = date(2026, 11, 22)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_case(case: dict[str, Any], catalog: Catalog) -> None:
    answer = resolve(catalog, Query(**case["query"]), case.get("day", TODAY))
    assert answer.verdict == case["verdict"], [row.reason for row in answer.rows]
    if "rows" in case:
        assert sorted(f"{row.table}:{row.row}" for row in answer.deciding) == sorted(case["rows"])
    if "proposal" in case:
        assert answer.proposal is not None
        assert {field: new for field, (_, new) in answer.proposal.changes.items()} == case["proposal"]
    if "lifetime" in case:
        assert [row.verdict for row in answer.lifetimes] == [case["lifetime"]]
    if "says" in case:
        assert any(case["says"] in row.reason for row in answer.rows)


def test_every_verdict_has_cases_for_every_vendor() -> None:
    seen = {(name.split("-")[0], case["verdict"]) for name, case in CASES.items()}
    vendors = ("ascend", "nvidia", "cambricon")
    assert seen == {(vendor, verdict) for vendor in vendors for verdict in ("allowed", "forbidden", "unknown")}


def test_every_deciding_row_says_where_it_was_read(catalog: Catalog) -> None:
    for case in CASES.values():
        answer = resolve(catalog, Query(**case["query"]), TODAY)
        for row in answer.rows:
            assert row.reason
            assert not row.row or row.source in catalog.sources
