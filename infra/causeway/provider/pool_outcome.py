"""How a pool's run is told to the engine: lasting lines, and one reason for hosts that failed alike. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from causeway.hosts.states import told
from causeway.plan.ranges import summary as ranges
from causeway.provider.values import Unknown

FAILED = "failed "
UNREACHABLE = "unreachable:"
DEFERRED = "deferred "
UNWELL = ("failed ", "unreachable: ", DEFERRED, "drifted: ")
"""How the state of a host begins that a run has not brought to its end."""
DRIFTED = "drifted:"
OUT_OF_SERVICE = "out_of_service"
PENDING = "pending"


@dataclass(frozen=True, slots=True)
class Told:
    """What happened to one host, with what to do about it."""

    name: str
    state: str
    hint: str = ""
    log: str = ""


def reasons(reports: Iterable[Told]) -> tuple[str, ...]:
    """One sentence for all hosts that failed in the same way, in the order in which they are met."""
    groups: dict[tuple[str, str], list[Told]] = {}
    for each in reports:
        if each.state.startswith((FAILED, UNREACHABLE)):
            groups.setdefault((told(each.state), each.hint), []).append(each)
    return tuple(_reason(state, hint, members) for (state, hint), members in groups.items())


def _reason(state: str, hint: str, members: Sequence[Told]) -> str:
    names = ranges([each.name for each in members])
    logs = sorted({each.log for each in members if each.log})
    parts = [f"{names}: {state}"]
    parts += [f"to do: {hint}"] if hint else []
    parts += [f"log: {', '.join(logs[:3])}"] if logs else []
    return "; ".join(parts)


def deferrals(states: Mapping[str, str]) -> tuple[str, ...]:
    """One sentence for all hosts that were deferred for the same reason."""
    groups: dict[str, list[str]] = {}
    for name, state in states.items():
        if state.startswith(DEFERRED):
            groups.setdefault(told(state), []).append(name)
    return tuple(f"{ranges(names)}: {state}" for state, names in groups.items())


def kinds(actual: Mapping[str, Any], desired: Mapping[str, Any]) -> dict[str, list[str]]:
    """Hosts by what a preview says of them: `same`, `will change`, and why those that are not right are not."""
    found: dict[str, list[str]] = {}
    for name, wanted in desired.items():
        found.setdefault(_kind(actual.get(name), wanted), []).append(name)
    return found


def _kind(actual: object, wanted: object) -> str:
    if wanted == OUT_OF_SERVICE:
        return "out of service"
    if isinstance(wanted, Unknown):
        return "unknown"
    if actual == wanted:
        return "same"
    text = actual if isinstance(actual, str) else ""
    for start, kind in _BEFORE.items():
        if text.startswith(start):
            return kind
    return "will change" if actual is not None else "new"


_BEFORE = {
    FAILED: "failed last time",
    UNREACHABLE: "unreachable last time",
    DEFERRED: "deferred last time",
    DRIFTED: "drifted",
    PENDING: "unfinished",
}
