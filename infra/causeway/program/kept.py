"""Keeps documents between runs, by the digest of everything that they were made from.

A preview of a stack in which nothing changed must not pay for reading 50,000 hosts again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

_MOST_FILES = 40
_LEFT_OUT = frozenset({"__pycache__", ".git", ".causeway"})


def digest_of_folders(folders: Iterable[Path]) -> str:
    """SHA-256 over names and bytes of every file below these folders."""
    digest = hashlib.sha256()
    for folder in folders:
        for path in _files(folder):
            content = path.read_bytes()
            digest.update(f"{path.relative_to(folder)}\0{len(content)}\0".encode())
            digest.update(content)
        digest.update(b"\0\0")
    return digest.hexdigest()


def stamp_of_code(package: Path) -> str:
    """Names, sizes and times of a package's files: which build of it this is, without reading it."""
    digest = hashlib.sha256()
    for path in _files(package):
        told = path.stat()
        digest.update(f"{path.relative_to(package)}\0{told.st_size}\0{told.st_mtime_ns}\0".encode())
    return digest.hexdigest()


def _files(folder: Path) -> list[Path]:
    found = []
    for at, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _LEFT_OUT)
        found += [Path(at, name) for name in sorted(files) if not name.endswith((".pyc", ".swp", "~"))]
    return [path for path in found if path.is_file()]


class Kept:
    """Texts by key, in a folder. What cannot be read or written is done without.

    Args:
        folder: made when it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, key: str) -> str | None:
        """A text; None when it is not kept."""
        path = self._folder / f"{key}.json"
        try:
            text = path.read_text(encoding="utf-8")
            os.utime(path)
        except (OSError, UnicodeDecodeError):
            return None
        return text

    def put(self, key: str, text: str) -> None:
        """Keep a text, and drop the oldest of too many."""
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=self._folder, suffix=".new")
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            Path(name).replace(self._folder / f"{key}.json")
            self._sweep()

    def _sweep(self) -> None:
        files = sorted(self._folder.glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in files[_MOST_FILES:]:
            path.unlink(missing_ok=True)
