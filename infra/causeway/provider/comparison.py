"""Compares two trees of values, key by key, into the lines of a detailed diff."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from causeway.provider.model import Change, ChangeKind
from causeway.provider.values import Secret, Values

_MISSING = object()


def compared(
    old: Values, new: Values, *, ignored: Collection[str] = (), replacing: Collection[str] = ()
) -> tuple[Change, ...]:
    """What differs between old and new inputs, in the order of names.

    Args:
        ignored: top-level names that are not looked at.
        replacing: top-level names whose change needs a new resource.
    """
    names = sorted((old.keys() | new.keys()) - set(ignored))
    found: list[Change] = []
    for name in names:
        found += _walk((name,), old.get(name, _MISSING), new.get(name, _MISSING), replaces=name in replacing)
    return tuple(found)


def _walk(path: tuple[str, ...], old: Any, new: Any, *, replaces: bool) -> Iterator[Change]:
    if len(path) == 1:  # a property that was not there is an empty one, so that its entries are told one by one
        old = {} if old is _MISSING and isinstance(new, Mapping) else old
        new = {} if new is _MISSING and isinstance(old, Mapping) else new
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in sorted(old.keys() | new.keys()):
            yield from _walk((*path, name), old.get(name, _MISSING), new.get(name, _MISSING), replaces=replaces)
        return
    if _same(old, new):
        return
    kind = ChangeKind.ADD if old is _MISSING else ChangeKind.DELETE if new is _MISSING else ChangeKind.UPDATE
    yield Change(path, kind, replaces=replaces)


def _same(old: Any, new: Any) -> bool:
    if isinstance(old, Secret) or isinstance(new, Secret):
        unwrapped = [each.value if isinstance(each, Secret) else each for each in (old, new)]
        return bool(unwrapped[0] == unwrapped[1])
    return bool(old == new) and type(old) is type(new)
