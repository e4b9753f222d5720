"""Reads the entries of plays and tasks, in each of the ways in which Ansible lets them be written."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

_LOOKUP = re.compile(
    r"""(?:lookup|query|q)\(\s*['"](?:ansible\.builtin\.)?(file|template)['"]\s*,\s*['"]([^'"]+)['"]"""
)
_TEMPLATE = re.compile(r"\{\{.*?\}\}")
_HIDE = str.maketrans({" ": "\x01", "'": "\x02", '"': "\x03"})
_SHOW = str.maketrans({"\x01": " ", "\x02": "'", "\x03": '"'})
_DOCUMENTING = frozenset({"description", "short_description", "author", "version_added"})


def action(entry: Mapping[str, Any], name: str) -> Any:
    """What an entry gives one of Ansible's own actions, with its collection's name or without."""
    return entry.get(f"ansible.builtin.{name}", entry.get(name))


def called(key: str, value: Any) -> tuple[str, Mapping[str, Any]]:
    """Module and arguments of an entry of a task, whichever of Ansible's ways it is written in."""
    given: Mapping[str, Any] = value if isinstance(value, Mapping) else _plain_arguments(value)
    if key in ("action", "local_action"):
        key, _, rest = value.partition(" ") if isinstance(value, str) else (str(given.get("module")), "", "")
        given = _plain_arguments(rest) if isinstance(value, str) else given
    return key.removeprefix("ansible.builtin.").removeprefix("ansible.legacy."), given


def _plain_arguments(value: Any) -> dict[str, str]:
    """`src=a dest=/b` as a mapping, and the first word that is no such pair as `_plain`."""
    found: dict[str, str] = {}
    for word in _split(value) if isinstance(value, str) else ():
        key, sign, text = word.partition("=")
        if sign and key.isidentifier():
            found[key] = text
        else:
            found.setdefault("_plain", word)
    return found


def _split(text: str) -> list[str]:
    """Words, with quotes as a shell reads them; a template is one word whatever stands in it."""
    held = _TEMPLATE.sub(lambda match: match.group().translate(_HIDE), text)
    try:
        words = shlex.split(held)
    except ValueError:
        words = held.split()
    return [word.translate(_SHOW) for word in words]


def mapping(value: Any) -> Mapping[str, Any]:
    """The value where it is a mapping, and nothing where it is not."""
    return value if isinstance(value, Mapping) else {}


def lookups(value: Any) -> Iterator[tuple[str, str]]:
    """Kind (`file` or `template`) and name of each lookup with a written-out name, at any depth."""
    if isinstance(value, str):
        yield from _LOOKUP.findall(value)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from lookups(item)
    elif isinstance(value, list):
        for item in value:
            yield from lookups(item)


def undocumented(value: Any) -> Any:
    """Argument specifications without their texts. An option that is called `description` is no text and stays."""
    if isinstance(value, list):
        return [undocumented(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    return {
        key: {name: undocumented(spec) for name, spec in item.items()}
        if key == "options" and isinstance(item, Mapping)
        else undocumented(item)
        for key, item in value.items()
        if key not in _DOCUMENTING
    }
