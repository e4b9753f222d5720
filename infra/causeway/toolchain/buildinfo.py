"""The build information that Go writes into each binary: which module versions it was made from.

Read here for tools that print no version. Format: `debug/buildinfo` of Go's standard library, as written since Go 1.18.
"""

from __future__ import annotations

import mmap
from pathlib import Path

_MAGIC = b"\xff Go buildinf:"
_ALIGN = 16
_HEADER = 32
_INLINE_STRINGS = 0x2
_SENTINEL = 16  # bytes before and after the module list


def module_versions(binary: Path) -> dict[str, str]:
    """Module path -> version (`v3.78.1`) for each module in a Go binary; empty for any other file.

    A module that a `replace` directive took from elsewhere has the version of the replacement, or is left out
    when the replacement is a folder: then its version is not known.
    """
    try:
        with binary.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as image:
            return _parse(_module_list(image))
    except (OSError, ValueError):  # ValueError: an empty file cannot be mapped
        return {}


def _module_list(image: mmap.mmap) -> str:
    at = image.find(_MAGIC)
    while at >= 0:
        if at % _ALIGN == 0 and len(image) > at + _HEADER and image[at + 15] & _INLINE_STRINGS:
            _, after = _string(image, at + _HEADER)
            listed, _ = _string(image, after)
            return listed[_SENTINEL:-_SENTINEL].decode(errors="replace")
        at = image.find(_MAGIC, at + 1)
    return ""


def _string(image: mmap.mmap, at: int) -> tuple[bytes, int]:
    """A string with its length before it as a varint, and the offset after it."""
    length = shift = 0
    while True:
        byte = image[at]
        at += 1
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return image[at : at + length], at + length


def _parse(listed: str) -> dict[str, str]:
    versions: dict[str, str] = {}
    last = ""
    for line in listed.splitlines():
        kind, *rest = line.split("\t")
        if kind in {"mod", "dep"} and len(rest) >= 2:
            last = rest[0]
            versions[last] = rest[1]
        elif kind == "=>" and last and len(rest) >= 2:
            versions[last] = rest[1]
    return {module: version for module, version in versions.items() if version.startswith("v")}
