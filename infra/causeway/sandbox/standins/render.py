"""Templates: files of this package's data in which `@NAME@` stands for a value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

MARK = re.compile(r"@([A-Z][A-Z0-9_]*)@")


def render(text: str, values: Mapping[str, str]) -> str:
    """The text with every mark replaced.

    Raises:
        KeyError: a mark that has no value; the message names it.
    """
    return MARK.sub(lambda found: values[found.group(1)], text)


@cache
def template(name: str) -> str:
    """A template by its name below data/templates."""
    return (files("causeway.sandbox.standins") / "data" / "templates" / name).read_text()
