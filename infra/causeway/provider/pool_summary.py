"""Says in one line what a change of a whole pool means: hosts, versions, disruption, waves, hosts out at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from causeway.plan.ranges import summary as ranges
from causeway.plan.waves import waves
from causeway.provider.comparison import compared
from causeway.provider.pool_disruption import changed_secrets, changed_variables, effect
from causeway.provider.values import Secret, Unknown, Values

_MOST_VARIABLES = 6


def summary(old: Values, new: Values, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """The line for a preview.

    Args:
        old, new: inputs; `old` is empty for a new pool.
        before, after: desired state by host that follows from them.

    Returns:
        The old inputs' own line when nothing changed for any host, so that it is no change either.
    """
    if old and before == after:
        return str(old.get("summary", ""))
    if any(isinstance(state, Unknown) for state in after.values()):
        return f"{_hosts(len(after))}; what changes is known when the values that it follows from are"
    if not old:
        return "; ".join([_hosts(len(after)), _versions(new), "hosts that are right already are adopted"])
    changed = [name for name, state in after.items() if name in before and before[name] != state]
    parts = []
    if changed:
        parts.append(f"{len(changed):,} of {_hosts(len(after))}: {_what(old, new)}")
        parts.append(effect(old, new, before, {name: after[name] for name in changed}))
        parts.append(_waves(new, len(changed)))
    added, removed = after.keys() - before.keys(), before.keys() - after.keys()
    parts += [f"new: {ranges(added)}"] if added else []
    parts += [f"no longer kept: {ranges(removed)}"] if removed else []
    return "; ".join(part for part in parts if part)


def _what(old: Values, new: Values) -> str:
    names = changed_variables(old, new)
    pool = [
        change for change in compared(old.get("variables") or {}, new.get("variables") or {}) if len(change.path) == 1
    ]
    told = [_variable(str(change.path[0]), old["variables"], new["variables"]) for change in pool]
    told += [name for name in names if name not in {change.path[0] for change in pool}]
    told += [f"a new value of the secret {name}" for name in changed_secrets(old, new)]
    if len(told) > _MOST_VARIABLES:
        told = [*told[:_MOST_VARIABLES], f"{len(told) - _MOST_VARIABLES} variables more"]
    if old.get("code") != new.get("code"):
        if not told:
            return "only the roles' code changed, check mode tells which of them it concerns"
        told.append("and the roles' code")
    return ", ".join(told) or "their state"


def _variable(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    return f"{name} {_value(old, name)} -> {_value(new, name)}"


def _value(variables: Mapping[str, Any], name: str) -> str:
    if name not in variables:
        return "(not set)"
    value = variables[name]
    if isinstance(value, Secret):
        return "[secret]"
    return str(value) if isinstance(value, str | int | float | bool) else "..."


def _versions(new: Values) -> str:
    variables = new.get("variables") or {}
    found = [
        f"{name.partition('__')[2].removesuffix('_version')} {value}"
        for name, value in variables.items()
        if name.endswith("_version") and isinstance(value, str)
    ]
    return ", ".join(found)


def _waves(new: Values, changed: int) -> str:
    rollout = new.get("rollout") or {}
    room = new.get("room")
    if not isinstance(room, int):
        return ""
    made = waves(range(changed), int(rollout.get("canary", 1)), room)
    if not made.count:
        return "no wave can begin: as many hosts as may be are out of service already"
    count = f"{made.count} wave{'s' if made.count != 1 else ''}"
    return f"{count}, at most {made.largest:,} out of service at once"


def _hosts(count: int) -> str:
    return f"{count:,} host{'s' if count != 1 else ''}"
