"""Whether each role that a fleet names is somewhere, and none of the fleet's own has the name of one of Causeway's."""

from __future__ import annotations

from collections.abc import Iterator

from causeway.assets import Playbooks
from causeway.catalog import Catalog
from causeway.errors import CausewayError, Permanent
from causeway.fleet.load import LoadedFleet
from causeway.fleet.places import Path as DeclarationPath
from causeway.plan.hostvars import driver_role


def wrong(loaded: LoadedFleet, catalog: Catalog, playbooks: Playbooks) -> Iterator[CausewayError]:
    """What is wrong with the places of roles.

    Args:
        loaded: the fleet.
        catalog: the catalog with the fleet's own entries.
        playbooks: where the roles are.
    """
    yield from _twice(playbooks)
    missing: dict[DeclarationPath, str] = {}
    for (cluster, pool), hosts in loaded.hosts.pools.items():
        role = driver_role(loaded.fleet.clusters[cluster].pools[pool], catalog) if hosts.names else None
        if role is not None and playbooks.role(role) is None:
            missing[_named(loaded, catalog, cluster, pool)] = role
    for path, role in missing.items():
        folders = ", ".join(map(str, playbooks.roles))
        hint = f"write the role in {playbooks.roles[-1] / role}, or correct its name (docs/how-to/add-a-vendor.md)"
        yield loaded.marks.problem("role-missing", path, f"the role {role} is in none of {folders}", hint)


def _twice(playbooks: Playbooks) -> Iterator[CausewayError]:
    """Roles of the fleet's own that would never run, since Ansible finds Causeway's first."""
    causeways, own = playbooks.root / "roles", playbooks.own_roles
    if own is None or not own.is_dir():
        return
    for folder in sorted(own.iterdir()):
        if folder.is_dir() and (causeways / folder.name).is_dir():
            yield Permanent(
                "role-twice",
                f"Causeway has a role {folder.name} itself, and it would be run instead of this one",
                where=str(folder),
                hint=f"give the fleet's own role another name, such as our_{folder.name}, and name it as `role`",
            )


def _named(loaded: LoadedFleet, catalog: Catalog, cluster: str, pool: str) -> DeclarationPath:
    """Where a pool's role is named: by the pool itself, or by a driver stack."""
    declared = loaded.fleet.clusters[cluster].pools[pool]
    own: DeclarationPath = ("clusters", cluster, "pools", pool, "role")
    if declared.role is not None:
        return own
    stack = catalog.accelerators[declared.accelerator].driver_stack if declared.accelerator else None
    return ("catalog", "driver_stacks", stack, "role") if stack in loaded.fleet.catalog.driver_stacks else own
