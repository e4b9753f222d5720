"""The sandbox's fleet, changed as a test needs it, and its plan on a day."""

from __future__ import annotations

import dataclasses
import pickle
from collections.abc import Callable
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from causeway.capacity.money import cost_report
from causeway.capacity.offer import compute
from causeway.catalog import load_catalog
from causeway.fleet.document import Fleet
from causeway.fleet.host_table import build_hosts
from causeway.fleet.load import LoadedFleet, load_fleet
from causeway.fleet.problems import Collector
from causeway.plan.build import Sources, build
from causeway.plan.fingerprint import UNSEALED, Seal
from causeway.plan.model import FleetPlan
from causeway.policy.evaluate import evaluate

SANDBOX = Path(__file__).parents[2] / "inventory" / "sandbox"
ON = date(2026, 11, 22)
NORTH = "cn-north-inference"

Document = dict[str, Any]
Change = Callable[[Document], object]


@cache
def sandbox() -> LoadedFleet:
    return load_fleet(SANDBOX)


@cache
def _document() -> bytes:
    """The document as bytes that are made into a new one many times faster than it is copied."""
    return pickle.dumps(yaml.load((SANDBOX / "fleet.yaml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader))


def sandbox_document() -> Document:
    """The sandbox's document, to be changed freely."""
    return dict(pickle.loads(_document()))  # noqa: S301 - pickled above


def changed(change: Change | None = None) -> LoadedFleet:
    """The sandbox's fleet after a change of its document. References are not checked."""
    changing = sandbox_document()
    if change is not None:
        change(changing)
    fleet = Fleet.model_validate(changing)
    hosts, incomplete = build_hosts(fleet, sandbox().marks, Collector(), lambda _file, _path: None)
    assert not incomplete
    return dataclasses.replace(sandbox(), fleet=fleet, hosts=hosts)


def planned(loaded: LoadedFleet, *, rules: bool = False, seal: Seal = UNSEALED) -> FleetPlan:
    """A fleet's plan; with the rules' findings only where a test asks for them, since they take time."""
    capacity, catalog = compute(loaded), load_catalog(loaded.fleet.catalog)
    cost = cost_report(loaded, capacity, ON)
    findings = evaluate(loaded, catalog, capacity, cost, ON) if rules else ()
    return build(Sources(loaded, catalog, capacity, cost, findings, ON, seal=seal))


def pool(document: Document, name: str, cluster: str = NORTH) -> Document:
    """A pool's part of a document."""
    found: Document = document["clusters"][cluster]["pools"][name]
    return found
