"""What a declaration names of the catalog: what is not there is told with its place and the nearest word."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from causeway.catalog.catalog import Catalog
from causeway.errors import CausewayError
from causeway.fleet.catalog_entries import Part
from causeway.fleet.load import LoadedFleet
from causeway.fleet.places import Path
from causeway.fleet.problems import choice


def unknown(loaded: LoadedFleet, catalog: Catalog) -> Iterator[CausewayError]:
    """What a fleet names of the catalog and the catalog has not.

    Args:
        loaded: the fleet.
        catalog: the catalog with the fleet's own entries.

    Returns:
        An error for every accelerator, engine and operating system that the catalog has not, every version of a part
        that the driver stack has not, and every pool whose declared drivers no role is known to install.
    """
    for name, path in _accelerators(loaded):
        if name not in catalog.accelerators:
            reason = f'the catalog has no accelerator "{name}"'
            yield loaded.marks.problem("unknown-accelerator", path, reason, _hint(name, catalog))
    for name, path in _engines_without_image(loaded):
        if name not in catalog.engines:
            reason = f'the catalog has no engine "{name}", and no image is named'
            hint = f"{choice(name, catalog.engines, 'engines')}; or name the engine's image"
            yield loaded.marks.problem("unknown-engine", path, reason, hint)
    for name, path in _operating_systems(loaded):
        if name not in catalog.operating_systems:
            reason = f'the catalog has no operating system "{name}"'
            found = choice(name, catalog.operating_systems, "operating systems")
            hint = f"{found}; one that the fleet knows is declared under catalog.operating_systems"
            yield loaded.marks.problem("unknown-operating-system", path, reason, hint)
    yield from _parts(loaded, catalog)
    yield from _roles(loaded, catalog)


def _hint(name: str, catalog: Catalog) -> str:
    found = choice(name, catalog.accelerators, "accelerators")
    return f"{found}; causeway catalog lists them, and one of the fleet's own is declared under catalog.accelerators"


def _accelerators(loaded: LoadedFleet) -> Iterator[tuple[str, Path]]:
    for name, lease in loaded.fleet.leases.items():
        yield lease.accelerator, ("leases", name, "accelerator")
    for cluster_name, cluster in loaded.fleet.clusters.items():
        for pool_name, pool in cluster.pools.items():
            if pool.accelerator is not None:
                yield pool.accelerator, ("clusters", cluster_name, "pools", pool_name, "accelerator")


def _engines_without_image(loaded: LoadedFleet) -> Iterator[tuple[str, Path]]:
    for name, workload in loaded.fleet.workloads.items():
        for index, part in enumerate(workload.serve):
            if part.engine is not None and part.engine.image is None:
                yield part.engine.name, ("workloads", name, "serve", index, "engine", "name")


def _operating_systems(loaded: LoadedFleet) -> Iterator[tuple[str, Path]]:
    for cluster_name, cluster in loaded.fleet.clusters.items():
        for pool_name, pool in cluster.pools.items():
            if pool.os is not None:
                yield pool.os.id, ("clusters", cluster_name, "pools", pool_name, "os", "id")


def _parts(loaded: LoadedFleet, catalog: Catalog) -> Iterator[CausewayError]:
    """Versions of parts that do not exist apart in the pool's driver stack."""
    for cluster_name, cluster in loaded.fleet.clusters.items():
        for pool_name, pool in cluster.pools.items():
            entry = catalog.accelerators.get(pool.accelerator or "")
            stack = catalog.driver_stacks.get(entry.driver_stack or "") if entry else None
            if stack is None or not stack.parts or pool.drivers is None:
                continue
            for part in get_args(Part):
                version = getattr(pool.drivers, part)
                if version is not None and part not in stack.parts:
                    path = ("clusters", cluster_name, "pools", pool_name, "drivers", part)
                    reason = f'the driver stack of {pool.accelerator} has no {part} apart, found "{version}"'
                    yield loaded.marks.problem(
                        "no-such-part", path, reason, f"remove it; parts: {', '.join(stack.parts)}"
                    )


def _roles(loaded: LoadedFleet, catalog: Catalog) -> Iterator[CausewayError]:
    """Pools that declare drivers for an accelerator of which no driver stack is known, and name no role either."""
    for cluster_name, cluster in loaded.fleet.clusters.items():
        for pool_name, pool in cluster.pools.items():
            entry = catalog.accelerators.get(pool.accelerator or "")
            if pool.drivers is None or pool.role is not None or entry is None or entry.driver_stack is not None:
                continue
            path = ("clusters", cluster_name, "pools", pool_name, "drivers")
            reason = f"no driver stack of {pool.accelerator} is known, so that no role would install what stands here"
            hint = "name the Ansible role as the pool's role, or declare a driver stack under catalog.driver_stacks"
            yield loaded.marks.problem("no-driver-stack", path, reason, hint)
