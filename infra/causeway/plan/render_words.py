"""Figures, changes and effects in words, for every output of a plan and of a diff."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from causeway.capacity.figures import Figure
from causeway.plan.diff_fields import ABSENT, Change, plain, span
from causeway.plan.diff_model import Impact, MoneyChange
from causeway.plan.durations import TimeEstimate
from causeway.plan.fingerprint import SECRET_KEY
from causeway.plan.moves import PartMove

LONGEST_VALUE = 90


def value(found: Any) -> str:
    """A value for people, cut when it is long; a secret by its name."""
    if found is None:
        return "none"
    if isinstance(found, Mapping) and found.keys() == {SECRET_KEY}:
        return f"secret {found[SECRET_KEY]}"
    simple = plain(found)
    text = simple if isinstance(simple, str) else json.dumps(simple, ensure_ascii=False, default=str)
    text = " ".join(text.split()) or '""'
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 2]} …"


def change(found: Change) -> str:
    """`old → new`; what is new or gone is said so."""
    if found.before is ABSENT:
        return f"{value(found.after)} (new)"
    if found.after is ABSENT:
        return f"{value(found.before)} → not set"
    return f"{value(found.before)} → {value(found.after)}"


def count(number: int, one: str, several: str = "") -> str:
    """`1 host`, `2 hosts`, `51,000 hosts`."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def times(estimate: TimeEstimate) -> str:
    """How long, and what that rests on."""
    text = f"{span(estimate.typical_minutes)} typically, {span(estimate.worst_minutes)} at worst"
    return f"{text} ({'an assumption' if estimate.basis == 'assumption' else estimate.basis})"


def windows(estimate: TimeEstimate) -> str:
    """Windows that a rollout needs; empty when its hosts may be touched at any time."""
    if estimate.windows is None:
        return ""
    last = f", the last begins on {estimate.last_window}" if estimate.last_window else ""
    beyond = (
        f"; {count(estimate.waves_beyond_window, 'wave')} may outlast a window" if estimate.waves_beyond_window else ""
    )
    return f"{count(estimate.windows, 'window')}{last}{beyond}"


def move(found: PartMove) -> str:
    """What a wave means for a part of a workload."""
    what = "host" if found.index < 0 else "replica"
    several = count(found.hit, what)
    short = f"{count(found.without_room, what)} without room, {found.missing_accelerators:,} accelerators short"
    meaning = {
        "stays": "stays",
        "moves": f"{several} per wave move to other hosts",
        "less_traffic": f"{short}; other parts take the traffic",
        "pauses": f"{short}; it goes on from its checkpoint after the wave",
        "waits": f"the drain waits for {several} to end, or for its time-out",
        "refuses": f"{several} refuse the drain; their hosts are deferred",
        "stops": f"{short}; they STOP until the wave is over",
    }
    return f"{found.workload}: {meaning[found.effect]}"


def impact(found: Impact) -> str:
    """One sentence on how a change reaches a pool's hosts."""
    hosts = count(found.hosts, "host")
    if not found.waves:
        return f"{hosts} would {_verb(found)}, but max_unavailable leaves no room: the change cannot begin"
    out = (
        f", at most {count(found.out_at_once, 'host')} ({count(found.accelerators_out, 'accelerator')}) out at once"
        if found.out_at_once
        else ", no host leaves service"
    )
    return f"{hosts} {_verb(found)} in {count(found.waves, 'wave')}{out}"


def _verb(found: Impact) -> str:
    verbs = {"reboot": "reboot", "drain": "are drained", "restart": "restart services", "none": "are updated in place"}
    return verbs[found.disruption]


def amount(figure: Figure) -> str:
    """An amount; what is unknown is said, never zero."""
    if figure.complete:
        return f"{figure.known:,.0f}"
    return f"{figure.known:,.0f} + unknown" if figure.known else "unknown"


def signed(number: Decimal | int) -> str:
    """A difference with its sign."""
    return f"{number:+,.0f}" if number else "0"


def difference(found: MoneyChange) -> str:
    """The difference of two amounts; of what is known of them when something is not."""
    return signed(found.difference) if found.complete else f"{signed(found.difference)} of what is known"
