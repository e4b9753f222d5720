"""Findings refuse what this run would create or extend, and never what is there already."""

from __future__ import annotations

import pytest

from causeway.program.document import Extent, Obstacle, StackDocument
from causeway.program.obstacles import refusal, refusing, stopping

POOL = "pool/h200"
HELD = {POOL: Extent(8, "h200-sxm", "580"), "workload/w@h200/0": Extent(2, "china", "0.13")}


def stop(*items: str, rule: str = "lease-window", severity: str = "stop") -> Obstacle:
    return Obstacle(rule, severity, "x/h200", items, "fleet.yaml:7:3", "the lease has ended", "give it back")


def document(extents: dict[str, Extent], *obstacles: Obstacle) -> StackDocument:
    return StackDocument(
        *("f", "c", "s", "leased", "1.34", "pulumi", "2026-11-22"), {}, extents=extents, obstacles=obstacles
    )


def test_a_new_stack_is_refused_what_a_finding_stops() -> None:
    assert refusing(document(HELD, stop(POOL)), {}) == (stop(POOL),)


def test_what_is_there_and_stays_as_it_is_can_be_mended() -> None:
    held = document(HELD, stop(POOL), stop())
    assert refusing(held, HELD) == ()
    assert len(stopping(held)) == 2


@pytest.mark.parametrize(
    "now", [Extent(9, "h200-sxm", "580"), Extent(8, "h20", "580")], ids=["more of it", "another thing"]
)
def test_growing_or_becoming_another_thing_is_refused(now: Extent) -> None:
    assert refusing(document(HELD | {POOL: now}, stop(POOL)), HELD)


def test_shrinking_is_never_refused() -> None:
    smaller = {POOL: Extent(4, "h200-sxm", "580")}
    assert refusing(document(smaller, stop(POOL), stop()), HELD) == ()


def test_versions_count_for_rules_of_compatibility_only() -> None:
    other = HELD | {POOL: Extent(8, "h200-sxm", "999")}
    assert refusing(document(other, stop(POOL)), HELD) == ()
    assert refusing(document(other, stop(POOL, rule="driver-compatibility")), HELD)


def test_a_finding_about_something_else_refuses_nothing_here() -> None:
    grown = HELD | {"workload/w@h200/0": Extent(3, "china", "0.13")}
    assert refusing(document(grown, stop(POOL)), HELD) == ()
    assert refusing(document(grown, stop()), HELD), "one about the whole stack does"


def test_warnings_refuse_nothing() -> None:
    assert refusing(document(HELD, stop(POOL, severity="warn")), {}) == ()


def test_all_refusals_are_told_at_once_with_place_and_fix() -> None:
    told = refusal((stop(POOL), stop(rule="us-3a090")), "f.c")
    assert told.count("fleet.yaml:7:3") == 2
    assert told.count("to do: give it back") == 2
    assert told.startswith("2 findings keep this stack")
    assert refusal((stop(POOL),), "f.c").startswith("1 finding keeps this stack")
    assert "pulumi destroy --stack f.c" in told
