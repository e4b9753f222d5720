"""What `up` has to do to each host, decided from what is wanted and what is there. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from causeway.sandbox.hosts import State


class Action(StrEnum):
    """What happens to a host."""

    KEEP = "keep"
    CREATE = "create"
    RECREATE = "recreate"
    START = "start"
    STAY_OFF = "stay off"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Found:
    """A host as it is: its state, and the digest of what its disk was made from (None without a disk)."""

    state: State
    digest: str | None


@dataclass(frozen=True, slots=True)
class Move:
    """What to do with one host, and why where a user might wonder."""

    name: str
    action: Action
    why: str = ""


def moves(wanted: Mapping[str, str], found: Mapping[str, Found], *, network_lost: bool) -> tuple[Move, ...]:
    """One move per host that is wanted or there, removals first.

    Args:
        wanted: the digest of what each declared host's disk is made from.
        found: each host that has a disk.
        network_lost: the network is made anew, so no host that runs is in it.
    """
    removed = tuple(Move(name, Action.REMOVE, "no longer declared") for name in found if name not in wanted)
    return removed + tuple(_move(name, digest, found.get(name), network_lost) for name, digest in wanted.items())


def _move(name: str, digest: str, found: Found | None, network_lost: bool) -> Move:  # noqa: FBT001 - private
    if found is None or found.state is State.ABSENT:
        return Move(name, Action.CREATE)
    if found.digest != digest:
        return Move(name, Action.RECREATE, "its declaration, the image or the mirror's names changed")
    if found.state is State.OFF:
        return Move(name, Action.STAY_OFF, "it was powered off")
    if network_lost:
        return Move(name, Action.START, "its network was gone")
    if found.state is State.CRASHED:
        return Move(name, Action.START, "it had ended without being powered off")
    if found.state is State.ORPHANED:
        return Move(name, Action.START, "its supervisor had been killed")
    return Move(name, Action.KEEP)
