"""Variables that a declaration names of a role and the role has not: Ansible would take them without a word."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from causeway.assets import Playbooks
from causeway.errors import CausewayError, Permanent
from causeway.fleet.load import LoadedFleet
from causeway.fleet.places import Path as DeclarationPath
from causeway.fleet.problems import choice
from causeway.plan.disruption import ROLE_SEPARATOR


def unknown(loaded: LoadedFleet, playbooks: Playbooks) -> Iterator[CausewayError]:
    """The variables of pools and hosts that their roles do not take.

    A variable belongs to the role before its `__`; one of a role that is nowhere is somebody else's.

    Args:
        loaded: the fleet.
        playbooks: where the roles are, which list their variables in `meta/argument_specs.yml`.

    Returns:
        An error for every variable that its role has not, with the nearest that it has.

    Raises:
        Permanent: a role's list cannot be read.
    """
    for path, variables in _written(loaded):
        for name in variables:
            yield from _unknown(loaded, (*path, name), name, playbooks)


def _written(loaded: LoadedFleet) -> Iterator[tuple[DeclarationPath, Mapping[str, object]]]:
    for cluster_name, cluster in loaded.fleet.clusters.items():
        for pool_name, pool in cluster.pools.items():
            yield ("clusters", cluster_name, "pools", pool_name, "variables"), pool.variables
    for host, override in loaded.fleet.host_overrides.items():
        yield ("host_overrides", host, "variables"), override.variables


def _unknown(loaded: LoadedFleet, path: DeclarationPath, name: str, playbooks: Playbooks) -> Iterator[CausewayError]:
    role, separator, _ = name.partition(ROLE_SEPARATOR)
    folder = playbooks.role(role) if separator else None
    known = _of_role(folder / "meta" / "argument_specs.yml") if folder else None
    if known is None or name in known:
        return
    hint = f"{choice(name, sorted(known), 'variables')}; the role's README tells what they are"
    reason = f'the role {role} has no variable "{name}"'
    yield loaded.marks.problem("unknown-variable", path, reason, hint)


@cache
def _of_role(file: Path) -> frozenset[str] | None:
    """Variables that a role lists, of all its entry points; None for a role that is not there or lists none."""
    if not file.is_file():
        return None
    try:
        document: Any = yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader)
        entries = document["argument_specs"].values()
        return frozenset(name for entry in entries for name in entry.get("options", {}))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
        raise Permanent(
            "role-arguments",
            f"this role's list of variables cannot be read: {error}",
            where=str(file),
            hint="write `argument_specs: {main: {options: {NAME: {type: str}}}}`, as Ansible documents it",
        ) from error
