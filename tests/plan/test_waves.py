"""Waves hold every host once, never more than the limit, and spread over failure domains."""

from __future__ import annotations

import random
from collections import Counter
from math import ceil

import pytest

from causeway.plan.waves import spread, waves


@pytest.mark.parametrize(
    ("hosts", "canary", "room", "sizes"),
    [
        (0, 1, 3, []),
        (12, 1, 0, []),
        (1, 1, 1, [1]),
        (12, 1, 3, [1, 2, 3, 3, 3]),
        (10, 2, 100, [2, 4, 4]),
        (5, 0, 2, [2, 2, 1]),
        (4, 9, 2, [2, 2]),
    ],
)
def test_a_canary_then_growing_waves_up_to_the_limit(hosts: int, canary: int, room: int, sizes: list[int]) -> None:
    made = waves(range(hosts), canary, room)
    assert [len(wave) for wave in made] == sizes
    assert (made.count, made.largest) == (len(sizes), max(sizes, default=0))


def test_waves_hold_every_host_once_and_never_more_than_the_limit(seed: int) -> None:
    draw = random.Random(seed)
    for _ in range(300):
        hosts, canary, room = draw.randint(0, 60), draw.randint(0, 8), draw.randint(0, 20)
        made = waves(draw.sample(range(hosts), hosts), canary, room)
        listed = [list(wave) for wave in made]
        assert sorted(host for wave in listed for host in wave) == (list(range(hosts)) if room else [])
        assert all(len(wave) <= room for wave in listed)
        assert listed == [list(made.wave(number)) for number in range(1, made.count + 1)]
        if listed and canary:
            assert len(listed[0]) == min(canary, room, hosts)


def test_there_is_no_wave_beyond_the_last() -> None:
    with pytest.raises(IndexError):
        waves(range(4), 1, 2).wave(99)


def test_a_wave_takes_at_most_one_host_above_a_domains_share(seed: int) -> None:
    draw = random.Random(seed)
    for _ in range(100):
        hosts = draw.randint(1, 80)
        domains = {host: draw.choice("abcde")[: draw.randint(0, 1)] for host in range(hosts)}
        order = spread(range(hosts), domains)
        sizes = Counter(domains.values())
        assert sorted(order) == list(range(hosts))
        for wave in waves(order, draw.randint(0, 3), draw.randint(1, 12)):
            taken = Counter(domains[host] for host in wave)
            assert all(count <= ceil(len(wave) * sizes[domain] / hosts) + 1 for domain, count in taken.items())


def test_equal_racks_are_taken_in_turn() -> None:
    domains = {host: f"rack-{host // 4}" for host in range(16)}
    for wave in waves(spread(range(16), domains), 4, 4):
        assert len({domains[host] for host in wave}) == 4


def test_a_hundred_thousand_single_waves_are_counted_not_listed() -> None:
    made = waves(range(100_000), 1, 1)
    assert (made.count, len(made.runs)) == (100_000, 1)
    assert list(made.wave(77_777)) == [77_776]
