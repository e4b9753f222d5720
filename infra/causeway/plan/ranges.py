"""Folds host names back into ranges, so that a person reads `cn-asc-[01:16]` and not sixteen names."""

from __future__ import annotations

import re
from collections.abc import Iterable

_LAST_NUMBER = re.compile(r"(.*?)(\d+)(\D*)")
_LAST_NUMBER_BEFORE_RANGE = re.compile(r"(.*?)(\d+)(\D*\[\d+:\d+\].*)")

_Key = tuple[str, str, int]
"""Text before a number, text after it, and its width in digits."""


def fold(names: Iterable[str]) -> tuple[str, ...]:
    """Names as ranges in Ansible's syntax, sorted; a name without neighbours stays as it is.

    Names that differ in two numbers fold twice: `r[1:4]-h[01:08]`.
    """
    once = _fold(set(names), _LAST_NUMBER)
    return tuple(sorted(_fold(once, _LAST_NUMBER_BEFORE_RANGE)))


def summary(names: Iterable[str], most: int = 6) -> str:
    """Ranges joined by commas; what is beyond `most` ranges is counted."""
    ranges = fold(names)
    if len(ranges) <= most:
        return ", ".join(ranges)
    return f"{', '.join(ranges[:most])} and {len(ranges) - most} more"


def _fold(names: set[str], pattern: re.Pattern[str]) -> set[str]:
    groups: dict[_Key, list[int]] = {}
    folded: set[str] = set()
    for name in names:
        match = pattern.fullmatch(name)
        if match is None:
            folded.add(name)
            continue
        before, digits, after = match.groups()
        groups.setdefault((before, after, len(digits)), []).append(int(digits))
    for key, numbers in groups.items():
        folded.update(_runs(key, sorted(numbers)))
    return folded


def _runs(key: _Key, numbers: list[int]) -> Iterable[str]:
    before, after, width = key
    start = previous = numbers[0]
    for number in [*numbers[1:], None]:
        if number == previous + 1:
            previous = number
            continue
        if start == previous:
            yield f"{before}{start:0{width}}{after}"
        else:
            yield f"{before}[{start:0{width}}:{previous:0{width}}]{after}"
        if number is not None:
            start = previous = number
