"""Lets a declaration hold Outputs: each stands as a text of its own while the plan is made, and takes its place again.

So the plan, and with it the tree of resources, is there at once; what an Output will say is known when the engine
resolves it, and a preview calls unknown exactly what follows from it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pulumi

_STAND_IN = "0.0.0-output.{number}.end"
_FOUND = re.compile(r"0\.0\.0-output\.(\d+)\.end")


class StandIns:
    """Texts that stand for Outputs."""

    def __init__(self) -> None:
        self._outputs: list[pulumi.Output[Any]] = []

    def put(self, value: Any) -> Any:
        """A value with each Output in it replaced by its text."""
        if isinstance(value, pulumi.Output):
            self._outputs.append(value)
            return _STAND_IN.format(number=len(self._outputs) - 1)
        if isinstance(value, Mapping):
            return {name: self.put(item) for name, item in value.items() if item is not None}
        if isinstance(value, list | tuple):
            return [self.put(item) for item in value]
        return value

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
        whole = _FOUND.fullmatch(text)
        if whole is not None:
            return self._outputs[int(whole[1])]
        pieces = _FOUND.split(text)
        if len(pieces) == 1:
            return text
        parts = [self._outputs[int(piece)] if at % 2 else piece for at, piece in enumerate(pieces)]
        return pulumi.Output.concat(*parts)
