"""Which hosts go next: the order over failure domains, how large a wave may be, and who fits into it. No effects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from causeway.hosts.classify import Candidate
from causeway.hosts.model import Phase, PoolSpec
from causeway.plan.durations import Durations
from causeway.plan.waves import spread, waves


def ordered(spec: PoolSpec, hosts: Sequence[Candidate]) -> list[Candidate]:
    """Hosts in the order in which they leave service: declared order, spread over racks where that is asked."""
    if spec.rollout.failure_domain is None:
        return list(hosts)
    racks = {place: host.host.rack or "" for place, host in enumerate(hosts)}
    return [hosts[place] for place in spread(range(len(hosts)), racks)]


def repairs(hosts: Sequence[Candidate], size: int) -> list[Candidate]:
    """Hosts that are out of service already: a rollout has emptied them, or their node is down.

    Working on them takes nothing away, so they go first, need no window and no room. Those whose node is down for a
    reason of its own go by themselves and no more at once than in a wave, since they may be back in a minute. One that
    a run has only cordoned, or that somebody has uncordoned since, may serve: it waits for its turn like any other.

    Args:
        hosts: those that wait.
        size: hosts of a wave.
    """
    down = [host for host in hosts if host.node is not None and not host.node.ready]
    return [host for host in hosts if _emptied(host)] or down[:size]


def _emptied(host: Candidate) -> bool:
    node = host.node
    return node is not None and node.mark is not None and not node.schedulable and node.mark.phase != Phase.CORDONED


def take(hosts: Sequence[Candidate], size: int, room: int) -> list[Candidate]:
    """The next wave: at most `size` hosts, of which at most `room` leave service by it."""
    taken: list[Candidate] = []
    for host in hosts:
        if len(taken) == size:
            break
        cost = 1 if host.empties and not host.out else 0
        if cost <= room:
            taken.append(host)
            room -= cost
    return taken


@dataclass(frozen=True, slots=True)
class Growth:
    """How large the next wave may be.

    Args:
        size: hosts of the next wave.
        canary: whether the next wave is the canary.
    """

    size: int
    canary: bool

    def after(self, right: int, *, clean: bool) -> Growth:
        """What follows a wave: twice as many hosts, or as many again when a host failed or none came to its target.

        Args:
            right: hosts that came to their target.
            clean: whether no host failed.
        """
        return Growth(self.size * 2, canary=False) if clean and right else self


def growth(canary: int, done: int, total: int) -> Growth:
    """Where a rollout goes on.

    Args:
        canary: hosts of the first wave; with 0 the first wave is as large as any.
        done: hosts that earlier runs of this rollout have brought to where this one goes.
        total: hosts of the pool.
    """
    if canary == 0:
        return Growth(max(1, total), canary=False)
    size, behind = canary, canary
    while behind <= done:
        size *= 2
        behind += size
    return Growth(size, canary=size == canary)


def waves_left(hosts: int, size: int, room: int) -> int:
    """How many waves are still to come, as far as that can be told."""
    return waves(range(hosts), size, max(1, room)).count


def wave_time(hosts: int, role: str | None, durations: Durations) -> timedelta:
    """How long a wave takes, when nothing holds up a drain."""
    minutes = durations.of(role)
    turns = -(-hosts // durations.hosts_at_once)
    return timedelta(minutes=durations.drain + turns * minutes.apply + minutes.after_apply)
