"""What a wave means for the workloads: which replicas have to move, and whether the accelerators that stay suffice.

Replicas are packed onto the hosts that stay as tightly as they can be, largest first. What does not fit then fits in
no way that a scheduler could find (but for rare cases of very mixed sizes); what does fit may still have to wait
until a scheduler finds it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from causeway.capacity.offer import WorkloadPart
from causeway.fleet.workloads import OnDrain

Effect = Literal["stays", "moves", "less_traffic", "pauses", "waits", "refuses", "stops"]
"""What happens to a part in a wave.

`stays`: none of its replicas can be hit. `moves`: what is hit finds room on the hosts that stay. `less_traffic`: not
all of it finds room, the workload's other parts take the traffic. `pauses`: not all finds room, the job goes on from
its checkpoint after the wave. `waits`: the drain waits for the end of what runs, or for `drain_timeout`. `refuses`:
its hosts are not drained and are deferred. `stops`: not all finds room, and nothing takes its place.
"""


@dataclass(frozen=True, slots=True)
class PartMove:
    """One part of a workload in one wave. Counts are of replicas unless they say accelerators."""

    workload: str
    index: int
    """Position under `serve`; -1 for `train`."""
    replicas: int
    hit: int
    """Most replicas that the wave's hosts can hold; these have to move."""
    without_room: int
    """Replicas that do not fit onto the hosts that stay."""
    missing_accelerators: int
    on_drain: OnDrain
    effect: Effect


@dataclass(frozen=True, slots=True)
class WaveCapacity:
    """A pool while waves of one size are out of service."""

    first_wave: int
    last_wave: int
    hosts: int
    """Hosts of each wave."""
    accelerators_out: int
    """With those of hosts that were out of service before."""
    accelerators_left: int
    """In the hosts that stay in service."""
    moves: tuple[PartMove, ...]


@dataclass(frozen=True, slots=True)
class Demand:
    """A part with what its workload says about drains."""

    part: WorkloadPart
    on_drain: OnDrain
    elsewhere: bool
    """True when another part of the workload serves traffic on another pool."""


def staying(hosts: Mapping[int, int], wave: int) -> dict[int, int]:
    """The hosts that stay when a wave takes the largest, which is the worst case.

    Args:
        hosts: hosts in service, as accelerators -> number of hosts.
        wave: hosts of the wave.
    """
    left = dict(hosts)
    for accelerators in sorted(left, reverse=True):
        taken = min(wave, left[accelerators])
        left[accelerators] -= taken
        wave -= taken
    return {accelerators: count for accelerators, count in left.items() if count}


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


def part_moves(hosts: Mapping[int, int], wave: int, demands: Sequence[Demand]) -> tuple[PartMove, ...]:
    """What a wave of so many hosts means for each part on the pool.

    Args:
        hosts: hosts in service before the wave, as accelerators -> number of hosts.
        wave: hosts of the wave.
        demands: the pool's parts, in declared order.
    """
    unplaced = pack(staying(hosts, wave), [demand.part for demand in demands])
    taken = Counter(hosts)
    taken.subtract(staying(hosts, wave))
    return tuple(
        _move(demand, _most_hit(taken, demand.part, wave), unplaced.get(position, 0))
        for position, demand in enumerate(demands)
    )


def _most_hit(taken: Mapping[int, int], part: WorkloadPart, wave: int) -> int:
    size = part.accelerators_per_replica
    if size == 0:  # any number of replicas can stand on one host
        return part.replicas if wave else 0
    if size > max(taken, default=0):
        return min(part.replicas, wave)
    return min(part.replicas, sum(count * (accelerators // size) for accelerators, count in taken.items()))


def _move(demand: Demand, hit: int, without_room: int) -> PartMove:
    return PartMove(
        workload=demand.part.workload,
        index=demand.part.index,
        replicas=demand.part.replicas,
        hit=hit,
        without_room=without_room,
        missing_accelerators=without_room * demand.part.accelerators_per_replica,
        on_drain=demand.on_drain,
        effect=_effect(demand, hit, without_room),
    )


def _effect(demand: Demand, hit: int, without_room: int) -> Effect:
    if not hit:
        return "stays"
    if demand.on_drain == "refuse":
        return "refuses"
    if demand.on_drain == "wait_for_end":
        return "stops" if without_room else "waits"
    if not without_room:
        return "moves"
    if demand.on_drain == "checkpoint":
        return "pauses"
    return "less_traffic" if demand.elsewhere else "stops"
