"""The calendar and the use of leases."""

from __future__ import annotations

from datetime import date

from causeway.capacity.leases import calendar, last_scheduling_day, notice_day, use
from causeway.capacity.offer import compute
from tests.capacity.conftest import Load


def test_the_calendar_tells_each_day_that_counts_in_order(load: Load) -> None:
    assert [(event.day, event.kind) for event in calendar(load())] == [
        (date(2026, 1, 1), "starts"),
        (date(2026, 12, 1), "notice_due"),
        (date(2026, 12, 17), "stop_scheduling"),
        (date(2026, 12, 31), "ends"),
    ]


def test_days_before_the_end_are_counted_from_the_last_day(load: Load) -> None:
    lease = load().fleet.leases["deal"]
    assert (last_scheduling_day(lease), notice_day(lease)) == (date(2026, 12, 17), date(2026, 12, 1))


def test_use_tells_what_is_in_no_pool(load: Load) -> None:
    loaded = load()
    (deal,) = use(loaded, compute(loaded))
    assert (dict(deal.placed), deal.unplaced) == ({("training", "h200"): 32}, 8)
