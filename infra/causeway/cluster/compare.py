"""Compares rendered with rendered: which objects change, which of their fields, and which cannot be changed in place. Pure.

Not a change: nulls, empty lists, labels and data, quantities written in another way (`1000m` and `1`), the order of keys.
Items of lists are matched by the key that names them (`name`, `mountPath`, ...), so that an environment variable put in
front is one change and not one for each that follows.
"""  # noqa: E501 - one sentence

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from causeway.cluster.immutable import immutable
from causeway.cluster.model import Changes, FieldChange, Object, ObjectChange, Rendered

_NAMES = ("name", "mountPath", "containerPort", "port", "key", "type")
"""Keys by which items of a list may be told apart, the first that fits."""
_QUANTITY = re.compile(r"^([+-]?[0-9.]+)(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$")
_SUFFIXES = {
    "m": Decimal("0.001"),
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate("kMGTPE", 1)},
    **{f"{suffix}i": Decimal(1024) ** power for power, suffix in enumerate("KMGTPE", 1)},
}
_MAPS = (
    "labels",
    "annotations",
    "data",
    "binaryData",
    "stringData",
    "limits",
    "requests",
    "nodeSelector",
    "matchLabels",
)
"""Maps that are as good as missing when they are empty."""
_QUANTITIES = ("limits", "requests", "capacity", "sizeLimit", "hard")
Steps = tuple[str | int, ...]


def changes(old: Rendered | None, new: Rendered | None) -> Changes:
    """What a release changes; None where there is no release."""
    before, after = old or Rendered({}), new or Rendered({})
    return Changes(
        tuple(compare(before.objects, after.objects)),
        tuple(compare(before.hooks, after.hooks)),
        tuple(each for each in compare(before.crds, after.crds) if each.action != "delete"),  # Helm never deletes them
    )


def compare(old: Mapping[str, Object], new: Mapping[str, Object]) -> Iterator[ObjectChange]:
    """The objects that change, sorted by key."""
    for key in sorted({*old, *new}):
        if key not in old:
            yield ObjectChange(key, "create")
        elif key not in new:
            yield ObjectChange(key, "delete")
        elif fields := tuple(fields_of(old[key], new[key])):
            reason = immutable(old[key], new[key], fields)
            yield ObjectChange(key, "replace" if reason else "change", fields, reason)


def fields_of(old: Object, new: Object) -> Iterator[FieldChange]:
    """The fields that differ between two states of an object."""
    yield from _differ(old, new, (), "")


def _differ(old: Any, new: Any, steps: Steps, shown: str) -> Iterator[FieldChange]:
    old, new = _kept(old, steps), _kept(new, steps)
    if old is new or same(old, new, steps):
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            yield from _differ(old.get(key), new.get(key), (*steps, key), _dotted(shown, key))
    elif isinstance(old, list) and isinstance(new, list):
        yield from _lists(old, new, steps, shown)
    else:
        yield FieldChange(steps, shown, old, new)


def _kept(value: Any, steps: Steps) -> Any:
    """A value as the server keeps it: an empty list is none, and of a plain map only its entries count."""
    if value is None and steps and steps[-1] in _MAPS:
        return {}
    return None if value == [] else value


def _lists(old: Sequence[Any], new: Sequence[Any], steps: Steps, shown: str) -> Iterator[FieldChange]:
    name = _name_of(old, new)
    if name is None:
        for at in range(max(len(old), len(new))):
            left, right = (each[at] if at < len(each) else None for each in (old, new))
            yield from _differ(left, right, (*steps, at), f"{shown}[{at}]")
        return
    before, after = ({each[name]: each for each in items} for items in (old, new))
    places = {each[name]: at for items in (old, new) for at, each in enumerate(items)}
    for key in [*after, *(key for key in before if key not in after)]:
        yield from _differ(before.get(key), after.get(key), (*steps, places[key]), f"{shown}[{key}]")
    kept = [key for key in before if key in after]
    if kept != (order := [key for key in after if key in before]):
        yield FieldChange(steps, f"{shown} (order)", kept, order)


def _name_of(*lists: Sequence[Any]) -> str | None:
    """The key that tells the items of all the lists apart; None when there is none."""
    items = [each for one in lists for each in one]
    if not items or not all(isinstance(each, Mapping) for each in items):
        return None
    for name in _NAMES:
        if all(isinstance(each.get(name), str | int) for each in items) and all(
            len({each[name] for each in one}) == len(one) for one in lists
        ):
            return name
    return None


def same(old: Any, new: Any, steps: Steps) -> bool:
    """Whether two values mean the same to the API server."""
    if any(isinstance(each, Mapping | list) for each in (old, new)):
        return False  # their items tell: True == 1 to Python
    if old == new and type(old) is type(new):
        return True
    if any(step in _QUANTITIES for step in steps[-2:]):
        left, right = _amount(old), _amount(new)
        return left is not None and left == right
    numbers = isinstance(old, int | float) and isinstance(new, int | float)
    return numbers and not isinstance(old, bool) and not isinstance(new, bool) and old == new


def _amount(quantity: Any) -> Decimal | None:
    match = _QUANTITY.match(str(quantity)) if isinstance(quantity, str | int | float) else None
    return Decimal(match[1]) * _SUFFIXES.get(match[2] or "", Decimal(1)) if match else None


def _dotted(shown: str, key: str) -> str:
    step = key if re.fullmatch(r"[\w-]+", key) else f'["{key}"]'
    return step if not shown else f"{shown}{step}" if step.startswith("[") else f"{shown}.{step}"


def told(changed: Iterable[ObjectChange], most: int = 6) -> str:
    """Changes as one line for a message."""
    lines = [
        f"{each.key}" + (f" ({', '.join(field.shown for field in each.fields[:most])})" if each.fields else "")
        for each in changed
    ]
    return "; ".join(lines[:most]) + (f"; and {len(lines) - most} more" if len(lines) > most else "")
