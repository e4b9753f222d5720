"""Packing never invents room, and says when there is none."""

from __future__ import annotations

import random
from functools import cache

from causeway.capacity.offer import WorkloadPart
from causeway.capacity.packing import pack


def part(replicas: int, size: int, name: str = "chat", index: int = 0) -> WorkloadPart:
    return WorkloadPart(name, index, "c", "p", replicas, size, None)


def test_sizes_that_divide_a_host_find_room_exactly_when_the_sum_suffices(seed: int) -> None:
    draw = random.Random(seed)
    for _ in range(300):
        hosts = draw.randint(0, 12)
        parts = [part(draw.randint(1, 12), draw.choice((1, 2, 4, 8)), f"w{i}") for i in range(draw.randint(1, 4))]
        asked = sum(each.asked for each in parts)
        unplaced = pack({8: hosts} if hosts else {}, parts)
        missing = sum(count * parts[at].accelerators_per_replica for at, count in unplaced.items())
        assert missing == max(0, asked - 8 * hosts) or (asked > 8 * hosts and missing >= asked - 8 * hosts)


@cache
def best(free: tuple[int, ...], sizes: tuple[int, ...]) -> int:
    """Most accelerators that can be in use, found by trying every host for every replica."""
    if not sizes:
        return 0
    size, rest = sizes[0], sizes[1:]
    found = best(free, rest)
    for at in {free.index(each) for each in free if each >= size}:
        left = tuple(sorted((*free[:at], free[at] - size, *free[at + 1 :])))
        found = max(found, size + best(left, rest))
    return found


def test_packing_is_as_good_as_trying_every_placement(seed: int) -> None:
    draw = random.Random(seed)
    for _ in range(40):
        hosts = [draw.choice((4, 7, 8)) for _ in range(draw.randint(1, 3))]
        fitting = [size for size in (1, 2, 4, 8) if size <= max(hosts)]
        parts = [part(draw.randint(1, 3), draw.choice(fitting), f"w{at}") for at in range(draw.randint(1, 3))]
        unplaced = pack({size: hosts.count(size) for size in hosts}, parts)
        used = sum(
            (each.replicas - unplaced.get(at, 0)) * each.accelerators_per_replica for at, each in enumerate(parts)
        )
        sizes = tuple(each.accelerators_per_replica for each in parts for _ in range(each.replicas))
        assert used == best(tuple(sorted(hosts)), sizes), (hosts, parts)


def test_a_replica_does_not_lie_across_hosts_that_could_hold_it_together() -> None:
    assert pack({8: 2}, [part(3, 5)]) == {0: 1}
    assert pack({8: 3}, [part(3, 5)]) == {}


def test_a_replica_larger_than_a_host_takes_whole_hosts() -> None:
    assert pack({8: 4}, [part(2, 16)]) == {}
    assert pack({8: 3}, [part(2, 16)]) == {0: 1}


def test_a_host_that_lacks_an_accelerator_holds_no_replica_of_all() -> None:
    assert pack({8: 1, 7: 1}, [part(2, 8)]) == {0: 1}
