"""Checks what the models cannot: references between entries, hosts, terms, sums. One module for each subject."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from causeway.fleet.document import Fleet
from causeway.fleet.hosts import HostTable
from causeway.fleet.places import Marks, Path
from causeway.fleet.problems import Collector


def check_references(
    fleet: Fleet,
    document: Mapping[str, Any],
    left_out: frozenset[Path],
    marks: Marks,
    hosts: HostTable,
    problems: Collector,
) -> None:
    """Check everything that needs more than one entry."""
