"""What is kept of an Ansible run below `<home>/runs/`: its log, without secrets, and nothing of its environment."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

LOG = "ansible.log"
HIDDEN = "********"
_TERMINAL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_SHORTEST = 4
"""Shorter texts are no secrets, and hiding them would garble the log."""
_TAIL = 3


def scrub(text: str, secrets: Iterable[str]) -> str:
    """A text without secrets and without terminal commands.

    A secret is found also where its lines were folded, and where it is quoted as JSON or as Python's literal.
    """
    found = _TERMINAL.sub("", text).replace("\r\n", "\n")
    for part in sorted({part for secret in secrets for part in _forms(secret)}, key=len, reverse=True):
        if len(part) >= _SHORTEST:
            found = found.replace(part, HIDDEN)
    return found


def _forms(secret: str) -> Iterator[str]:
    """How a secret, and each of its lines, may stand in a text."""
    for part in (secret, *secret.splitlines()):
        text = part.strip()
        yield text
        yield json.dumps(text)[1:-1]
        yield repr(text)[1:-1]


def keep(folder: Path, target: Path, secrets: Iterable[str]) -> Path:
    """Keep the log of the run in a private folder. Returns the folder in which it lies now."""
    output = folder / "artifacts" / "run" / "stdout"
    text = output.read_text(encoding="utf-8", errors="replace") if output.is_file() else ""
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    (target / LOG).write_text(scrub(text, secrets), encoding="utf-8")
    return target


def tail(path: Path, secrets: Iterable[str]) -> str:
    """The last lines of a file that say something, as one, without secrets."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    lines = [line.strip() for line in scrub(text, secrets).splitlines()]
    return " ".join([line for line in lines if line][-_TAIL:])[:400]
