"""The calendar of leases: when each starts, when notice is due, when nothing new is placed, when it ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from causeway.capacity.offer import Capacity, PoolKey
from causeway.fleet.leases import Lease
from causeway.fleet.load import LoadedFleet

EventKind = Literal["starts", "notice_due", "stop_scheduling", "ends"]


@dataclass(frozen=True, slots=True)
class LeaseEvent:
    """A day that counts for a lease."""

    day: date
    lease: str
    kind: EventKind
    text: str


@dataclass(frozen=True, slots=True)
class LeaseUse:
    """How a lease is used by the pools that name it. Counts are of accelerators."""

    lease: str
    quantity: int
    placed: Mapping[PoolKey, int]
    """Installed by pool."""

    @property
    def unplaced(self) -> int:
        """Leased, but in no pool."""
        return self.quantity - sum(self.placed.values())


def last_scheduling_day(lease: Lease) -> date:
    """Last day on which something new may be placed on a lease's capacity."""
    return _before(lease.term.end, lease.end_of_term.stop_scheduling_days_before)


def notice_day(lease: Lease) -> date:
    """Last day on which notice can be given."""
    return _before(lease.term.end, lease.term.notice_days)


def _before(end: date, days: int) -> date:
    try:
        return end - timedelta(days=days)
    except OverflowError:
        return date.min


def calendar(loaded: LoadedFleet) -> tuple[LeaseEvent, ...]:
    """All events of all leases, by day, then lease."""
    events: list[LeaseEvent] = []
    for name, lease in loaded.fleet.leases.items():
        what = f"{lease.quantity} {lease.accelerator} at {lease.site}"
        events += [
            LeaseEvent(lease.term.start, name, "starts", f"{what}: first day"),
            LeaseEvent(notice_day(lease), name, "notice_due", f"{what}: last day for notice"),
            LeaseEvent(lease.term.end, name, "ends", f"{what}: last day"),
        ]
        if lease.end_of_term.stop_scheduling_days_before:
            events.append(
                LeaseEvent(last_scheduling_day(lease), name, "stop_scheduling", f"{what}: last day for new placements")
            )
    return tuple(sorted(events, key=lambda event: (event.day, event.lease, event.kind)))


def use(loaded: LoadedFleet, capacity: Capacity) -> tuple[LeaseUse, ...]:
    """How much of each lease its pools hold, in declared order of the leases."""
    placed: dict[str, dict[PoolKey, int]] = {name: {} for name in loaded.fleet.leases}
    for cluster_name, cluster in loaded.fleet.clusters.items():
        for pool_name, pool in cluster.pools.items():
            if pool.lease in placed:
                key = (cluster_name, pool_name)
                placed[pool.lease][key] = capacity.pools[key].installed
    return tuple(LeaseUse(name, lease.quantity, placed[name]) for name, lease in loaded.fleet.leases.items())
