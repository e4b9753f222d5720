"""The sandbox's fleet after a change of its document, planned; and the edits that the tests of `diff` make."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from causeway.capacity.money import cost_report
from causeway.capacity.offer import compute
from causeway.catalog import load_catalog
from causeway.fleet.document import Fleet
from causeway.fleet.host_table import build_hosts
from causeway.fleet.load import LoadedFleet, load_fleet
from causeway.fleet.problems import Collector
from causeway.plan.build import Sources, build
from causeway.plan.diff import diff
from causeway.plan.diff_model import PlanDiff
from causeway.plan.disruption import Disruptions
from causeway.plan.model import FleetPlan
from causeway.policy.evaluate import evaluate
from tests.plan.fleets import sandbox_document

SANDBOX = Path(__file__).parents[2] / "inventory" / "sandbox"
ON = date(2026, 11, 22)
NORTH, JOHOR, CLOUD = "cn-north-inference", "my-johor-training", "sg-cloud-serving"

Document = dict[str, Any]
Edit = Callable[[Document], object]


@cache
def _base() -> LoadedFleet:
    return load_fleet(SANDBOX, "fleet")


def nothing(_document: Document) -> None:
    """The edit that edits nothing."""


def planned(edit: Edit = nothing, *, rules: bool = False) -> FleetPlan:
    """The plan after an edit; with the rules' findings only when a test asks for them, since they take time."""
    base, copied = _base(), sandbox_document()
    edit(copied)
    fleet = Fleet.model_validate(copied)
    hosts, incomplete = build_hosts(fleet, base.marks, Collector(), lambda _file, _path: None)
    assert not incomplete
    loaded = dataclasses.replace(base, fleet=fleet, hosts=hosts)
    capacity, catalog = compute(loaded), load_catalog()
    cost = cost_report(loaded, capacity, ON)
    findings = evaluate(loaded, catalog, capacity, cost, ON) if rules else ()
    return build(Sources(loaded, catalog, capacity, cost, findings, ON))


def compared(before: FleetPlan | None, after: FleetPlan | None) -> PlanDiff:
    return diff(before, after, Disruptions(load_catalog()))


@cache
def unedited() -> FleetPlan:
    """The plan without an edit, made once."""
    return planned()


def changed(after: Edit, before: Edit = nothing) -> PlanDiff:
    """The diff of the plans after two edits."""
    return compared(unedited() if before is nothing else planned(before), planned(after))


def pool_of(document: Document, cluster: str, pool: str) -> Document:
    """A pool's part of a document."""
    found: Document = document["clusters"][cluster]["pools"][pool]
    return found


def north(pool: str, **fields: Any) -> Edit:
    return lambda document: pool_of(document, NORTH, pool).update(fields)


def drivers(pool: str, **fields: Any) -> Edit:
    return lambda document: pool_of(document, NORTH, pool)["drivers"].update(fields)


def override(host: str, **fields: Any) -> Edit:
    return lambda document: document["host_overrides"].update({host: fields})


def both(*edits: Edit) -> Edit:
    def edit(document: Document) -> None:
        for each in edits:
            each(document)

    return edit
