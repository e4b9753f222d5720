"""Places in the declaration's files: packed marks, the tree of marks beside the data, excerpts with a caret.

A mark is one integer (file, offset, line, column), so that a declaration's marks cost less than its values.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field

from causeway.errors import Location, Permanent

Path = tuple[str | int, ...]
"""A path in the declaration: keys of mappings and indexes of lists."""

_BITS = 25  # offsets, lines and columns of files of at most 16 MB
_MASK = (1 << _BITS) - 1
_BREAK = re.compile("[\r\n\x85\u2028\u2029]")
_PLAIN_END = re.compile(r"[\r\n]|[,\]}]|\s#|:\s|\s*$")
_WIDTH = 96  # columns of an excerpt


def pack(file: int, offset: int, line: int, column: int) -> int:
    """One integer for a place; `line` and `column` count from 0, as the parser counts."""
    return ((file << _BITS | offset) << _BITS | line) << _BITS | column


@dataclass(frozen=True, slots=True)
class Source:
    """A text file of the declaration, named as a user would write it."""

    name: str
    text: str

    def offset_place(self, file: int, offset: int) -> int:
        """The mark of a character, counted in breaks as the parser does; slow, for the rare errors before parsing."""
        before = self.text[:offset]
        start = max(before.rfind(brk) for brk in "\r\n\x85\u2028\u2029") + 1
        lines = before.count("\n") + before.count("\r") - before.count("\r\n")
        lines += sum(before.count(brk) for brk in "\x85\u2028\u2029")
        return pack(file, offset, lines, offset - start)

    def word_at(self, offset: int) -> str:
        """The scalar that starts at an offset, as it is written; at most its line, and 60 characters."""
        line = self.text[offset : offset + 200]
        if line.startswith(("'", '"')):
            end = line.find(line[0], 1)
            found = line[: end + 1] if end > 0 else line
        else:
            match = _PLAIN_END.search(line)
            found = line[: match.start()] if match else line
        found = printable(_BREAK.split(found, maxsplit=1)[0].rstrip())
        return found if len(found) <= 60 else found[:57] + "..."

    def excerpt(self, offset: int, line: int, column: int) -> str:
        """The line of a place with a caret below, cut to a window when it is long."""
        start = offset - column
        match = _BREAK.search(self.text, offset)
        left = max(start, offset - _WIDTH // 2) if column > _WIDTH - 16 else start
        right = min(match.start() if match else len(self.text), left + _WIDTH)
        shown = printable(self.text[left:right])
        caret = _columns(printable(self.text[left:offset]))
        number = str(line + 1)
        return f"  {number} | {shown}\n  {' ' * len(number)} | {' ' * caret}^"


def printable(text: str) -> str:
    """`text` without characters that would move a terminal's cursor or colour it."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else " " if char == "\t" else "�" for char in text)


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


class Branch:
    """The marks of a mapping or list: its own, those of its keys, those of its values."""

    __slots__ = ("children", "keys", "place")

    def __init__(self, place: int, children: dict[str, Mark] | list[Mark], keys: dict[str, int] | None = None) -> None:
        self.place = place
        self.children = children
        self.keys = keys if keys is not None else {}

    def child(self, step: str | int) -> Mark | None:
        """The mark of a value, None when there is none."""
        if isinstance(self.children, dict):
            return self.children.get(step) if isinstance(step, str) else None
        return self.children[step] if isinstance(step, int) and -1 < step < len(self.children) else None


Mark = Branch | int


@dataclass(frozen=True, slots=True)
class Marks:
    """Where each part of the declaration is written."""

    sources: tuple[Source, ...]
    tree: Branch = field(repr=False)

    def at(self, path: Iterable[str | int]) -> Location:
        """The place of a path, or of its closest ancestor that is written.

        A mapping or list is shown at its key, a single value where it stands.
        """
        return self.location(self.place(path))

    def at_key(self, path: Iterable[str | int]) -> Location:
        """The place of the key that a path ends with, or of its closest ancestor that is written."""
        return self.location(self.place(path, key=True))

    def place(self, path: Iterable[str | int], *, key: bool = False) -> int:
        """The packed mark of a path; see `at` and `at_key`."""
        mark: Mark = self.tree
        best = self.tree.place
        for step in path:
            child = mark.child(step) if isinstance(mark, Branch) else None
            if child is None or not isinstance(mark, Branch):
                break
            at_key = mark.keys.get(step) if isinstance(step, str) else None
            own = child.place if isinstance(child, Branch) else child
            best = at_key if at_key is not None and (key or isinstance(child, Branch)) else own
            mark = child
        return best

    def location(self, place: int) -> Location:
        """A packed mark as a file, line and column that count from 1."""
        source = self.sources[place >> (3 * _BITS)]
        return Location(source.name, (place >> _BITS & _MASK) + 1, (place & _MASK) + 1)

    def word(self, place: int) -> str:
        """The scalar at a packed mark as it is written."""
        return self.sources[place >> (3 * _BITS)].word_at(place >> (2 * _BITS) & _MASK)

    def problem(
        self,
        code: str,
        path: Path,
        reason: str,
        hint: str = "",
        *,
        key: bool = False,
        subject: str | None = None,
        hidden: bool = False,
    ) -> Permanent:
        """An error about a path of the declaration, with its place and excerpt.

        Args:
            code: see `CausewayError`.
            path: what the error is about; the closest ancestor that is written is shown.
            reason: what was found and what is allowed.
            hint: what to do.
            key: show the key and not its value.
            subject: what it is about, when it is not the path.
            hidden: give no excerpt, since it may hold a secret.
        """
        place = self.place(path, key=key)
        subject = dotted(path) if subject is None else subject
        if hidden:
            return Permanent(code, reason, subject=subject, where=self.location(place), hint=hint)
        return self.problem_at(code, place, reason, hint, subject=subject)

    def problem_at(self, code: str, place: int, reason: str, hint: str = "", *, subject: str = "") -> Permanent:
        """An error about a packed mark, with its excerpt."""
        source = self.sources[place >> (3 * _BITS)]
        excerpt = source.excerpt(place >> (2 * _BITS) & _MASK, place >> _BITS & _MASK, place & _MASK)
        where = self.location(place)
        return Permanent(code, reason, subject=subject, where=where, hint=hint, excerpt=excerpt)


def dotted(path: Iterable[str | int]) -> str:
    """A path as errors show it: `clusters.a.pools.b`, `workloads.c.serve[0]`; long keys are cut."""
    out = ""
    for step in path:
        if isinstance(step, int):
            out += f"[{step}]"
        else:
            word = printable(step if len(step) <= 64 else step[:61] + "...")
            out += f".{word}" if out else word
    return out
