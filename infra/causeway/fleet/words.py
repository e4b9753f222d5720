"""Says in the house's words what the models refuse: what was found, what belongs there, what to do.

One table holds a sentence for each kind of refusal that pydantic knows and the models can meet.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from causeway.errors import Permanent
from causeway.fleet.places import Marks, Path, dotted, printable
from causeway.fleet.problems import Collector, choice, listed, nearest
from causeway.fleet.shape import fields_at

# the models' patterns -> what belongs there
PATTERNS: dict[str, str] = {
    r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$": "lower-case letters, digits and hyphens, 63 at most, such as cn-north-2",
    r"^[0-9A-Za-z][0-9A-Za-z.+:~_-]*$": "a version of letters, digits and . + : ~ _ -, such as 25.5.0",
    r"^[A-Z]{2}$": "a country as two capital letters of ISO 3166, such as CN",
    r"^[A-Z]{3}$": "a currency as three capital letters of ISO 4217, such as USD",
    r"^1\.\d{1,2}$": 'Kubernetes\' minor version in quotes, such as "1.34"',
    r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$": "two times of day, such as 22:00-06:00",
    r"^sha256:[0-9a-f]{64}$": "sha256: and 64 hexadecimal digits",
    r"^(?:[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*)?$": "folders, such as clusters/live",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """One refusal of the models, freed of pydantic's way of naming alternatives."""

    kind: str
    path: Path
    of_key: bool
    context: Mapping[str, Any]
    value: Any
    word: str = ""

    @property
    def found(self) -> str:
        """What stands there."""
        return f"found {describe(self.value, self.word)}"


def describe(value: Any, word: str = "") -> str:
    """A value of the declaration as a sentence names it."""
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        read = "true" if value else "false"
        return f"{word}, which YAML reads as {read}" if word and word.casefold() != read else read
    if isinstance(value, int | float):
        return f"the number {word or value}"
    if isinstance(value, str):
        return f'"{printable(value[:60])}{"..." if len(value) > 60 else ""}"'
    return "a list" if isinstance(value, list) else "a mapping"


Sentence = tuple[str, str, str]  # code, reason, what to do


_MOST = 1_000  # refusals of one declaration that are looked at
_NOT_THERE = object()
_HIDDEN = "(not shown)"
_NO_VALUES = "name only where the value comes from (from, name); if a value stood here, take it out and change it"
_COUNTRIES = ("country", "headquarters")
_SECRET_KEY = re.compile(r"(^|_)(key|apikey|token|secret|passw(or)?d|passphrase|credentials?)s?$")


def _text(refusal: Refusal) -> Sentence:
    word = refusal.word.upper() if refusal.path[-1] in _COUNTRIES else refusal.word
    quote = f'quote it: "{word}"' if isinstance(refusal.value, bool | int | float) else "write one text"
    if isinstance(refusal.value, float):
        quote += "; as a number it has lost the zeros at its end"
    return "wrong-type", f"{refusal.found}; a text belongs here", quote


def _typed(what: str, hint: str) -> Callable[[Refusal], Sentence]:
    return lambda refusal: ("wrong-type", f"{refusal.found}; {what} belongs here", hint)


def _mapping(refusal: Refusal) -> Sentence:
    fields = fields_at(refusal.path)
    hint = f"fields: {listed(fields)}" if fields else "write it as key: value"
    return "wrong-type", f"{refusal.found}; a mapping belongs here", hint


def _bound(words: str, key: str) -> Callable[[Refusal], Sentence]:
    return lambda refusal: (
        "out-of-range",
        f"{refusal.found}; {words} {_plain(refusal.context.get(key))} is allowed",
        "write a number in that range",
    )


def _plain(number: Any) -> str:
    return (
        f"{number:,}"
        if isinstance(number, int) and number > 9_999
        else f"{number:g}"
        if isinstance(number, float)
        else str(number)
    )


def _literal(refusal: Refusal) -> Sentence:
    allowed = [word.strip("'") for word in str(refusal.context.get("expected", "")).replace(" or ", ", ").split(", ")]
    near = nearest(refusal.value, allowed) if isinstance(refusal.value, str) else None
    return (
        "not-allowed",
        f"{refusal.found}; allowed: {', '.join(allowed)}",
        f"did you mean {near}?" if near else "use one of them",
    )


def _pattern(refusal: Refusal) -> Sentence:
    belongs = PATTERNS.get(str(refusal.context.get("pattern")), "another form of text")
    if refusal.of_key:
        return (
            "bad-key",
            f'the key "{printable(str(refusal.path[-1])[:60])}" is not allowed; a key is {belongs}',
            "rename it",
        )
    return "bad-form", f"{refusal.found}; what belongs here is {_rule(belongs)}", _example(belongs)


def _rule(words: str) -> str:
    """A sentence without its example."""
    return words.partition(", such as ")[0]


def _example(words: str) -> str:
    """The example of a sentence as what to do."""
    example = words.partition(", such as ")[2]
    return f"write it like {example}" if example else "correct it"


def _too_long(refusal: Refusal) -> Sentence:
    return (
        "too-long",
        f"found {len(refusal.value)} characters; at most {refusal.context.get('max_length')} are allowed",
        "shorten it",
    )


def _own(refusal: Refusal) -> Sentence:
    words = str(refusal.context.get("error", "it is not allowed here"))
    return "bad-value", f"{refusal.found}: {_rule(words)}", _example(words)


