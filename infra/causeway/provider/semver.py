"""Causeway's version as the engine reads versions: semantic versioning, which Python's versions are not."""

from __future__ import annotations

import re

_RELEASE = re.compile(r"(\d+)(?:\.(\d+))?(?:\.(\d+))?(.*)")


def semantic(version: str) -> str:
    """`0.2.0.dev3+g1a2b` becomes `0.2.0-dev3.g1a2b`; what is missing is 0."""
    found = _RELEASE.match(version)
    if found is None:
        return "0.0.0"
    major, minor, patch, rest = found.groups()
    numbers = f"{int(major)}.{int(minor or 0)}.{int(patch or 0)}"
    words = [word for word in re.split(r"[^0-9A-Za-z-]+", rest) if word]
    return f"{numbers}-{'.'.join(words)}" if words else numbers
