"""Finds what looks like a secret in any text of the declaration: its place and kind, never to be shown itself.

The value must not come out by another way either: `Hider` takes it out of the texts of all findings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

from causeway.fleet.base import Model, Text
from causeway.fleet.document import Fleet
from causeway.policy.findings import Path
from causeway.policy.rulebook import read

FREE_IN_FORM = frozenset({"values", "variables", "platform", "labels"})
"""Fields whose keys are the user's own, so that a key's name may say that its text is a secret."""
HIDDEN = "(not shown)"
SHORTEST = 9
"""No pattern finds less. Shorter texts under a secret's key stand where no finding quotes them."""
_REMEMBERED = 200
"""Characters of a text up to which what was found in it is remembered."""
_REFERENCE = re.compile(r"^(\$\{.+\}|\{\{.+\}\}|<.+>)$", re.DOTALL)


class SecretPatterns(Model):
    """What a secret looks like."""

    values: dict[Text, Text]
    """Regular expressions by what they find."""
    keys: tuple[Text, ...]
    """Names of keys, without case, hyphens and underscores."""


@dataclass(frozen=True, slots=True)
class Leak:
    """A secret's place."""

    path: Path
    """Up to the text; up to the mapping when the key itself is the secret."""
    kind: str
    value: str


@cache
def _patterns() -> tuple[re.Pattern[str], Mapping[str, str], frozenset[str]]:
    """One expression with a named group for each kind, the kinds by group, and the keys."""
    declared = SecretPatterns.model_validate(read("secret_patterns.yaml"))
    kinds = {f"kind{number}": name for number, name in enumerate(declared.values)}
    parts = (f"(?P<kind{number}>{pattern})" for number, pattern in enumerate(declared.values.values()))
    return re.compile("|".join(parts)), kinds, frozenset(declared.keys)


def _kind(text: str) -> str | None:
    if len(text) < SHORTEST:
        return None
    return _searched(text) if len(text) <= _REMEMBERED else _searched.__wrapped__(text)


@lru_cache(maxsize=8192)
def _searched(text: str) -> str | None:
    """Declarations repeat themselves, and a diff judges two that are nearly the same."""
    expression, kinds, _ = _patterns()
    match = expression.search(text)
    return kinds[match.lastgroup] if match and match.lastgroup else None


def _search(node: object, path: Path, found: list[Leak], *, free: bool) -> None:
    """Add every text below a node that looks like a secret."""
    if isinstance(node, str):
        kind = _kind(node)
        if kind:
            found.append(Leak(path, kind, node))
    elif isinstance(node, dict):
        for key, child in node.items():
            kind = _kind(key) if isinstance(key, str) else None
            if kind:
                found.append(Leak(path, f"{kind} as a key", str(key)))
                continue
            below = (*path, key if isinstance(key, int) else str(key))
            if free and _named_secret(key, child):
                found.append(Leak(below, "a text under the key of a secret", str(child)))
            else:
                _search(child, below, found, free=free or key in FREE_IN_FORM)
    elif isinstance(node, list | tuple):
        for index, child in enumerate(node):
            _search(child, (*path, index), found, free=free)


def _named_secret(key: object, child: object) -> bool:
    name = str(key).lower().replace("-", "").replace("_", "")
    return (
        name in _patterns()[2]
        and isinstance(child, str)
        and bool(child.strip())
        and not _REFERENCE.match(child.strip())
    )


def looks_secret(key: str, value: object) -> bool:
    """Whether a value is, by the key it stands under or by its form, a text that nobody is to see."""
    return isinstance(value, str) and (_named_secret(key, value) or _kind(value) is not None)


def without_secrets(text: str) -> str:
    """A text without what has the form of a secret, each to the end of its word: its form may be only its beginning."""
    return re.sub(rf"(?:{_patterns()[0].pattern})[^\s\"']*", HIDDEN, text)


def leaks(fleet: Fleet) -> tuple[Leak, ...]:
    """Every text of the declaration that looks like a secret; names of declared secrets are none."""
    document = fleet.model_dump(mode="python", by_alias=True, exclude_defaults=True)
    found: list[Leak] = []
    _search(document, (), found, free=False)
    return tuple(leak for leak in found if leak.value not in fleet.secrets)


@dataclass(frozen=True, slots=True)
class Hider:
    """Takes the values of secrets out of texts."""

    values: tuple[str, ...]

    @classmethod
    def of(cls, found: Iterable[Leak]) -> Hider:
        """For the leaks of a declaration, longest value first."""
        return cls(
            tuple(
                sorted(
                    {leak.value for leak in found if len(leak.value) >= SHORTEST},
                    key=lambda value: (-len(value), value),
                )
            )
        )

    def clean(self, text: str) -> str:
        """The text without any of the values."""
        for value in self.values:
            text = text.replace(value, HIDDEN)
        return text
