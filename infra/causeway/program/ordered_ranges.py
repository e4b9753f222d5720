"""Host names as ranges without changing their order, since a host's number is its place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_LAST_NUMBER = re.compile(r"(.*?)(\d{1,9})(\D*)")


def fold_in_order(names: Iterable[str]) -> Iterator[str]:
    """`a-[01:03], b` for a-01, a-02, a-03, b: neighbours that count up by one are one range."""
    run: list[str] = []
    last: tuple[str, int, int, str] | None = None
    for name in names:
        found = _LAST_NUMBER.fullmatch(name)
        here = (found[1], len(found[2]), int(found[2]), found[3]) if found else None
        follows = last is not None and here is not None and here == (last[0], last[1], last[2] + 1, last[3])
        if not follows and run:
            yield _range(run)
            run = []
        run.append(name)
        last = here
    if run:
        yield _range(run)


def _range(names: list[str]) -> str:
    if len(names) == 1:
        return names[0]
    first, last = _LAST_NUMBER.fullmatch(names[0]), _LAST_NUMBER.fullmatch(names[-1])
    if first is None or last is None:
        raise AssertionError("only names with a number are neighbours")
    return f"{first[1]}[{first[2]}:{last[2]}]{first[3]}"
