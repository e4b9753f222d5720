"""Ranges read back give the names that were folded."""

from __future__ import annotations

import random

import pytest

from causeway.fleet.ranges import parse_range
from causeway.plan.ranges import fold, summary


@pytest.mark.parametrize(
    ("names", "folded"),
    [
        ([], ()),
        (["web"], ("web",)),
        (["a-01", "a-02", "a-03"], ("a-[01:03]",)),
        (["a-9", "a-10"], ("a-10", "a-9")),
        (["a-1", "a-3"], ("a-1", "a-3")),
        ([f"r{rack}-h{host:02}" for rack in (1, 2, 3) for host in range(1, 9)], ("r[1:3]-h[01:08]",)),
        (["n1.site-a", "n2.site-a", "n2.site-b"], ("n2.site-b", "n[1:2].site-a")),
    ],
)
def test_neighbours_fold(names: list[str], folded: tuple[str, ...]) -> None:
    assert fold(names) == folded
    assert fold(reversed(names)) == folded


def test_folded_names_read_back_as_they_were(seed: int) -> None:
    draw = random.Random(seed)
    for _ in range(200):
        width = draw.choice((1, 2, 3))
        names = {
            f"{draw.choice('ab')}{draw.randint(1, 3)}-{draw.randint(0, 120):0{width}}"
            for _ in range(draw.randint(0, 80))
        }
        assert {name for text in fold(names) for name in parse_range(text).names()} == names


def test_a_summary_counts_what_it_leaves_out() -> None:
    assert summary([f"{letter}-1" for letter in "abcdefgh"]) == "a-1, b-1, c-1, d-1, e-1, f-1 and 2 more"
