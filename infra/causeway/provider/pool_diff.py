"""What a Baseline's diff shows: a whole pool's change as one summary, single hosts where they differ. Pure.

Unfinished hosts are found from the outputs, since a refresh clears what the engine remembers of a failure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from causeway.provider.comparison import compared
from causeway.provider.model import Change, ChangeKind
from causeway.provider.values import Unknown, Values

LISTED = 8
"""Most hosts that change alike and are listed one by one."""
LISTED_UNFINISHED = 100
"""Most hosts that an earlier run left unfinished, each with a state of its own, and that are listed one by one."""
IDENTITY = frozenset({"fleet", "cluster", "pool"})
_QUIET = frozenset({"state", "summary", "schema", "disruption", "codeDisruption", "room", "code"})
"""Inputs that are shown through the hosts' states, or only help to show them."""


def pending(actual: Mapping[str, Any], desired: Mapping[str, Any]) -> tuple[str, ...]:
    """Hosts that are not what they should be, in declared order."""
    return tuple(name for name, state in desired.items() if actual.get(name) != state)


def changes(old: Values, outputs: Values, new: Values, order: Sequence[str]) -> tuple[Change, ...]:
    """The lines of the diff; none when every host is what it should be and the pool is declared as before.

    Args:
        old: inputs of the last run that went through.
        outputs: the state's outputs.
        new: inputs of this run, checked.
        order: hosts in declared order.
    """
    described = compared(old, new, ignored=_QUIET, replacing=IDENTITY)
    if isinstance(new.get("state"), Unknown):
        return (*described, Change(("state",), from_input=False))
    actual, desired = _states(outputs), _states(new)
    ordered = {name: desired[name] for name in order if name in desired}
    waiting = pending(actual, ordered)
    before = _states(old)
    alike = [name for name in waiting if name in actual and actual[name] == before.get(name)]
    new_hosts = [name for name in waiting if name not in actual]
    single = [name for name in waiting if name in actual and actual[name] != before.get(name)]
    found = list(described)
    whole = len(alike) > LISTED or (len(alike) > 1 and len(alike) == len(actual))
    if whole or len(new_hosts) > LISTED:
        found.append(Change(("summary",), ChangeKind.ADD))
    for names, kind in ((alike, ChangeKind.UPDATE), (new_hosts, ChangeKind.ADD)):
        if len(names) <= LISTED:
            found += [_line(name, kind) for name in names]
    found += [_line(name, ChangeKind.UPDATE) for name in single[:LISTED_UNFINISHED]]
    found += [_line(name, ChangeKind.DELETE) for name in actual if name not in desired]
    return tuple(found)


def _line(name: str, kind: ChangeKind) -> Change:
    return Change(("state", name), kind, from_input=False)


def _states(values: Values) -> Mapping[str, Any]:
    found = values.get("state")
    return found if isinstance(found, Mapping) else {}
