"""Goes on after the models refused something: leaves the wrong entries out, so that the others are still checked.

An entry is what a section holds by key (a site, a lease, a workload, a pool of a cluster). Leaving a whole entry out,
never a single field, keeps the checks from telling consequences of an error that was told already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from causeway.fleet.document import Fleet
from causeway.fleet.places import Path
from causeway.fleet.problems import nearest

_WHOLE = frozenset(("money", "policy", "catalog"))
_ROUNDS = 5
_GUESSES = 100


def entry_of(path: Path) -> Path:
    """The entry that a path of the declaration lies in."""
    if path[:1] == ("clusters",) and path[2:3] == ("pools",) and len(path) > 3:
        return path[:4]
    return path[:1] if path[:1] and path[0] in _WHOLE else path[:2]


def without(document: Mapping[str, Any], paths: Sequence[Path]) -> tuple[Fleet | None, frozenset[Path]]:
    """The fleet without the entries that hold these paths, and what was left out; None when nothing is left to check.

    Args:
        document: the data that the models refused.
        paths: where it is wrong.
    """
    left_out: set[Path] = {(section,) for path in paths[:_GUESSES] if (section := _meant(path))}
    wrong = paths
    pruned: Any = _copy(document)
    for _ in range(_ROUNDS):
        for path in wrong:
            entry = entry_of(path)
            left_out.add(entry)
            _remove(pruned, entry)
        try:
            return Fleet.model_validate({"name": "unnamed", **pruned}), frozenset(left_out)
        except ValidationError as error:
            wrong = [tuple(line["loc"]) for line in error.errors(include_url=False, include_input=False)]
    return None, frozenset(left_out)


def _meant(path: Path) -> str | None:
    """The section that an unknown one was meant to be, so that its entries are not told to be missing."""
    section = str(path[0]) if len(path) == 1 else "version"
    return None if section in Fleet.model_fields else nearest(section, Fleet.model_fields)


def _copy(document: Mapping[str, Any]) -> dict[str, Any]:
    """A copy that entries can be removed from."""
    copy = {key: dict(value) if isinstance(value, dict) else value for key, value in document.items()}
    for name, cluster in (copy.get("clusters") or {}).items() if isinstance(copy.get("clusters"), dict) else ():
        if isinstance(cluster, dict) and isinstance(cluster.get("pools"), dict):
            copy["clusters"][name] = {**cluster, "pools": dict(cluster["pools"])}
    return copy


def _remove(document: Any, entry: Path) -> None:
    holder = document
    for step in entry[:-1]:
        holder = holder.get(step) if isinstance(holder, dict) else None
    if isinstance(holder, dict) and entry:
        holder.pop(entry[-1], None)
