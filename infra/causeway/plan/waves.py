"""In which order and in how large waves a pool's hosts leave service: canary, then growing waves, never past a limit.

A wave is a slice of one order over the pool's hosts, and equal waves are counted, not listed: a pool of 100,000
hosts that go one by one costs as much memory as a pool of ten.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import chain


@dataclass(frozen=True, slots=True)
class WaveRun:
    """Consecutive waves of equal size."""

    first: int
    """Number of the first of these waves, from 1."""
    waves: int
    hosts: int
    """Hosts of each wave."""

    @property
    def last(self) -> int:
        """Number of the last of these waves."""
        return self.first + self.waves - 1


@dataclass(frozen=True, slots=True)
class Waves:
    """Waves over a pool's hosts. Hosts are positions in the pool's names."""

    order: Sequence[int]
    """Positions in the order in which hosts leave service."""
    runs: tuple[WaveRun, ...]

    @property
    def count(self) -> int:
        """Number of waves."""
        return self.runs[-1].last if self.runs else 0

    @property
    def largest(self) -> int:
        """Hosts of the largest wave."""
        return max((run.hosts for run in self.runs), default=0)

    def wave(self, number: int) -> Sequence[int]:
        """Positions of the hosts of a wave, which counts from 1.

        Raises:
            IndexError: there is no such wave.
        """
        start = 0
        for run in self.runs:
            if run.first <= number <= run.last:
                start += (number - run.first) * run.hosts
                return self.order[start : start + run.hosts]
            start += run.waves * run.hosts
        raise IndexError(number)

    def __iter__(self) -> Iterator[Sequence[int]]:
        """Each wave's positions, first wave first."""
        start = 0
        for run in self.runs:
            for _ in range(run.waves):
                yield self.order[start : start + run.hosts]
                start += run.hosts


def waves(order: Sequence[int], canary: int, room: int) -> Waves:
    """Cut an order of hosts into waves.

    Args:
        order: positions of the hosts, in the order in which they leave service.
        canary: hosts of the first wave; with 0 the first wave is as large as any.
        room: most hosts of a wave; with 0 there are no waves.
    """
    runs: list[WaveRun] = []
    left = len(order) if room > 0 else 0
    size = min(canary, room) or room
    number = 1
    while left:
        size = min(size, left)
        # growth ends at the limit, and from there on all waves but the last are equal
        times = left // size if size == room else 1
        runs.append(WaveRun(number, times, size))
        number, left = number + times, left - times * size
        size = min(size * 2, room)
    return Waves(order, tuple(runs))


def spread(positions: Sequence[int], domains: Mapping[int, str]) -> Sequence[int]:
    """An order in which each stretch of hosts takes from every failure domain in proportion to its size.

    At every point a domain is less than one host ahead of its share and less than one behind, so a wave takes at most
    one host more from a domain than the domain's share of the wave, rounded up. (The k-th of a domain's d hosts out
    of n may come from place floor((k - 1) n / d) on and has to by ceil(k n / d); the earliest end goes first. This is
    the proportionate-fair schedule of one processor: Baruah, Cohen, Plaxton and Varvel, 1996.)

    Args:
        positions: hosts in declared order.
        domains: the hosts' failure domains; a host that has none forms the domain "" with the others like it.
    """
    members: dict[str, list[int]] = {}
    for position in positions:
        members.setdefault(domains.get(position, ""), []).append(position)
    if len(members) <= 1:
        return positions
    total = len(positions)
    if len({len(hosts) for hosts in members.values()}) == 1:  # equal domains: in turn
        return array("I", chain.from_iterable(zip(*members.values(), strict=True)))
    later = [(0, domain, 0) for domain in members]
    heapify(later)
    ready: list[tuple[int, str, int]] = []
    order = array("I")
    for place in range(total):
        while later and later[0][0] <= place:
            _, domain, rank = heappop(later)
            heappush(ready, (-(-(rank + 1) * total // len(members[domain])), domain, rank))
        _, domain, rank = heappop(ready)
        hosts = members[domain]
        order.append(hosts[rank])
        if rank + 1 < len(hosts):
            heappush(later, ((rank + 1) * total // len(hosts), domain, rank + 1))
    return order
