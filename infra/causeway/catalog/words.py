"""Finds the known word that a mistyped one most probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(word: str, known: Iterable[str], *, prefix: str = "") -> str:
    """The nearest known word with `prefix` before it, or nothing when none is near. Deterministic."""
    matches = get_close_matches(word.lower(), sorted(known), n=1, cutoff=0.5)
    return f"{prefix}{matches[0]}" if matches else ""
