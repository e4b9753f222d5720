"""The versions of the declaration's shape: what this Causeway reads, and how an older declaration becomes the newest.

A default is part of the shape: changing one would change what hosts get without anybody having written so. It is
therefore a new version, whose migration writes the old default into older declarations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from causeway.fleet.places import Marks
from causeway.fleet.problems import Collector

CURRENT = 1


@dataclass(frozen=True, slots=True)
class Migration:
    """One step from a version to the next.

    Args:
        version: the version that it takes.
        apply: gives the document in the shape of `version + 1`, without changing the one it gets.
        why: what changed, one sentence for the changelog.
    """

    version: int
    apply: Callable[[Mapping[str, Any]], dict[str, Any]]
    why: str


MIGRATIONS: tuple[Migration, ...] = ()


def migrate(
    document: Mapping[str, Any],
    marks: Marks,
    problems: Collector,
) -> dict[str, Any] | None:
    """The document in the newest shape, None when its version cannot be read.

    Args:
        document: the merged files.
        marks: for the places of errors.
        problems: receives what is wrong with the version.
    """
    version = document.get("version")
    readable = sorted({step.version for step in MIGRATIONS} | {CURRENT})
    if type(version) is not int:
        reason = (
            "the version is missing"
            if version is None
            else f"found {marks.word(marks.place(('version',)))}; a version is a whole number"
        )
        problems.add(marks.problem("bad-version", ("version",), reason, f"write version: {CURRENT}"))
        return None
    if version not in readable:
        hint = (
            "use a newer Causeway"
            if version > CURRENT
            else f"versions that can be read: {', '.join(map(str, readable))}"
        )
        problems.add(
            marks.problem(
                "bad-version", ("version",), f"version {version} is not known here; the newest is {CURRENT}", hint
            )
        )
        return None
    steps = {step.version: step for step in MIGRATIONS}
    migrated = dict(document)
    for number in range(version, CURRENT):
        migrated = {**steps[number].apply(migrated), "version": number + 1}
    return migrated
