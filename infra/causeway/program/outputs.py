"""Lets a declaration hold Outputs: each stands as a text of its own while the plan is made, and takes its place again.

So the plan, and with it the tree of resources, is there at once; what an Output will say is known when the engine
resolves it, and a preview calls unknown exactly what follows from it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

_STAND_IN = "0.0.0-output.{number}.end"
_URL = "http://output-{number}.invalid"
_FOUND = re.compile(r"0\.0\.0-output\.(\d+)\.end|http://output-(\d+)\.invalid")


@dataclass(frozen=True, slots=True)
class Url:
    """An Output where the declaration takes a URL alone."""

    output: pulumi.Output[str]


def told(text: str) -> str:
    """A text for people, with words for what no Output has said yet."""
    return _FOUND.sub("(an output)", text)


class StandIns:
    """Texts that stand for Outputs."""

    def __init__(self) -> None:
        self._outputs: list[pulumi.Output[Any]] = []

    def put(self, value: Any) -> Any:
        """A value with each Output in it replaced by its text."""
        if isinstance(value, Url):
            return self._stand_in(_URL, value.output)
        if isinstance(value, pulumi.Output):
            return self._stand_in(_STAND_IN, value)
        if isinstance(value, Mapping):
            return {name: self.put(item) for name, item in value.items() if item is not None}
        if isinstance(value, list | tuple):
            return [self.put(item) for item in value]
        return value

    def _stand_in(self, text: str, output: pulumi.Output[Any]) -> str:
        self._outputs.append(output)
        return text.format(number=len(self._outputs) - 1)

    def take(self, value: Any) -> Any:
        """A value with the Outputs in their places again; a text that holds one becomes an Output itself."""
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, Mapping):
            return {name: self.take(item) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.take(item) for item in value]
        return value

    def _text(self, text: str) -> Any:
        parts: list[pulumi.Input[str]] = []
        end = 0
        for found in _FOUND.finditer(text):
            if found.start() > end:
                parts.append(text[end : found.start()])
            parts.append(self._outputs[int(found[1] or found[2])])
            end = found.end()
        if not parts:
            return text
        if end < len(text):
            parts.append(text[end:])
        return parts[0] if len(parts) == 1 else pulumi.Output.concat(*parts)
