"""The sandbox's fleet as a base, a way to change it field by field, and its findings on a day."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from causeway.capacity.money import cost_report
from causeway.capacity.offer import compute
from causeway.catalog import load_catalog
from causeway.fleet.document import Fleet
from causeway.fleet.host_table import build_hosts
from causeway.fleet.load import LoadedFleet, load_fleet
from causeway.fleet.problems import Collector
from causeway.policy import Finding
from causeway.policy.evaluate import evaluate
from tests.policy.mutations import copied

BASE = Path(__file__).parents[2] / "inventory" / "sandbox"
Document = dict[str, Any]
Changed = Callable[..., LoadedFleet]


@pytest.fixture(scope="session")
def base() -> LoadedFleet:
    return load_fleet(BASE)


@pytest.fixture(scope="session")
def document() -> Document:
    """The base as plain data; copy it before changing it."""
    return dict(yaml.load((BASE / "fleet.yaml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader))


def _hosts(fleet: Fleet, base: LoadedFleet) -> LoadedFleet:
    hosts, _incomplete = build_hosts(fleet, base.marks, Collector(), lambda _file, _path: None)
    return dataclasses.replace(base, fleet=fleet, hosts=hosts)


@pytest.fixture(scope="session")
def fleet_of(base: LoadedFleet) -> Callable[[Document], LoadedFleet]:
    """A fleet of plain data. References are not checked, so that rules meet what loading would refuse."""
    return lambda changed: _hosts(Fleet.model_validate(changed), base)


@pytest.fixture(scope="session")
def changed(document: Document, fleet_of: Callable[[Document], LoadedFleet]) -> Changed:
    """The base with values written at paths, and with paths removed."""

    def change_of(change: Mapping[str, Any] | None = None, delete: Sequence[str] = ()) -> LoadedFleet:
        made = copied(document)
        for path, value in (change or {}).items():
            put(made, path, value)
        for path in delete:
            drop(made, path)
        return fleet_of(made)

    return change_of


def findings_of(loaded: LoadedFleet, on: date) -> tuple[Finding, ...]:
    capacity = compute(loaded)
    catalog = load_catalog(loaded.fleet.catalog)
    return evaluate(loaded, catalog, capacity, cost_report(loaded, capacity, on), on)


@pytest.fixture(scope="session")
def evaluated() -> Callable[[LoadedFleet, date], tuple[Finding, ...]]:
    return findings_of


def _steps(path: str) -> list[str | int]:
    return [int(step) if step.isdigit() else step for step in path.split("/")]


def put(document: Document, path: str, value: Any) -> None:
    """Write a value at `a/b/0/c`; missing mappings are made, and `-` as the last step appends."""
    node: Any = document
    *before, last = _steps(path)
    for step in before:
        if isinstance(node, dict) and step not in node:
            node[step] = {}
        node = node[step]
    if last == "-":
        node.append(copy.deepcopy(value))
    else:
        node[last] = copy.deepcopy(value)


def drop(document: Document, path: str) -> None:
    """Remove what stands at `a/b/0/c`. Raises KeyError when nothing does."""
    node: Any = document
    *before, last = _steps(path)
    for step in before:
        node = node[step]
    del node[last]
