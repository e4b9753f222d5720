"""In which order the versions of a pool and of the engines on it change, so that every state between fits together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from causeway.catalog import Catalog
from causeway.catalog.order import OrderPlan, Step, order
from causeway.plan.model import FleetPlan, VersionSet

_Key = tuple[str, str, str | None, int | None]


@dataclass(frozen=True, slots=True)
class OrderChange:
    """The order for one pool, or for one workload's part on it."""

    cluster: str
    pool: str
    workload: str | None
    plan: OrderPlan

    @property
    def subject(self) -> str:
        """CLUSTER/POOL, or WORKLOAD@CLUSTER/POOL."""
        place = f"{self.cluster}/{self.pool}"
        return f"{self.workload}@{place}" if self.workload else place


def orders(catalog: Catalog, before: FleetPlan | None, after: FleetPlan | None) -> Iterator[OrderChange]:
    """Orders of what changes on pools that are on both sides.

    A pool is told alone only when no engine on it is: the engine's order has the hosts' step in it.
    """
    old, new = _sets(before), _sets(after)
    changed = [key for key in new if key in old and old[key] != new[key]]
    with_engine = {key[:2] for key in changed if key[2] is not None}
    for key in changed:
        cluster, pool, workload, _ = key
        had, has = old[key].query, new[key].query
        alone = workload is None and (cluster, pool) in with_engine
        if alone or had.accelerator != has.accelerator or has.accelerator not in catalog.accelerators:
            continue
        found = order(catalog, had, has)
        if found.steps or not found.feasible:
            yield OrderChange(cluster, pool, workload, found)


def _sets(plan: FleetPlan | None) -> Mapping[_Key, VersionSet]:
    clusters = plan.clusters.values() if plan is not None else ()
    return {(c.cluster, s.pool, s.workload, s.index): s for c in clusters for s in c.versions}


def told(found: OrderPlan) -> str:
    """The order as a sentence: steps in their order, the parts of a host's step in theirs, and why where it matters."""
    if not found.steps:
        return f"no safe order: {found.reason}"
    steps = "; then ".join(_step(step) for step in found.steps)
    return f"{steps} ({found.reason})" if len(found.steps) > 1 else steps


def _step(step: Step) -> str:
    changes = ", ".join(
        f"{field.replace('_', ' ')} {old or 'none'} → {new}" for field, (old, new) in step.changes.items()
    )
    on_host = f", on each host {' before '.join(step.sequence)}" if len(step.sequence) > 1 else ""
    return f"{step.where}: {changes}{on_host}"
