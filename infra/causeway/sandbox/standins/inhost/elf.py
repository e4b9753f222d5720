"""Kernel module files: an ELF object with nothing but the `.modinfo` section, which is what modinfo and depmod read."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from pathlib import Path

Fields = tuple[tuple[str, str], ...]

_MACHINES = {"x86_64": 62, "aarch64": 183}
_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_NAMES = b"\0.modinfo\0.shstrtab\0"
_PROGBITS, _STRTAB, _ALLOC, _RELOCATABLE = 1, 3, 2, 1


def module_object(fields: Fields) -> bytes:
    """An object file whose `.modinfo` holds the fields in their order."""
    modinfo = b"".join(f"{key}={value}".encode() + b"\0" for key, value in fields)
    start = _HEADER.size
    names_at = start + len(modinfo)
    sections_at = (names_at + len(_NAMES) + 7) // 8 * 8
    ident = b"\x7fELF" + bytes((2, 1, 1)) + bytes(9)
    machine = _MACHINES.get(os.uname().machine, 0)
    header = _HEADER.pack(
        ident, _RELOCATABLE, machine, 1, 0, 0, sections_at, 0, _HEADER.size, 0, 0, _SECTION.size, 3, 2
    )
    sections = (
        _SECTION.pack(0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        + _SECTION.pack(1, _PROGBITS, _ALLOC, 0, start, len(modinfo), 0, 0, 1, 0)
        + _SECTION.pack(10, _STRTAB, 0, 0, names_at, len(_NAMES), 0, 0, 1, 0)
    )
    padding = bytes(sections_at - names_at - len(_NAMES))
    return header + modinfo + _NAMES + padding + sections


def read_fields(path: Path) -> Fields:
    """The fields of a file made by `module_object`; empty for anything else."""
    try:
        data = path.read_bytes()
        sections_at = _HEADER.unpack_from(data)[6]
        _, _, _, _, start, size, *_ = _SECTION.unpack_from(data, sections_at + _SECTION.size)
    except (OSError, struct.error):
        return ()
    return parse(part.decode(errors="replace") for part in data[start : start + size].split(b"\0"))


def parse(lines: Iterable[str]) -> Fields:
    """`key=value` lines as fields; empty lines and comments are left out."""
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return tuple((key, value) for key, mark, value in pairs if mark)


def first(fields: Fields, key: str) -> str:
    """The first value of a key, empty where there is none."""
    return next((value for name, value in fields if name == key), "")


def every(fields: Fields, key: str) -> tuple[str, ...]:
    """All values of a key in their order."""
    return tuple(value for name, value in fields if name == key)
