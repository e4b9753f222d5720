"""Compares versions as these vendors write them: `24.1.RC2`, `8.5`, `4.6.2-1`, `0.22.1rc1`, `7.2.RC1.SPC1`.

Spelling does not matter: case, a leading `v`, zeros at the end (`8.5` is `8.5.0`), and a package's revision when one
side leaves it out (`4.6.2` is `4.6.2-1`). A release candidate comes before its release, a post release after it.
"""

from __future__ import annotations

import re
from functools import lru_cache

from causeway.fleet.compatibility_entries import Span, Spec

_TOKEN = re.compile(r"\d+|[a-z]+")
_REVISION = re.compile(r"(?<=\d)-\d[0-9a-z.+~]*$")
_BEFORE = frozenset({"a", "alpha", "b", "beta", "dev", "pre", "preview", "rc"})
_TEXT, _END, _NUMBER, _AFTER = 0, 1, 2, 3

Key = tuple[tuple[int, int, str], ...]


@lru_cache(maxsize=4096)
def tokens(version: str) -> tuple[str, ...]:
    """The numbers and words of a version, in order, in lower case."""
    return tuple(_TOKEN.findall(re.sub(r"^v(?=\d)", "", version.casefold())))


@lru_cache(maxsize=4096)
def key(version: str) -> Key:
    """What versions are ordered by."""
    found: list[tuple[int, int, str]] = []
    for token in tokens(version):
        if token.isdigit():
            found.append((_NUMBER, int(token), ""))
            continue
        _drop_zeros(found)
        found.append((_TEXT if token in _BEFORE else _AFTER, 0, token))
    _drop_zeros(found)
    return (*found, (_END, 0, ""))


def is_candidate(version: str) -> bool:
    """Whether a version comes before its release: `24.1.RC2`, `0.17.0rc1`."""
    return not _BEFORE.isdisjoint(tokens(version))


def _drop_zeros(found: list[tuple[int, int, str]]) -> None:
    while found and found[-1] == (_NUMBER, 0, "") and (len(found) < 2 or found[-2][0] == _NUMBER):
        found.pop()


@lru_cache(maxsize=4096)
def _without_revision(version: str) -> str:
    return _REVISION.sub("", version.casefold())


def same(one: str, other: str) -> bool:
    """Whether two spellings mean one version."""
    if key(one) == key(other):
        return True
    short, other_short = _without_revision(one), _without_revision(other)
    one_bare, other_bare = short == one.casefold(), other_short == other.casefold()
    return one_bare != other_bare and key(short) == key(other_short)


def in_train(version: str, train: str) -> bool:
    """Whether a version belongs to a train, written as `25.5.*`."""
    wanted = tokens(train.removesuffix(".*"))
    found = tokens(version)
    found += ("0",) * (len(wanted) - len(found))
    return [_number(each) for each in found[: len(wanted)]] == [_number(each) for each in wanted]


def _number(token: str) -> int | str:
    return int(token) if token.isdigit() else token


def in_span(version: str, span: Span) -> bool:
    """Whether a version lies in a span, both ends included; an end may be a train."""
    at = key(version)
    above = span.min is None or at >= key(span.min.removesuffix(".*")) or _ends(version, span.min)
    below = span.max is None or at <= key(span.max.removesuffix(".*")) or _ends(version, span.max)
    return above and below


def _ends(version: str, end: str) -> bool:
    return in_train(version, end) if end.endswith(".*") else same(version, end)


def matches(spec: Spec, value: str | None) -> bool:
    """Whether a declared value is what a spec says. Only `none` holds for what is not declared."""
    return any(_chosen(choice, value) for choice in spec.choices)


def _chosen(choice: str | Span, value: str | None) -> bool:
    if value is None:
        return choice == "none"
    if isinstance(choice, Span):
        return in_span(value, choice)
    if choice in ("none", "any"):
        return choice == "any"
    if choice.endswith(".*"):
        return in_train(value, choice)
    return choice.casefold() == value.casefold() or _versions(choice, value)


def _versions(choice: str, value: str) -> bool:
    """Names are compared letter by letter; what has a digit in front (after a `v`) is a version."""
    return all(each.casefold().lstrip("v")[:1].isdigit() for each in (choice, value)) and same(choice, value)


def same_minor(one: str, other: str) -> bool:
    """Whether the first two numbers are equal: `0.13.0` and `0.13.1rc2`."""
    return [*map(_number, (*tokens(one), "0")[:2])] == [*map(_number, (*tokens(other), "0")[:2])]


def written(spec: Spec) -> str:
    """A spec as a sentence says it."""
    return ", ".join(_written(choice) for choice in spec.choices)


def _written(choice: str | Span) -> str:
    if isinstance(choice, str):
        return {"none": "not declared", "any": "any"}.get(choice, choice)
    if choice.max is None:
        return f"{choice.min} or newer"
    return f"{choice.max} or older" if choice.min is None else f"{choice.min} to {choice.max}"
