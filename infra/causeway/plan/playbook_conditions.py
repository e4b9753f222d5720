"""What can be told of a play before it runs: whether its hosts include a pool, and what its templates come to.

Only what is the same for every host of a pool is known here. What a run alone could tell is never guessed: such a
condition may hold, and such a name may be any.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

import jinja2
from jinja2.environment import TemplateExpression
from jinja2.filters import do_default
from jinja2.sandbox import SandboxedEnvironment

from causeway.plan.hostvars import GROUP_KINDS

ANY = "*"
_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_WORDS = re.compile(r"[,:]")
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
# an expression over facts can fail in any of these ways, and each of them only says: not known before the run
_UNDECIDED = (jinja2.TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError)


def _known(value: Any) -> Any:
    """Refuse to conclude anything from a variable's absence: a run may define it."""
    if isinstance(value, jinja2.Undefined):
        raise jinja2.UndefinedError("only a run knows")
    return value


def _defined(value: Any) -> bool:
    _known(value)
    return True


def _undefined(value: Any) -> bool:
    return not _defined(value)


def _default(value: Any, otherwise: Any = "", boolean: bool = False) -> Any:  # noqa: FBT001, FBT002 - Jinja's filter
    return do_default(_known(value), otherwise, boolean)


def _environment() -> SandboxedEnvironment:
    made = SandboxedEnvironment(
        undefined=jinja2.StrictUndefined, finalize=lambda value: "" if value is None else value, autoescape=False
    )
    made.tests |= {"defined": _defined, "undefined": _undefined}
    made.filters |= {"default": _default, "d": _default}
    return made


_ENVIRONMENT = _environment()


@lru_cache(maxsize=4096)
def _expression(text: str) -> TemplateExpression | None:
    try:
        return _ENVIRONMENT.compile_expression(text, undefined_to_none=False)
    except _UNDECIDED:
        return None


@lru_cache(maxsize=4096)
def _template(text: str) -> jinja2.Template | None:
    try:
        return _ENVIRONMENT.from_string(text)
    except _UNDECIDED:
        return None


def possible(when: Any, known: Mapping[str, Any]) -> bool:
    """False only when what is known decides that a condition, or one of a list of them, does not hold."""
    conditions = when if isinstance(when, list) else [when]
    return not any(_decided_false(condition, known) for condition in conditions)


def _decided_false(condition: Any, known: Mapping[str, Any]) -> bool:
    if isinstance(condition, bool):
        return not condition
    expression = _expression(condition) if isinstance(condition, str) and condition.strip() else None
    if expression is None:
        return False
    try:
        return not expression(**known)
    except _UNDECIDED:
        return False


def pattern(name: str, known: Mapping[str, Any]) -> str:
    """A name with what is known filled in, and `*` for each part that only a run knows."""

    def fill(match: re.Match[str]) -> str:
        template = _template(match.group())
        if template is None:
            return ANY
        try:
            return template.render(known)
        except _UNDECIDED:
            return ANY

    return _JINJA.sub(fill, name)


def addressed(hosts: Any, groups: frozenset[str]) -> bool:
    """Whether a play's `hosts` can include hosts of a pool.

    Args:
        hosts: a pattern or a list of them, in Ansible's syntax. A templated one can include any host; so can a group
            that no declaration makes, since a play may make it (`group_by`).
        groups: the pool's groups.
    """
    texts = list(_texts(hosts))
    if any("{" in text for text in texts):
        return True
    words = [word.strip() for text in texts for word in _WORDS.split(text) if word.strip()]
    wanted = [word for word in words if word[0] not in "!&"] or ["all"]  # an imported playbook names no hosts itself
    also = [word[1:] for word in words if word[0] == "&"]
    but = [word[1:] for word in words if word[0] == "!"]
    return (
        any(_matches(word, groups) or _foreign(word) for word in wanted)
        and all(_matches(word, groups) or _foreign(word) for word in also)
        and not any(_matches(word, groups) for word in but)
    )


def _matches(word: str, groups: frozenset[str]) -> bool:
    if word.startswith("~"):
        return any(re.match(word[1:], group) for group in groups)
    return word == "all" or any(fnmatchcase(group, word) for group in groups)


def _foreign(word: str) -> bool:
    kind = word.lstrip("~").partition("_")[0]
    return kind not in GROUP_KINDS and word not in _LOCAL


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
