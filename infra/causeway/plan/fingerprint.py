"""Fingerprints of what a host should be: `intent` from values, `code` from the Ansible files that are reached.

`intent` drives rollouts, so nothing enters it that does not describe the host: no comment, no order of keys, no
default of Causeway's own. A secret enters as a keyed digest, so that the fingerprint can be shown.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

INTENT_LENGTH = 12
CODE_LENGTH = 8
SECRET_KEY = "secret"  # noqa: S105 - the word of the declaration, not a value
"""A variable `{secret: NAME}` stands for the value of a declared secret."""


@dataclass(frozen=True, slots=True, repr=False)
class Seal:
    """The key and values with which secrets enter fingerprints. It never prints what it holds.

    Args:
        key: HMAC key, one per stack; without it only the secrets' names enter.
        values: values by the secrets' names; a name without a value enters as a name.
    """

    key: bytes | None = None
    values: Mapping[str, str] = field(default_factory=dict)

    def of(self, name: str) -> str | None:
        """Keyed digest of a secret's name and value; None without a key or a value."""
        value = self.values.get(name)
        if self.key is None or value is None:
            return None
        # the name's length first, so that no other pair of name and value gives the same text
        return hmac.new(self.key, f"{len(name)}:{name}{value}".encode(), hashlib.sha256).hexdigest()


UNSEALED = Seal()


def canonical(value: Any) -> str:
    """One text for one meaning: JSON with sorted keys; days as ISO texts.

    Raises:
        TypeError: the value holds something that YAML cannot say.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_plain)


def digest(value: Any) -> str:
    """SHA-256 of a value's canonical text, in hexadecimal."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no canonical form")


def intent(variables: Mapping[str, Any], seal: Seal = UNSEALED) -> str:
    """Fingerprint of a host's versions and effective variables.

    Args:
        variables: every variable that describes the host, versions among them (`hostvars.effective`).
        seal: key and values of the secrets that variables name.
    """
    return SharedIntent(variables, seal).of({})


class SharedIntent:
    """Intents of hosts that have most of their variables in common, whose canonical text is made once.

    Args:
        variables: the variables that they have in common.
        seal: key and values of the secrets that variables name.
    """

    def __init__(self, variables: Mapping[str, Any], seal: Seal = UNSEALED) -> None:
        self._seal = seal
        self._texts = {name: self._text(name, variables[name]) for name in sorted(variables)}

    def _text(self, name: str, value: Any) -> str:
        return f"{canonical(name)}:{canonical(_sealed(value, self._seal))}"

    def of(self, own: Mapping[str, Any]) -> str:
        """The intent of a host with these variables over the common ones."""
        texts = self._texts | {name: self._text(name, value) for name, value in own.items()}
        names = texts if len(texts) == len(self._texts) else sorted(texts)
        text = ",".join(texts[name] for name in names)
        return hashlib.sha256(f"{{{text}}}".encode()).hexdigest()[:INTENT_LENGTH]


def _sealed(value: Any, seal: Seal) -> Any:
    if isinstance(value, str):  # by far the most common, and the look for mappings costs most
        return value
    if isinstance(value, float) and value.is_integer():  # YAML's 400.0 is the 400 that the engine's state gives back
        return int(value)
    name = _secret_name(value)
    if name is not None:
        return {SECRET_KEY: name, "digest": seal.of(name)}
    if isinstance(value, Mapping):
        return {key: _sealed(item, seal) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_sealed(item, seal) for item in value]
    return value


def _secret_name(value: Any) -> str | None:
    if isinstance(value, Mapping) and len(value) == 1 and isinstance(value.get(SECRET_KEY), str):
        return str(value[SECRET_KEY])
    return None


def secret_names(value: Any) -> Iterator[str]:
    """Names of the secrets that a variable's value stands for, or holds somewhere inside."""
    name = _secret_name(value)
    if name is not None:
        yield name
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from secret_names(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from secret_names(item)


def desired_state(state: str, intent_text: str, code: str | None) -> str:
    """The one short string that says what a host should be.

    Args:
        state: the host's declared state.
        intent_text: its intent.
        code: fingerprint of the code that its play reaches; None when no playbooks were read.

    Returns:
        `ok INTENT CODE` for a host in service or joining, so that a host which has joined does not change;
        `out_of_service` for a host that is left alone.
    """
    if state == "out_of_service":
        return state
    return f"ok {intent_text} {code}" if code else f"ok {intent_text}"
