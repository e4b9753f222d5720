"""Costs by the month, idle leases, budgets; every expected figure is computed by hand in the test."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from causeway.capacity.figures import Figure
from causeway.capacity.money import CostReport, cost_report
from causeway.capacity.offer import compute
from tests.capacity.conftest import Change, Load

DAY = date(2026, 11, 22)


def report(load: Load, change: Change | None = None, on: date = DAY) -> CostReport:
    loaded = load(change)
    return cost_report(loaded, compute(loaded), on)


def test_owned_hosts_are_written_off_in_equal_parts_in_the_report_s_currency(load: Load) -> None:
    line = report(load).lines[0]
    assert line.subject == "serving/ascend"
    assert line.monthly == Figure(Decimal(5000))  # 4 * 480,000 CNY / 48 months * 0.125
    assert "1 CNY = 0.125 USD on 2025-01-22" in line.source


def test_a_committed_lease_is_paid_whole_in_its_pools_and_beside_them(load: Load) -> None:
    lines = {line.subject: line.monthly.known for line in report(load).lines}
    assert lines["training/h200"] == 32 * 2 * 730
    assert lines["lease deal (in no pool)"] == 8 * 2 * 730


def test_cost_adds_up(load: Load) -> None:
    full = report(load)
    assert full.monthly.known == sum(line.monthly.known for line in full.lines)
    assert full.monthly.known == full.monthly_of("serving").known + full.monthly_of("training").known + 8 * 2 * 730


def test_idle_leased_accelerators_are_told_with_what_they_cost(load: Load) -> None:
    idle = report(load).idle
    assert [(line.subject, line.accelerators, line.monthly.known) for line in idle] == [
        ("training/h200", 8, Decimal(8 * 2 * 730)),
        ("in no pool", 8, Decimal(8 * 2 * 730)),
    ]


def test_leased_hosts_out_of_service_idle_too(load: Load) -> None:
    def change(fleet: dict[str, Any]) -> None:
        fleet["host_overrides"] = {"t-1": {"state": "out_of_service", "reason": "lessor repairs"}}
        fleet["workloads"]["train"]["train"]["hosts"] = 2

    assert report(load, change).idle[0].accelerators == 16


def test_an_unknown_price_is_said_and_never_zero(load: Load) -> None:
    def change(fleet: dict[str, Any]) -> None:
        del fleet["leases"]["deal"]["price"]

    full = report(load, change)
    assert full.lines[2].monthly.unknown == ("the lease declares no price",)
    assert not full.monthly.complete
    assert full.budgets[1].exceeded is None


def test_a_pool_without_cost_or_lease_is_unknown(load: Load) -> None:
    def change(fleet: dict[str, Any]) -> None:
        del fleet["clusters"]["serving"]["pools"]["h20"]["cost"]

    line = report(load, change).lines[1]
    assert line.kind == "unknown"
    assert line.monthly.unknown == ("pool serving/h20 declares neither cost nor lease",)


@pytest.mark.parametrize(
    ("on", "known"),
    [
        (date(2025, 6, 14), 0),  # the day before
        (date(2025, 6, 15), 4000),  # 2 * 96,000 / 48
        (date(2029, 6, 14), 4000),
        (date(2029, 6, 15), 0),  # written off after 48 months
    ],
)
def test_hosts_cost_from_their_first_day_until_they_are_written_off(load: Load, on: date, known: int) -> None:
    assert report(load, on=on).lines[1].monthly.known == known


@pytest.mark.parametrize(
    ("on", "runs"), [(date(2026, 1, 1), True), (date(2026, 12, 31), True), (date(2027, 1, 1), False)]
)
def test_a_lease_costs_from_its_first_to_its_last_day(load: Load, on: date, *, runs: bool) -> None:
    full = report(load, on=on)
    assert bool(full.lines[2].monthly.known) == runs
    assert bool(full.idle) == runs


def test_uncommitted_capacity_in_no_pool_costs_nothing(load: Load) -> None:
    def change(fleet: dict[str, Any]) -> None:
        fleet["leases"]["deal"]["price"]["committed"] = False

    assert [line.subject for line in report(load, change).lines] == ["serving/ascend", "serving/h20", "training/h200"]


@pytest.mark.parametrize(
    ("per", "monthly"),
    [("accelerator_hour", 32 * 2 * 730), ("accelerator_month", 32 * 2), ("host_month", 4 * 2), ("month", 2 * 32 / 40)],
)
def test_a_price_counts_for_its_unit(load: Load, per: str, monthly: float) -> None:
    def change(fleet: dict[str, Any]) -> None:
        fleet["leases"]["deal"]["price"]["per"] = per

    assert report(load, change).lines[2].monthly.known == Decimal(str(monthly))


def test_budgets_count_what_falls_into_their_year_and_scope(load: Load) -> None:
    chips, abroad = report(load).budgets
    assert chips.limit.known == 250_000  # 2,000,000 CNY * 0.125
    assert chips.used.known == 4 * 60_000 + 2 * 96_000
    assert chips.exceeded
    assert abroad.used.known == 40 * 2 * 24 * 365
    assert abroad.exceeded is False


def test_a_purchase_without_a_day_leaves_the_budget_open(load: Load) -> None:
    def change(fleet: dict[str, Any]) -> None:
        fleet["clusters"]["serving"]["pools"]["h20"]["cost"].pop("in_service_on")

    chips = report(load, change).budgets[0]
    assert chips.used.known == 240_000
    assert chips.exceeded is None
