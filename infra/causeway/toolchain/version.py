"""Versions as tools print them, and the ranges that are good enough."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import total_ordering
from typing import Self

_VERSION = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?")
_CLAUSE = re.compile(r"(>=|<=|==|>|<)\s*(\S+)")
_OPERATORS: dict[str, Callable[[Version, Version], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
}


@total_ordering
@dataclass(frozen=True, slots=True)
class Version:
    """A semantic version. Build metadata (`+g1234`) is dropped: it never decides."""

    release: tuple[int, int, int]
    prerelease: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `1.34.4`, `v4.3.1+g0a1b2c3` or `3.260.0-alpha.1`.

        Raises:
            ValueError: the text is no version.
        """
        match = _VERSION.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"{text!r} is no version")
        major, minor, patch, prerelease = match.groups()
        return cls((int(major), int(minor), int(patch or 0)), prerelease or "")

    def __str__(self) -> str:
        """Without a leading `v`."""
        dotted = ".".join(map(str, self.release))
        return f"{dotted}-{self.prerelease}" if self.prerelease else dotted

    def __lt__(self, other: Version) -> bool:
        """A pre-release comes before its release; two pre-releases of one release go by their numbers and words."""
        return self._key < other._key

    @property
    def _key(self) -> tuple[tuple[int, int, int], bool, tuple[tuple[bool, int, str], ...]]:
        words = self.prerelease.split(".") if self.prerelease else []
        return (
            self.release,
            not self.prerelease,
            tuple((not word.isdigit(), int(word) if word.isdigit() else 0, word) for word in words),
        )


@dataclass(frozen=True, slots=True)
class Range:
    """A set of versions written as clauses, such as `>=4.3.0,<5`. A pre-release of the upper end is outside."""

    text: str
    clauses: tuple[tuple[str, Version], ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read clauses joined by commas.

        Raises:
            ValueError: a clause is not understood.
        """
        clauses = []
        for part in text.split(","):
            match = _CLAUSE.fullmatch(part.strip())
            if match is None:
                raise ValueError(f"{part!r} is no clause such as >=1.2 or <2")
            bound = match[2] if "." in match[2] else f"{match[2]}.0"
            clauses.append((match[1], Version.parse(bound)))
        return cls(text, tuple(clauses))

    def __contains__(self, version: Version) -> bool:
        """Whether every clause holds."""
        return all(
            _OPERATORS[sign](Version(version.release) if sign == "<" else version, bound)
            for sign, bound in self.clauses
        )

    def __str__(self) -> str:
        """As it was written."""
        return self.text
