"""What a change of a pool's inputs may do to a host that was right before. Pure.

A run begins with what the changed variables ask for, and a host whose tasks turn out to need more goes again, emptied
first. A preview cannot try: it tells the most that is possible.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from causeway.plan.fingerprint import secret_names
from causeway.provider.comparison import compared
from causeway.provider.pool_outcome import OUT_OF_SERVICE
from causeway.provider.values import Values

DISRUPTIONS = ("none", "restart", "drain", "reboot")
WORST = DISRUPTIONS[-1]
_EFFECTS = {
    "none": "no service stops",
    "restart": "services of the host restart",
    "drain": "workloads leave each host",
    "reboot": "each host is drained and reboots",
}
_ANYTHING = "each host may be drained and reboot"


def disruption(old: Values, new: Values) -> str:
    """The worst that the changed variables may do to a host that was right before; `none` when there are none.

    Each variable's disruption comes with the inputs; one of which they say nothing counts as the worst. A secret's new
    value is a change of the variables that name it. The roles' code decides only where it alone has changed.
    """
    if not old:
        return WORST
    known = new.get("disruption") or {}
    found = {str(known.get(name, WORST)) for name in _concerned(old, new)}
    if not found and old.get("code") != new.get("code"):
        return _of_code(new)
    return max(found, key=_rank, default="none")


def effect(old: Values, new: Values, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What a preview says that a change does to hosts.

    Args:
        old, new: inputs.
        before, after: desired states of the hosts that change, by name.
    """
    first = disruption(old, new)
    if old.get("code") == new.get("code"):
        back = {OUT_OF_SERVICE, None}
        unexplained = any(before.get(name) not in back and after[name] not in back for name in after)
        return _ANYTHING if unexplained and not _concerned(old, new) else _words(first)
    code = _of_code(new)
    if _rank(code) > _rank(first):
        return f"{_words(first)}; where a role's new code asks for more, {_words(code)}"
    return _words(first)


def changed_variables(old: Values, new: Values) -> tuple[str, ...]:
    """Names of variables that differ, of the pool or of a host."""
    found = {str(change.path[0]) for change in compared(old.get("variables") or {}, new.get("variables") or {})}
    before, after = old.get("overrides") or {}, new.get("overrides") or {}
    for name in before.keys() | after.keys():
        found.update(str(change.path[0]) for change in compared(_own(before, name), _own(after, name)))
    return tuple(sorted(found))


def changed_secrets(old: Values, new: Values) -> tuple[str, ...]:
    """Names of secrets that variables stand for before and after, with another value."""
    before, after = old.get("secrets") or {}, new.get("secrets") or {}
    both = {name: before[name] for name in before if name in after}
    return tuple(str(change.path[0]) for change in compared(both, {name: after[name] for name in both}))


def _concerned(old: Values, new: Values) -> frozenset[str]:
    """Variables whose value is another one, by themselves or by a secret that they stand for."""
    secrets = set(changed_secrets(old, new))
    by_secret = (name for name, value in _variables(new) if not secrets.isdisjoint(secret_names(value)))
    return frozenset((*changed_variables(old, new), *by_secret))


def _variables(new: Values) -> Iterator[tuple[str, Any]]:
    yield from (new.get("variables") or {}).items()
    overrides = new.get("overrides") or {}
    for name in overrides:
        yield from _own(overrides, name).items()


def _own(overrides: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    entry = overrides.get(name)
    found = entry.get("variables") if isinstance(entry, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _of_code(new: Values) -> str:
    return str(new.get("codeDisruption") or WORST)


def _rank(word: str) -> int:
    return DISRUPTIONS.index(word) if word in DISRUPTIONS else len(DISRUPTIONS)


def _words(disruption: str) -> str:
    return _EFFECTS.get(disruption, _ANYTHING)
