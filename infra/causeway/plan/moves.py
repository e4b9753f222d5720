"""What a wave means for the workloads: which replicas have to move, and whether the accelerators that stay suffice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from causeway.capacity.offer import WorkloadPart
from causeway.capacity.packing import pack
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
