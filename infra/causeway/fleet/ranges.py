"""Host ranges in Ansible's syntax: `a-[01:16]`, `a-[0:30:10]`, `rack-[a:c]-[1:4]`; counted before they are expanded.

Source of the syntax: "Adding ranges of hosts" of Ansible's inventory guide, and `_expand_hostpattern` of
ansible-core's inventory plugins.
"""

from __future__ import annotations

import ipaddress
import re
import string
from dataclasses import dataclass
from itertools import product

_PART = re.compile(r"\[([^\[\]]*)\]")
_DNS_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
_LONGEST_PATTERN = 512
_MOST_RANGES = 4
_DIGITS = 9


class RangeProblem(ValueError):
    """A range that cannot be meant; the message is for people."""

    def __init__(self, reason: str, hint: str) -> None:
        super().__init__(reason)
        self.hint = hint


def is_dns_name(name: str) -> bool:
    """Whether a host may be called so: lower-case DNS labels, as Kubernetes wants its node names."""
    return _DNS_NAME.fullmatch(name) is not None


def is_address(text: str) -> bool:
    """Whether a host can be reached at a text: a DNS name, or an IP address."""
    if is_dns_name(text.lower()):
        return True
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class _Span:
    """One bracket: numbers, padded to a width, or letters."""

    first: int
    last: int
    step: int
    width: int = 0
    letters: bool = False

    @property
    def count(self) -> int:
        return (self.last - self.first) // self.step + 1

    @property
    def outermost(self) -> tuple[int, int]:
        return self.first, self.first + (self.count - 1) * self.step

    def words(self) -> list[str]:
        if self.letters:
            return list(string.ascii_letters[self.first : self.last + 1 : self.step])
        return [f"{number:0{self.width}d}" for number in range(self.first, self.last + 1, self.step)]


@dataclass(frozen=True, slots=True)
class HostRange:
    """A parsed pattern: texts between spans, `texts[0] span[0] texts[1] ...`."""

    texts: tuple[str, ...]
    spans: tuple[_Span, ...]

    @property
    def count(self) -> int:
        """How many hosts it names."""
        total = 1
        for span in self.spans:
            total *= span.count
        return total

    def names(self) -> list[str]:
        """The hosts, in the order in which Ansible expands them."""
        if len(self.spans) == 1:
            head, tail = self.texts
            return [f"{head}{word}{tail}" for word in self.spans[0].words()]
        words = [span.words() for span in self.spans]
        return [
            self.texts[0] + "".join(word + text for word, text in zip(row, self.texts[1:], strict=True))
            for row in product(*words)
        ]

    def ends(self) -> tuple[str, str]:
        """The first and the last host; when both names are valid, those between are."""
        first, last = self.texts[0], self.texts[0]
        for span, text in zip(self.spans, self.texts[1:], strict=True):
            words = [_Span(at, at, 1, span.width, span.letters).words()[0] for at in span.outermost]
            first, last = first + words[0] + text, last + words[1] + text
        return first, last


def parse_range(pattern: str) -> HostRange:
    """A host name or range pattern.

    Raises:
        RangeProblem: when it is neither, with the part that is wrong.
    """
    if len(pattern) > _LONGEST_PATTERN:
        raise RangeProblem(
            f"a pattern of {len(pattern)} characters is longer than host names can be", "write it as several patterns"
        )
    if "," in pattern or " " in pattern.strip():
        raise RangeProblem(
            "one text names one pattern", "write several patterns as a list: [a-[01:04], b-[01:04]], each in quotes"
        )
    pieces = _PART.split(pattern)
    texts, inner = tuple(pieces[::2]), pieces[1::2]
    if any(bracket in text for text in texts for bracket in "[]"):
        raise RangeProblem("a bracket has no partner", "write a range as name-[01:16]")
    if len(inner) > _MOST_RANGES:
        raise RangeProblem(f"{len(inner)} ranges in one pattern", f"use at most {_MOST_RANGES}")
    found = HostRange(texts, tuple(_span(part) for part in inner))
    for name in found.ends():
        if not is_dns_name(name):
            raise RangeProblem(
                f"{name[:80]!r} is not a valid host name",
                "use lower-case letters, digits and hyphens; dots between labels; 63 characters a label",
            )
    return found


def _span(part: str) -> _Span:
    bounds = part.split(":")
    if len(bounds) not in {2, 3}:
        raise RangeProblem(f"[{part[:40]}] is not a range", "write [first:last] or [first:last:step], such as [01:16]")
    first, last = bounds[0] or "0", bounds[1]
    step = _number(bounds[2], part) if len(bounds) == 3 else 1
    if step < 1:
        raise RangeProblem(f"[{part}] has a step of 0", "use a step of at least 1")
    if len(first) == len(last) == 1 and first.isalpha() and last.isalpha() and (first + last).isascii():
        span = _Span(string.ascii_letters.index(first), string.ascii_letters.index(last), step, letters=True)
    else:
        span = _Span(_number(first, part), _number(last, part), step, len(first) if first[0] == "0" else 0)
        if len(first) > 1 and first[0] == "0" and len(first) != len(last):
            raise RangeProblem(
                f"[{part}] begins with {len(first)} digits and ends with {len(last)}",
                "with leading zeros both ends need the same number of digits",
            )
    if span.last < span.first:
        raise RangeProblem(f"[{part}] ends before it begins", "write the lower end first")
    return span


def _number(text: str, part: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise RangeProblem(
            f"[{part[:40]}]: {text[:20] or 'nothing'!r} is not a number",
            "write [first:last] or [first:last:step], such as [01:16] or [a:f]",
        )
    if len(text) > _DIGITS:
        raise RangeProblem(f"[{part[:40]}] has a number of {len(text)} digits", f"use at most {_DIGITS} digits")
    return int(text)
