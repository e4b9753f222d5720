"""The arithmetic of export control, against the table of the domain facts and the edges of the thresholds."""

from __future__ import annotations

import math
import random
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from causeway.catalog import load_catalog
from causeway.fleet.catalog_entries import AcceleratorEntry, Fact
from causeway.policy.countries import EMBARGOED, RESTRICTED, any_holds, group
from causeway.policy.export import Span, bucket, classify, export_numbers, performance_density, span, tpp

TABLE = yaml.load((Path(__file__).parent / "export_table.yaml").read_bytes(), Loader=yaml.CSafeLoader)
ON = date(2026, 11, 22)
NOW = export_numbers().thresholds[-1]


@pytest.mark.parametrize("row", TABLE["accelerators"], ids=lambda row: row["id"])
def test_the_catalog_s_accelerators_come_to_the_table_s_figures(row: dict[str, Any]) -> None:
    found = classify(load_catalog().accelerators[row["id"]], ON)
    if row["tpp"] is None:
        assert found.performance is None
    else:
        low, high = row["tpp"] if isinstance(row["tpp"], list) else (row["tpp"], row["tpp"])
        assert found.performance == Span(low, high)
    if row.get("density") is not None:
        assert found.density is not None
        assert found.density.low == pytest.approx(row["density"], abs=0.05)
    assert found.bucket == row["bucket"]


def test_the_table_speaks_of_every_accelerator_of_the_catalog() -> None:
    assert {row["id"] for row in TABLE["accelerators"]} == set(load_catalog().accelerators)


@pytest.mark.parametrize("case", TABLE["edges"], ids=str)
def test_bucket_at_the_edges_of_the_thresholds(case: dict[str, Any]) -> None:
    density = case["density"]
    point = None if density is None else Span(density, density)
    assert bucket(Span(case["tpp"], case["tpp"]), point, NOW) == case["bucket"]


def test_a_span_decides_only_when_every_reading_leads_to_one_bucket() -> None:
    assert bucket(Span(54000, 60000), None, NOW) == "3A090.a"
    assert bucket(Span(4096, 8192), None, NOW) is None
    assert bucket(Span(4799, 4801), Span(2.0, 2.0), NOW) is None
    assert bucket(None, None, NOW) is None
    assert bucket(Span(1000, math.inf), Span(1.0, 1.0), NOW) is None


def test_facts_that_must_not_decide_give_no_span() -> None:
    assert span(Fact[float](value=5.0)) is None
    assert span(Fact[float](value=None, confidence="primary")) is None
    assert span(Fact[float](value=5.0, confidence="conflicting")) is None
    assert span(Fact[float](value=5.0, alternatives=(4.0, 6.0), confidence="conflicting")) == Span(4.0, 6.0)
    assert span(Fact[float](value=5.0, confidence="secondary")) == Span(5.0, 5.0)


def test_an_unknown_format_leaves_the_performance_open_above() -> None:
    known, unknown = Fact[float](value=100.0, confidence="primary"), Fact[float]()
    assert tpp({"fp16": known}) == Span(1600.0, 1600.0)
    assert tpp({"fp16": known, "fp8": unknown}) == Span(1600.0, math.inf)
    assert tpp({"fp8": unknown}) is None
    assert tpp({}) is None


def test_density_needs_a_positive_area() -> None:
    assert performance_density(Span(100.0, 200.0), Span(0.0, 0.0)) is None
    assert performance_density(Span(100.0, 200.0), Span(10.0, 20.0)) == Span(5.0, 20.0)
    assert performance_density(None, Span(10.0, 20.0)) is None


def test_nothing_is_classified_before_the_thresholds_began() -> None:
    entry = AcceleratorEntry(name="x", vendor="nvidia", dense_tops={"fp16": Fact(value=1000.0, confidence="primary")})
    assert classify(entry, date(2023, 11, 16)).bucket is None
    assert classify(entry, date(2023, 11, 17)).bucket == "3A090.a"


def test_bucket_never_becomes_lighter_as_figures_grow(seed: int) -> None:
    draw = random.Random(seed)
    order = {"none": 0, "3A090.b": 1, "3A090.a": 2}
    for _ in range(300):
        performance, density = draw.uniform(0, 6000), draw.uniform(0, 7)
        here = bucket(Span(performance, performance), Span(density, density), NOW)
        more = performance + draw.uniform(0, 3000)
        denser = density + draw.uniform(0, 4)
        there = bucket(Span(more, more), Span(denser, denser), NOW)
        assert here is not None
        assert there is not None
        assert order[there] >= order[here], (seed, performance, density, more, denser)


def test_country_groups_know_members_outsiders_and_what_they_do_not_know() -> None:
    embargoed = group(EMBARGOED)
    assert embargoed.holds("CN", ON) is True
    assert embargoed.holds("MO", ON) is True
    assert embargoed.holds("MY", ON) is False
    assert embargoed.holds("HK", ON) is None
    assert embargoed.holds("KH", date(2026, 2, 2)) is True
    assert embargoed.holds("KH", date(2026, 2, 3)) is False
    assert group(RESTRICTED).holds("MY", ON) is None


def test_several_countries_are_outside_only_when_each_is_known_to_be() -> None:
    assert any_holds(EMBARGOED, ["MY", "US"], ON) is False
    assert any_holds(EMBARGOED, ["MY", None], ON) is None
    assert any_holds(EMBARGOED, ["HK", "US"], ON) is None
    assert any_holds(EMBARGOED, [None, "CN"], ON) is True
    assert any_holds(EMBARGOED, [], ON) is None


def test_no_country_is_a_member_and_outside_at_once() -> None:
    for name in (EMBARGOED, RESTRICTED):
        listed = group(name)
        assert not set(listed.members) & set(listed.outside.countries)
