"""Packs replicas onto hosts, as tightly as they can be, largest first.

What does not fit then fits in no way that a scheduler could find (but for rare cases of very mixed sizes); what does
fit may still have to wait until a scheduler finds it. Hosts are counted by the accelerators that they have left, so a
pool of many thousand hosts costs no more than one of two.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from causeway.capacity.offer import WorkloadPart


def pack(hosts: Mapping[int, int], demands: Sequence[WorkloadPart]) -> dict[int, int]:
    """Replicas of each demand (by its position) that find no room on hosts with so many accelerators.

    A replica that is larger than every host takes whole hosts of the largest kind.
    """
    free = Counter(hosts)
    largest = max(hosts, default=0)
    unplaced: dict[int, int] = {}
    order = sorted(range(len(demands)), key=lambda i: (-demands[i].accelerators_per_replica, i))
    for position in order:
        demand = demands[position]
        left = _place(free, demand.accelerators_per_replica, demand.replicas, largest)
        if left:
            unplaced[position] = left
    return unplaced


def _place(free: Counter[int], size: int, replicas: int, largest: int) -> int:
    """How many of the replicas are left over. `largest`: accelerators of the largest host when it is empty."""
    if size == 0:
        return 0 if largest or free else replicas
    if size > largest:
        return _place_over_hosts(free, size, replicas, largest)
    for accelerators in sorted(accelerators for accelerators in free if accelerators >= size):
        if not replicas:
            break
        fits, hosts = accelerators // size, free[accelerators]
        full, rest = min(hosts, replicas // fits), 0
        replicas -= full * fits
        if replicas and full < hosts:
            rest, replicas = replicas, 0
        _shift(free, accelerators, accelerators - fits * size, full)
        if rest:
            _shift(free, accelerators, accelerators - rest * size, 1)
    return replicas


def _place_over_hosts(free: Counter[int], size: int, replicas: int, largest: int) -> int:
    if largest == 0:
        return replicas
    span = -(-size // largest)
    placed = min(replicas, free[largest] // span)
    _shift(free, largest, 0, placed * span)
    return replicas - placed


def _shift(free: Counter[int], source: int, target: int, hosts: int) -> None:
    if not hosts:
        return
    free[source] -= hosts
    if not free[source]:
        del free[source]
    if target:
        free[target] += hosts
