"""What a plain (unquoted) YAML scalar means here. Readings on which YAML's versions disagree are errors or texts.

Days and times of day stay texts, whose fields check them; YAML 1.1 would read `22:30` as the number 1350.
"""

from __future__ import annotations

import re

_NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_BOOLS = {
    word: value
    for value, words in ((True, ("true", "yes", "on")), (False, ("false", "no", "off")))
    for base in words
    for word in (base, base.capitalize(), base.upper())
}
_NUMBER_STARTS = frozenset("+-.0123456789")
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9_]*)")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9_]+")
_OTHER_BASE = re.compile(r"[-+]?0[xob][0-9a-fA-F_]+")
_FLOAT = re.compile(r"[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_LONGEST_NUMBER = 40

Scalar = str | int | float | bool | None


class AmbiguousScalar(ValueError):
    """A scalar that has to be written in another way; the message is for people."""


def read_plain(text: str) -> Scalar:
    """The value of a plain scalar.

    Raises:
        AmbiguousScalar: for a number with a leading zero, of another base, not finite, or absurdly long.
    """
    if text in _NULLS:
        return None
    if text in _BOOLS:
        return _BOOLS[text]
    return _number(text) if text[0] in _NUMBER_STARTS else text


def _number(text: str) -> Scalar:
    if len(text) > _LONGEST_NUMBER:
        if text.strip("+-0123456789_.") == "":
            raise AmbiguousScalar(f"a number of {len(text)} characters is longer than any amount here")
        return text
    if _INT.fullmatch(text):
        return int(text.replace("_", ""))
    if _LEADING_ZERO.fullmatch(text) or _OTHER_BASE.fullmatch(text):
        raise AmbiguousScalar("programs read such a number as octal, hexadecimal or decimal, each in its own way")
    if _NOT_FINITE.fullmatch(text):
        raise AmbiguousScalar("only finite numbers are allowed")
    if _FLOAT.fullmatch(text):
        value = float(text.replace("_", ""))
        if abs(value) == float("inf"):
            raise AmbiguousScalar("only finite numbers are allowed")
        return value
    return text
