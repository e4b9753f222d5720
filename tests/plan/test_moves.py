"""What a wave means for workloads: who moves, who waits, and for whom there is no room."""

from __future__ import annotations

import pytest

from causeway.capacity.offer import WorkloadPart
from causeway.fleet.workloads import OnDrain
from causeway.plan.moves import Demand, Effect, part_moves, staying


def part(replicas: int, size: int, name: str = "chat", index: int = 0) -> WorkloadPart:
    return WorkloadPart(name, index, "c", "p", replicas, size, None)


def test_replicas_without_accelerators_stand_on_one_host_at_worst_and_need_one() -> None:
    (move,) = part_moves({0: 2}, 1, [Demand(part(3, 0), "shift_traffic", elsewhere=False)])
    assert (move.hit, move.effect) == (3, "moves")
    (move,) = part_moves({0: 1}, 1, [Demand(part(3, 0), "shift_traffic", elsewhere=False)])
    assert (move.without_room, move.missing_accelerators, move.effect) == (3, 0, "stops")


def test_the_worst_wave_takes_the_largest_hosts() -> None:
    assert staying({8: 2, 7: 3}, 3) == {7: 2}
    assert staying({8: 2}, 5) == {}


@pytest.mark.parametrize(
    ("on_drain", "elsewhere", "hosts", "effect"),
    [
        ("shift_traffic", False, 3, "moves"),
        ("shift_traffic", True, 2, "less_traffic"),
        ("shift_traffic", False, 2, "stops"),
        ("checkpoint", False, 2, "pauses"),
        ("wait_for_end", False, 3, "waits"),
        ("refuse", False, 3, "refuses"),
    ],
)
def test_what_a_workload_says_of_drains_decides_what_a_lack_of_room_means(
    on_drain: OnDrain,
    elsewhere: bool,  # noqa: FBT001 - a case's value
    hosts: int,
    effect: Effect,
) -> None:
    (move,) = part_moves({8: hosts}, 1, [Demand(part(2, 8), on_drain, elsewhere)])
    assert move.effect == effect
    assert move.missing_accelerators == (0 if hosts == 3 else 8)
