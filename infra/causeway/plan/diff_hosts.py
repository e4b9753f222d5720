"""Hosts of one pool on both sides: which come and go, which change otherwise than their pool, and what it takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from causeway.fleet.catalog_entries import Disruption
from causeway.fleet.hosts import HostState
from causeway.plan.diff_fields import Change, changes
from causeway.plan.diff_model import HostsChange, Impact, VariableChange
from causeway.plan.disruption import Disruptions
from causeway.plan.durations import Durations, estimate
from causeway.plan.hostvars import HOST_NUMBER, numbered_variables
from causeway.plan.model import Baseline, HostPlan
from causeway.plan.moves import PartMove
from causeway.plan.waves import waves

LEAVING: tuple[Disruption, ...] = ("drain", "reboot")
"""Disruptions for which a host's workloads have to leave it."""


def names_changed(before: Baseline | None, after: Baseline | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(names that went, names that came), each in declared order."""
    old, new = before.names if before else (), after.names if after else ()
    if old == new:
        return (), ()
    had, has = set(old), set(new)
    return tuple(name for name in old if name not in has), tuple(name for name in new if name not in had)


def variable_changes(before: Baseline, after: Baseline, disruptions: Disruptions) -> tuple[VariableChange, ...]:
    """Variables of the whole pool that change. A variable that holds fields is one entry for each field."""
    found = []
    common = _common(before, after)
    for change in changes(before.variables.variables, after.variables.variables):
        variable = variable_of(change.field)
        own = sum(
            variable in host.variables and variable in before.differing[name].variables
            for name, host in after.differing.items()
            if name in before.differing
        )
        found.append(VariableChange(change, disruptions.of_variable(variable), common - own, own))
    return tuple(found)


def _common(before: Baseline, after: Baseline) -> int:
    return len(after.names) if before.names == after.names else len(set(before.names) & set(after.names))


def variable_of(field: str) -> str:
    """The variable that a field's path begins with."""
    return field.split(".", 1)[0].split("[", 1)[0]


@dataclass(frozen=True, slots=True)
class _Found:
    """What is different about one host."""

    state: tuple[HostState, HostState] | None
    notes: tuple[Change, ...]
    variables: tuple[Change, ...]
    renumbered: tuple[str, ...]


def host_changes(before: Baseline, after: Baseline, disruptions: Disruptions) -> tuple[HostsChange, ...]:
    """Hosts on both sides that change otherwise than their pool, those that change alike together."""
    groups: dict[str, tuple[_Found, list[str]]] = {}
    for name, found in _different(before, after):
        groups.setdefault(repr(found), (found, []))[1].append(name)
    return tuple(
        HostsChange(
            names=tuple(names),
            state=found.state,
            notes=found.notes,
            variables=found.variables,
            renumbered=found.renumbered,
            disruption=disruptions.of([*(variable_of(c.field) for c in found.variables), *found.renumbered]),
        )
        for found, names in groups.values()
    )


def _different(before: Baseline, after: Baseline) -> Iterator[tuple[str, _Found]]:
    if before.differing == after.differing and before.names == after.names:
        return
    common = set(before.names) & set(after.names)
    by_pool = {variable_of(c.field) for c in changes(before.variables.variables, after.variables.variables)}
    for name in after.names:
        if name not in common or (name not in before.differing and name not in after.differing):
            continue
        found = _host(before, after, name, by_pool)
        if found is not None:
            yield name, found


def _host(before: Baseline, after: Baseline, name: str, by_pool: set[str]) -> _Found | None:
    old, new = before.differing.get(name), after.differing.get(name)
    state = (_state(old), _state(new))
    found = _Found(
        state=state if state[0] != state[1] else None,
        notes=changes(_notes(old), _notes(new)),
        variables=_own_variables(before, after, old, new),
        renumbered=_renumbered(after, old, new, by_pool),
    )
    return found if found.state or found.notes or found.variables or found.renumbered else None


def _state(host: HostPlan | None) -> HostState:
    return host.state if host is not None else "in_service"


def _notes(host: HostPlan | None) -> dict[str, Any]:
    said = {"reason": host.reason, "until": host.until} if host is not None else {}
    return {name: value for name, value in said.items() if value is not None}


def _own_variables(before: Baseline, after: Baseline, old: HostPlan | None, new: HostPlan | None) -> tuple[Change, ...]:
    """Effective values of the variables that the host has of its own on either side."""
    had, has = (host.variables if host else {} for host in (old, new))
    if (old or before).intent == (new or after).intent:
        return ()
    own = (had.keys() | has.keys()) - {HOST_NUMBER}
    sides = (
        {name: value for name, value in {**baseline.variables.variables, **values}.items() if name in own}
        for baseline, values in ((before, had), (after, has))
    )
    return changes(*sides)


def _renumbered(after: Baseline, old: HostPlan | None, new: HostPlan | None, by_pool: set[str]) -> tuple[str, ...]:
    """Variables that follow the host's number, when it changes and the pool's own change does not say it already."""
    numbers = [host.variables.get(HOST_NUMBER) if host else None for host in (old, new)]
    if numbers[0] == numbers[1] or None in numbers:
        return ()
    return tuple(
        sorted(set(numbered_variables(after.variables.variables)) - by_pool - set(new.variables if new else ()))
    )


def touched(before: Baseline, after: Baseline) -> tuple[str, ...]:
    """Hosts in service on both sides whose desired state differs."""
    if before.names == after.names and not before.differing and not after.differing:
        return after.names if before.desired("") != after.desired("") else ()
    had = set(before.names)
    return tuple(
        name
        for name in after.names
        if name in had
        and _state(before.differing.get(name)) == _state(after.differing.get(name)) == "in_service"
        and before.desired(name) != after.desired(name)
    )


def impact(
    after: Baseline, hosts: int, per_host: int, disruption: Disruption, durations: Durations, on: date
) -> Impact | None:
    """How a change reaches hosts in service, by the rollout of the pool after it; None when it reaches none.

    Args:
        after: the pool.
        hosts: hosts that change.
        per_host: accelerators of each.
        disruption: what the change does to each.
        durations: minutes per host.
        on: day from which windows are looked for.
    """
    if not hosts:
        return None
    plan = after.rollout
    runs = waves(range(hosts), plan.settings.canary, plan.room).runs
    leaves = disruption in LEAVING
    largest = max((run.hosts for run in runs), default=0)
    return Impact(
        disruption=disruption,
        hosts=hosts,
        accelerators=hosts * per_host,
        waves=sum(run.waves for run in runs),
        out_at_once=largest if leaves else 0,
        accelerators_out=largest * per_host if leaves else 0,
        estimate=estimate(
            runs,
            plan.settings if leaves else plan.settings.model_copy(update={"drain_timeout": timedelta(0)}),
            after.role,
            _only(durations, disruption),
            on,
        ),
        moves=_moves(after, largest) if leaves else (),
    )


def _only(durations: Durations, disruption: Disruption) -> Durations:
    """Minutes of what a disruption really takes: no reboot where nothing reboots, no drain where nothing leaves."""
    if disruption == "reboot":
        return durations
    still = {"reboot": 0}
    return durations.model_copy(
        update={
            "drain": durations.drain if disruption in LEAVING else 0,
            "roles": {name: minutes.model_copy(update=still) for name, minutes in durations.roles.items()},
            "other_role": durations.other_role.model_copy(update=still),
            "no_role": durations.no_role.model_copy(update=still),
        }
    )


def _moves(after: Baseline, hosts: int) -> tuple[PartMove, ...]:
    """What waves of so many hosts mean: the smallest wave of the whole pool that is no smaller."""
    capacity = sorted(after.rollout.capacity, key=lambda stretch: stretch.hosts)
    enough = next((stretch for stretch in capacity if stretch.hosts >= hosts), capacity[-1] if capacity else None)
    return tuple(move for move in enough.moves if move.effect != "stays") if enough else ()
