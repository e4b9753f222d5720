"""Loads a fleet and plans it: every layer below, once, from its folder and a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from causeway.assets import Playbooks, playbooks_of
from causeway.capacity.money import cost_report
from causeway.capacity.offer import Capacity, compute
from causeway.catalog import Catalog
from causeway.fleet.load import LoadedFleet, load_fleet
from causeway.plan.build import Sources, build
from causeway.plan.catalog_of import catalog_of
from causeway.plan.model import FleetPlan
from causeway.plan.playbook_code import code_of
from causeway.policy.evaluate import evaluate


@dataclass(frozen=True, slots=True)
class PlannedFleet:
    """A fleet on a day, with the playbooks and roles that its pools are planned with."""

    playbooks: Playbooks
    loaded: LoadedFleet
    catalog: Catalog
    capacity: Capacity
    plan: FleetPlan


def planned(folder: Path, on: date, shown: str | None = None, playbooks: Playbooks | None = None) -> PlannedFleet:
    """Load and plan a fleet.

    Args:
        folder: folder of the declaration.
        on: the day on which rules are read.
        shown: the folder as errors name it.
        playbooks: where playbooks and roles are; by default the fleet's own roles lie beside the folder.

    Raises:
        Permanent, Problems: what is wrong with the declaration, all of it.
    """
    playbooks = playbooks or playbooks_of(folder)
    loaded = load_fleet(folder, shown)
    catalog = catalog_of(loaded, playbooks)
    capacity = compute(loaded)
    cost = cost_report(loaded, capacity, on)
    findings = evaluate(loaded, catalog, capacity, cost, on)
    sources = Sources(loaded, catalog, capacity, cost, findings, on, code_of=code_of(playbooks))
    return PlannedFleet(playbooks, loaded, catalog, capacity, build(sources))
