"""What a Release's diff shows: rendered against rendered, object by object and field by field. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from causeway.cluster.compare import compare
from causeway.cluster.model import ObjectChange
from causeway.provider.comparison import compared
from causeway.provider.model import Change, ChangeKind
from causeway.provider.values import Unknown, Values, has_unknown

DEPLOYED = "deployed"
IDENTITY = frozenset({"release", "namespace"})
PARTS = ("objects", "hooks", "crds")
_QUIET = frozenset({*PARTS, "values", "schema", "status"})
"""Values are shown by what they render; the rest only tells how the release is."""
_KINDS = {"create": ChangeKind.ADD, "delete": ChangeKind.DELETE}
_MOST_FIELDS = 20


def changes(old: Values, outputs: Values, new: Values) -> tuple[Change, ...]:
    """The lines of the diff; none when what the chart renders is the same and the release is deployed."""
    found = list(compared(old, new, ignored=_QUIET, replacing=IDENTITY))
    for part in PARTS:
        found += _part(part, old.get(part) or {}, new.get(part) or {})
    if outputs.get("status") != DEPLOYED:
        found.append(Change(("status",), from_input=False))
    return tuple(found)


def objects_that_change(old: Values, new: Values) -> tuple[ObjectChange, ...]:
    """Objects, hooks and definitions that differ."""
    known = [part for part in PARTS if not isinstance(new.get(part), Unknown)]
    return tuple(each for part in known for each in compare(old.get(part) or {}, new.get(part) or {}))


def _part(part: str, old: Any, new: Any) -> list[Change]:
    if isinstance(new, Unknown):
        return [Change((part,))]
    found: list[Change] = []
    unknown = {key for key, each in new.items() if has_unknown(each)}
    decided = {key: each for key, each in new.items() if key not in unknown}
    before = {key: each for key, each in old.items() if key not in unknown}
    for each in compare(before, decided):
        if each.action in _KINDS:
            found.append(Change((part, each.key), _KINDS[each.action]))
        elif len(each.fields) > _MOST_FIELDS:
            found.append(Change((part, each.key)))
        else:
            paths = dict.fromkeys(_shown(old[each.key], new[each.key], field.steps) for field in each.fields)
            found += [_line((part, each.key), path, old[each.key], new[each.key]) for path in paths]
    return found + [Change((part, key), ChangeKind.UPDATE if key in old else ChangeKind.ADD) for key in sorted(unknown)]


def _shown(old: Any, new: Any, steps: Sequence[str | int]) -> tuple[str | int, ...]:
    """Where the engine finds the change on both sides: a list whose items moved is shown as a whole."""
    shown: list[str | int] = []
    for step in steps:
        if isinstance(step, int):
            left, right = _item(old, step), _item(new, step)
            if _name(left) != _name(right) or left is None or right is None:
                return tuple(shown)
            old, new = left, right
        else:
            old = old.get(step) if isinstance(old, Mapping) else None
            new = new.get(step) if isinstance(new, Mapping) else None
        shown.append(step)
    return tuple(shown)


def _item(values: Any, at: int) -> Any:
    return values[at] if isinstance(values, list) and at < len(values) else None


def _name(item: Any) -> Any:
    return item.get("name") if isinstance(item, Mapping) else None


def _line(head: tuple[str, str], path: tuple[str | int, ...], old: Any, new: Any) -> Change:
    for step in path:
        old, new = _step(old, step), _step(new, step)
    kind = ChangeKind.ADD if old is None else ChangeKind.DELETE if new is None else ChangeKind.UPDATE
    return Change((*head, *path), kind)


def _step(value: Any, step: str | int) -> Any:
    if isinstance(step, int):
        return _item(value, step)
    return value.get(step) if isinstance(value, Mapping) else None
