"""What a declaration names of the catalog: accelerators and engines that are not there, told with their places."""

from __future__ import annotations

from collections.abc import Iterator

from causeway.catalog.catalog import Catalog
from causeway.fleet.load import LoadedFleet
from causeway.fleet.places import Path
from causeway.fleet.problems import Collector, choice


def check(loaded: LoadedFleet, catalog: Catalog) -> None:
    """Check a fleet's references into the catalog.

    Args:
        loaded: the fleet.
        catalog: the catalog with the fleet's own entries.

    Raises:
        Problems: with every accelerator and engine that the catalog has not.
    """
    problems = Collector()
    for name, path in _accelerators(loaded):
        if name not in catalog.accelerators:
            reason = f'the catalog has no accelerator "{name}"'
            problems.add(loaded.marks.problem("unknown-accelerator", path, reason, _hint(name, catalog)))
    for name, path in _engines_without_image(loaded):
        if name not in catalog.engines:
            reason = f'the catalog has no engine "{name}", and no image is named'
            hint = f"{choice(name, catalog.engines, 'engines')}; or name the engine's image"
            problems.add(loaded.marks.problem("unknown-engine", path, reason, hint))
    problems.raise_any(source.name for source in loaded.marks.sources)


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
