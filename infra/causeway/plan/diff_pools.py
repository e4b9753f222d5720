"""One pool on both sides: its facts, its variables, its rollout, its hosts."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any

from causeway.capacity.offer import PoolCapacity
from causeway.plan.diff_fields import Change, changes
from causeway.plan.diff_hosts import host_changes, impact, names_changed, touched, variable_changes
from causeway.plan.diff_model import HostsChange, Impact, Kind, PoolDiff, VariableChange
from causeway.plan.disruption import ORDER, Disruptions, worst
from causeway.plan.durations import Durations
from causeway.plan.model import Baseline

_PREFIX = "causeway__"
_TOLD_OTHERWISE = frozenset({"causeway__fleet", "causeway__cluster", "causeway__pool", "causeway__driver_role"})


@dataclass(frozen=True, slots=True)
class PoolSide:
    """A pool as one of the two plans has it."""

    capacity: PoolCapacity
    baseline: Baseline | None
    """None for a cloud pool, whose hosts are the provider's."""


@dataclass(frozen=True, slots=True)
class Judge:
    """What pools are judged by.

    Args:
        disruptions: what a change of a variable does to a host.
        durations: minutes per host.
        moved: hosts that went from one pool to another; they are told once, for the fleet.
        on: day from which windows are looked for.
    """

    disruptions: Disruptions
    durations: Durations
    moved: Collection[str]
    on: date

    def pool(self, cluster: str, pool: str, old: PoolSide | None, new: PoolSide | None) -> PoolDiff | None:
        """What changes for a pool; None when nothing does."""
        before, after = (side.baseline if side is not None else None for side in (old, new))
        both = (before, after) if before is not None and after is not None else None
        went, came = ([n for n in names if n not in self.moved] for names in names_changed(before, after))
        retired = set(after.retired) if after is not None else set[str]()
        returned = set(before.retired) if before is not None else set[str]()
        variables = variable_changes(*both, self.disruptions) if both else ()
        hosts = host_changes(*both, self.disruptions) if both else ()
        code = _code(*both) if both else None
        kind: Kind = "added" if old is None else "removed" if new is None else "changed"
        found = PoolDiff(
            cluster=cluster,
            pool=pool,
            kind=kind,
            hosts_before=old.capacity.hosts if old else 0,
            hosts_after=new.capacity.hosts if new else 0,
            fields=changes(_facts(old), _facts(new)) if old and new else (),
            variables=variables,
            code=code,
            rollout=changes(_rollout(both[0]), _rollout(both[1])) if both else (),
            added=tuple(name for name in came if name not in returned),
            returned=tuple(name for name in came if name in returned),
            removed=tuple(name for name in went if name not in retired),
            retired=tuple(name for name in went if name in retired),
            hosts=hosts,
            impact=self._impact(*both, new.capacity.per_host, variables, hosts, code) if both and new else None,
        )
        return found if kind != "changed" or _says_something(found) else None

    def _impact(
        self,
        before: Baseline,
        after: Baseline,
        per_host: int,
        variables: tuple[VariableChange, ...],
        hosts: tuple[HostsChange, ...],
        code: Change | None,
    ) -> Impact | None:
        """Of the worst that happens, over the hosts to which it happens."""
        reaching = [change.disruption for change in variables if change.hosts]
        if code is not None:
            reaching.append(self.disruptions.of_role(after.role))
        of_pool, of_hosts = worst(reaching), worst(change.disruption for change in hosts)
        names = touched(before, after)
        if reaching and ORDER.index(of_pool) >= ORDER.index(of_hosts):
            return impact(after, len(names), per_host, of_pool, self.durations, self.on)
        alike = {name for change in hosts if change.disruption == of_hosts for name in change.names}
        return impact(after, len(alike.intersection(names)), per_host, of_hosts, self.durations, self.on)


def _code(before: Baseline, after: Baseline) -> Change | None:
    known = before.code is not None and after.code is not None
    return Change("code", before.code, after.code) if known and before.code != after.code else None


def _facts(side: PoolSide) -> dict[str, Any]:
    baseline = side.baseline
    if baseline is None:
        capacity = side.capacity
        return {
            "accelerator": capacity.accelerator,
            "accelerators_per_host": capacity.per_host,
            "nodes": capacity.hosts,
        }
    shared = baseline.variables
    context = {k.removeprefix(_PREFIX): v for k, v in shared.context.items() if k not in _TOLD_OTHERWISE}
    return {**context, **shared.connection, "role": shared.role, "address": shared.address}


def _rollout(baseline: Baseline) -> dict[str, Any]:
    settings = baseline.rollout.settings
    window = settings.window.model_dump() if settings.window is not None else None
    return {**settings.model_dump(), "max_unavailable": settings.max_unavailable.root, "window": window}


def _says_something(pool: PoolDiff) -> bool:
    return bool(
        pool.fields
        or pool.variables
        or pool.code
        or pool.rollout
        or pool.added
        or pool.removed
        or pool.retired
        or pool.returned
        or pool.hosts
    )
