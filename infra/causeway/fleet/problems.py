"""Collects a declaration's errors: all at once, in the order of their places, a bounded number kept."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

from causeway.errors import CausewayError, Location, Permanent, Problems

KEPT = 100
"""Errors that are kept and shown; the others are counted."""
_CANDIDATES = 2_000
_LONGEST_WORD = 64


class Collector:
    """Errors as they are found. Adding is cheap when there are already more than anybody reads."""

    def __init__(self) -> None:
        self._errors: list[CausewayError] = []
        self._settled: set[Location | str | None] = set()
        self.count = 0

    @property
    def full(self) -> bool:
        """Whether another error would only be counted."""
        return len(self._errors) >= KEPT

    def settle(self, error: CausewayError) -> None:
        """Keep an error, after which nothing else is worth telling about its place."""
        self.add(error)
        self._settled.add(error.where)

    def add(self, error: CausewayError) -> None:
        """Keep an error, or only count it."""
        if error.where in self._settled:
            return
        self.count += 1
        if not self.full:
            self._errors.append(error)

    def extend(self, errors: Iterable[CausewayError]) -> None:
        """Keep several errors."""
        for error in errors:
            self.add(error)

    def skip(self, count: int = 1) -> None:
        """Count errors for which nothing was built, because `full` already."""
        self.count += count

    def raise_any(self, file_order: Iterable[str] = ()) -> None:
        """Raise what was found, sorted by place.

        Args:
            file_order: names of files in the order in which a reader should meet them.

        Raises:
            Problems: when anything was added.
        """
        if not self.count:
            return
        ranks = {name: rank for rank, name in enumerate(file_order)}

        def place(error: CausewayError) -> tuple[int, str, int, int, str]:
            where = error.where if isinstance(error.where, Location) else Location(str(error.where or ""))
            return ranks.get(where.file, len(ranks)), where.file, where.line, where.column, error.code

        errors = sorted(self._errors, key=place)
        more = self.count - len(errors)
        if more:
            last = errors[-1].where
            reason = f"and {more} more problem(s) after these {len(errors)}, not shown"
            errors.append(Permanent("more-problems", reason, where=last, hint="mend those above and run it again"))
        raise Problems(tuple(errors))


def nearest(word: str, valid: Iterable[str]) -> str | None:
    """The valid word that a wrong one most likely meant, None when none is near."""
    if not isinstance(word, str) or len(word) > _LONGEST_WORD:
        return None
    folded = {candidate.casefold(): candidate for candidate in islice(valid, _CANDIDATES)}
    found = get_close_matches(word.casefold().replace(" ", "_"), folded, n=1, cutoff=0.6)
    return folded[found[0]] if found else None


def listed(words: Iterable[str], limit: int = 12) -> str:
    """Words as a sentence lists them, the first `limit` when there are many."""
    every = list(words)
    if not every:
        return "nothing"
    shown = ", ".join(every[:limit])
    return f"{shown} and {len(every) - limit} more" if len(every) > limit else shown


def choice(word: str, valid: Iterable[str], kind: str) -> str:
    """A hint for a wrong word: the nearest valid one first, then what there is.

    Args:
        word: the wrong word.
        valid: the words that would have been right.
        kind: what they are, in the plural: `sites`, `fields`.
    """
    words = list(valid)
    near = nearest(word, words)
    there = f"{kind}: {listed(words)}" if words else f"there are no {kind}"
    return f"did you mean {near}? {there}" if near else there