def _unknown_field(refusal: Refusal) -> Sentence:
    fields = fields_at(refusal.path[:-1])
    if refusal.path[0] == "secrets":
        return "unknown-field", f"unknown field {printable(str(refusal.path[-1])[:60])}", _NO_VALUES
    if refusal.path[-1] in fields:
        return (
            "unknown-field",
            f"{refusal.path[-1]} excludes the other field beside it",
            f"keep one of {listed(fields)}",
        )
    return (
        "unknown-field",
        f"unknown field {printable(str(refusal.path[-1])[:60])}",
        choice(str(refusal.path[-1]), fields, "fields"),
    )


def _missing(refusal: Refusal) -> Sentence:
    name = str(refusal.path[-1])
    field = fields_at(refusal.path[:-1]).get(name)
    return (
        "missing-field",
        f"the field {name} is missing",
        f"add {name}: {_first_sentence(field.description) if field else ''}".rstrip(": "),
    )


def _first_sentence(text: str | None) -> str:
    return (text or "").replace("\n", " ").split(". ")[0].rstrip(".")


_number = _typed("a number", "write it without quotes and unit")
_whole = _typed("a whole number", "write it without quotes, fraction and unit")
_list = _typed("a list", "write it in brackets: [a, b], or as lines that begin with -")

SENTENCES: dict[str, Callable[[Refusal], Sentence]] = {
    "string_type": _text,
    "int_type": _whole,
    "int_from_float": _whole,
    "int_parsing_size": _whole,
    "float_type": _number,
    "finite_number": _number,
    "decimal_type": _number,
    "bool_type": _typed("true or false", "write true or false, without quotes"),
    "literal_error": _literal,
    "string_pattern_mismatch": _pattern,
    "string_too_long": _too_long,
    "greater_than_equal": _bound("at least", "ge"),
    "less_than_equal": _bound("at most", "le"),
    "model_type": _mapping,
    "model_attributes_type": _mapping,
    "dict_type": _mapping,
    "tuple_type": _list,
    "value_error": _own,
    "extra_forbidden": _unknown_field,
    "missing": _missing,
}


def _otherwise(refusal: Refusal) -> Sentence:
    return (
        "bad-value",
        f"{refusal.found}, which is not allowed here",
        "look at this field in docs/reference/declaration.md",
    )


def explain(error: ValidationError, document: Any, marks: Marks, problems: Collector) -> list[Path] | None:
    """Tell every refusal, and give the paths at which something is wrong; None when they are too many to go on.

    Args:
        error: what the models raised.
        document: the data that they refused.
        marks: for the places of errors.
        problems: receives the errors.
    """
    lines = error.errors(include_url=False, include_input=False)
    problems.skip(max(0, len(lines) - _MOST))
    refusals = [_refusal(line, document) for line in lines[:_MOST]]
    for refusal in _without_echoes(refusals):
        if problems.full:
            problems.skip()
        else:
            problems.add(_problem(replace(refusal, word=marks.word(marks.place(refusal.path))), marks))
    return [refusal.path for refusal in refusals] if len(lines) <= _MOST else None


def _problem(refusal: Refusal, marks: Marks) -> Permanent:
    beside_another = refusal.kind == "extra_forbidden" and refusal.path[-1] in fields_at(refusal.path[:-1])
    hidden = _may_hold_a_secret(refusal.path) and not beside_another
    shown = replace(refusal, word="", value=_HIDDEN) if hidden and isinstance(refusal.value, str) else refusal
    code, reason, hint = SENTENCES.get(refusal.kind, _otherwise)(shown)
    at_key = refusal.of_key or refusal.kind == "extra_forbidden"
    subject = dotted(refusal.path[:-1] if at_key or refusal.kind == "missing" else refusal.path)
    return marks.problem(code, refusal.path, reason, hint, key=at_key, subject=subject, hidden=hidden)


def _may_hold_a_secret(path: Path) -> bool:
    """Whether somebody may have written a secret's value where its name belongs, or under a field of their own."""
    last = str(path[-1]).lower().replace("-", "_") if path else ""
    return path[:1] == ("secrets",) or _SECRET_KEY.search(last) is not None


def _refusal(line: ErrorDetails, document: Any) -> Refusal:
    """A refusal with its path in the document, without the names of alternatives that pydantic puts into it."""
    path: list[str | int] = []
    value: Any = document
    location = line["loc"]
    for at, step in enumerate(location):
        below = _child(value, step)
        if below is not _NOT_THERE:
            value = below
        elif line["type"] == "missing" and at == len(location) - 1:
            value = None
        else:
            continue
        path.append(step)
    of_key = location[-1:] == ("[key]",) and path[-1:] != ["[key]"]
    return Refusal(line["type"], tuple(path), of_key, line.get("ctx", {}), value)


def _child(value: Any, step: str | int) -> Any:
    if isinstance(value, list):
        return value[step] if isinstance(step, int) else _NOT_THERE
    return value.get(step, _NOT_THERE) if isinstance(value, dict) else _NOT_THERE


def _without_echoes(refusals: Iterable[Refusal]) -> Iterator[Refusal]:
    """The refusals without a missing field that an unknown one beside it was meant to be."""
    strangers: dict[Path, list[str]] = {}
    for refusal in refusals:
        if refusal.kind == "extra_forbidden":
            strangers.setdefault(refusal.path[:-1], []).append(str(refusal.path[-1]))
    for refusal in refusals:
        beside = strangers.get(refusal.path[:-1], []) if refusal.kind == "missing" else []
        if not beside or not nearest(str(refusal.path[-1]), beside):
            yield refusal
