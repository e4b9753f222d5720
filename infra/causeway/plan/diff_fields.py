"""Compares two values field by field. What looks like a secret is compared and never kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum
from typing import Any, Final

from causeway.plan.fingerprint import SECRET_KEY, canonical
from causeway.policy.leaks import HIDDEN, looks_secret

_MINUTE = timedelta(minutes=1)


class Absent(Enum):
    """A field that one side has not. `None` is a value that a declaration can give."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT


@dataclass(frozen=True, slots=True)
class Change:
    """One field that differs."""

    field: str
    """Its dotted path; an entry of a list by its name or its position from 0: `vendors.huawei.accelerators[0].pool`."""
    before: Any
    """`ABSENT` when it was added."""
    after: Any
    """`ABSENT` when it was removed."""

    def as_dict(self) -> dict[str, Any]:
        """The change as `--json` carries it: a side that has no such field is left out."""
        sides = {"before": self.before, "after": self.after}
        return {"field": self.field, **{side: plain(value) for side, value in sides.items() if value is not ABSENT}}


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    """Every field in which two mappings differ, by its path."""
    return tuple(
        Change(path, without_secrets(old, path), without_secrets(new, path))
        for path, old, new in sorted(_compare("", before, after), key=lambda found: found[0])
    )


def _compare(path: str, before: Any, after: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(before, Mapping) and isinstance(after, Mapping) and not (_is_secret(before) or _is_secret(after)):
        for key in before.keys() | after.keys():
            below = f"{path}.{key}" if path else str(key)
            yield from _compare(below, before.get(key, ABSENT), after.get(key, ABSENT))
        return
    if _is_list(before) and _is_list(after):
        old, new = _by_name(before), _by_name(after)
        if old is not None and new is not None:
            for name in old.keys() | new.keys():
                yield from _compare(f"{path}[{name}]", old.get(name, ABSENT), new.get(name, ABSENT))
            return
        if len(before) == len(after):
            for index, (one, other) in enumerate(zip(before, after, strict=True)):
                yield from _compare(f"{path}[{index}]", one, other)
            return
    if _text(before) != _text(after):
        yield path, before, after


def _text(value: Any) -> str | None:
    """One text for one meaning, as the hosts' fingerprints take it: 1 is not true, and 8 is not 8.0."""
    return None if value is ABSENT else canonical(plain(value))


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _by_name(entries: Sequence[Any]) -> dict[str, Any] | None:
    """Entries by their names; None when not every entry has a name of its own."""
    named = {entry["name"]: entry for entry in entries if isinstance(entry, Mapping) and "name" in entry}
    return named if len(named) == len(entries) and named else None


def _is_secret(value: Mapping[str, Any]) -> bool:
    return value.keys() == {SECRET_KEY}


def without_secrets(value: Any, path: str = "") -> Any:
    """A value with whatever looks like a secret taken out, at any depth.

    Args:
        value: the value.
        path: the key or dotted path under which it stands.
    """
    if isinstance(value, Mapping):
        return dict(value) if _is_secret(value) else {key: without_secrets(it, str(key)) for key, it in value.items()}
    if isinstance(value, list | tuple):
        return [without_secrets(item, path) for item in value]
    key = path.rsplit(".", 1)[-1].split("[", 1)[0].rsplit("__", 1)[-1]
    return HIDDEN if looks_secret(key, value) else value


def plain(value: Any) -> Any:
    """A value as JSON can carry it."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, timedelta):
        return span(value / _MINUTE)
    if isinstance(value, date):
        return value.isoformat()
    return value


def span(minutes: float) -> str:
    """A length of time for people: `45 min`, `1 h 20 min`, `3 d 4 h`."""
    whole = round(minutes)
    days, rest = divmod(whole, 24 * 60)
    hours, left = divmod(rest, 60)
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {left} min" if left else f"{hours} h"
    return f"{left} min"
