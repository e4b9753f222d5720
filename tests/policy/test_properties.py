"""What holds for every fleet: rules never crash, missing data never passes, exceptions only ever accept."""

from __future__ import annotations

import dataclasses
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from pydantic import ValidationError

from causeway.capacity.money import cost_report
from causeway.capacity.offer import compute
from causeway.catalog import Catalog, load_catalog
from causeway.errors import Problems
from causeway.fleet.catalog_entries import Fact
from causeway.fleet.document import Fleet
from causeway.fleet.load import LoadedFleet, load_fleet
from causeway.policy import Finding, blocking
from causeway.policy.evaluate import CHECKS, evaluate
from causeway.policy.rulebook import rulebook
from tests.policy.mutations import copied, without

ON = date(2026, 11, 22)
Document = dict[str, Any]
Evaluated = Callable[[LoadedFleet, date], tuple[Finding, ...]]
FleetOf = Callable[[Document], LoadedFleet]

ABSENCE_IS_A_VALUE: Mapping[str, str] = {
    "clusters.*.pools.*.accelerator": "hosts without an accelerator have none to count",
    "policy.on_unknown": "no setting is no looser setting",
    "policy.exceptions": "no exception accepts nothing",
    "policy.approvals": "no approval allows nothing",
}
"""Fields that say something by not being there, and what; a rule may pass without them."""


def _keys(node: Any) -> list[str | int]:
    if isinstance(node, dict):
        return list(node)
    return list(range(len(node))) if isinstance(node, list) else []


def _matching(node: Any, steps: Sequence[str], path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Paths of a document that a pattern such as `sites.*.owner` names, and where something stands."""
    if not steps:
        if node is not None:
            yield path
        return
    for key in _keys(node):
        if steps[0] == "*" or steps[0] == str(key):
            yield from _matching(node[key], steps[1:], (*path, key))


def _verdicts(findings: Sequence[Finding], rule: str) -> dict[tuple[str, str], str]:
    return {(f.subject, str(f.path)): f.verdict for f in findings if f.rule == rule}


def test_every_rule_of_the_book_has_its_function_and_no_other() -> None:
    assert list(CHECKS) == list(rulebook().rules)


def test_no_rule_that_can_stop_passes_on_missing_data(
    base: LoadedFleet, document: Document, fleet_of: FleetOf, evaluated: Evaluated
) -> None:
    before = evaluated(base, ON)
    asked: Counter[str] = Counter()
    wrong: list[str] = []
    for path, rules in _needed(document).items():
        try:
            loaded = fleet_of(without(document, path))
        except ValidationError:
            continue  # a required field: loading refuses the declaration, so no rule can pass on it
        after = evaluated(loaded, ON)
        for rule in rules:
            asked[rule] += 1
            old, new = _verdicts(before, rule), _verdicts(after, rule)
            changed = {subject for subject in old.keys() | new.keys() if old.get(subject) != new.get(subject)}
            if not changed:
                wrong.append(f"{rule} says it needs {path}, and says the same without it")
            wrong += [f"{rule} passes {subject} without {path}" for subject in changed if new.get(subject) == "pass"]
    assert not wrong, "\n".join(wrong)
    assert {"third-party-vetting", "my-site-record", "us-hq-guidance", "data-classes"} <= asked.keys()
    assert sum(asked.values()) > 30


def _needed(document: Document) -> dict[tuple[str | int, ...], list[str]]:
    """Paths of the document that rules which can stop say they need, with those rules."""
    found: dict[tuple[str | int, ...], list[str]] = {}
    for name, rule in rulebook().rules.items():
        if "stop" not in (rule.on_fail, rule.on_unknown) or rule.left_out:
            continue
        for pattern in rule.needs:
            if " " in pattern or pattern in ABSENCE_IS_A_VALUE:
                continue
            for path in _matching(document, pattern.split(".")):
                if _read_by(name, path, document):
                    found.setdefault(path, []).append(name)
    return found


def _read_by(rule: str, path: tuple[str | int, ...], document: Document) -> bool:
    """Whether the rule has a subject in the base that this path belongs to."""
    abroad = {"my-johor", "sg-cloud"}
    reads: dict[str, set[str | int]] = {
        # the headquarters test and the letter look at who holds accelerators of US origin
        "us-hq-guidance": {"lessor", "cloud-provider", *abroad},
        "us-h20-letter": set(),
        "my-site-record": {"lessor", "colo-operator", "tenant", "my-johor", "johor-h200"},
        "us-leased-remote-access": {"tenant", "johor-h200", "sg-cloud-h200", *abroad},
        "third-party-vetting": {"lessor", "colo-operator", "cloud-provider", "tenant", "cn-north", *abroad},
        # the base's leases began after the budgets' year
        "budgets": {*document["budgets"], *document["clusters"], "rates"},
    }
    own_entity = path == ("parties", "tenant", "ultimate_parent") and rule == "third-party-vetting"
    return not own_entity and (rule not in reads or path[1] in reads[rule])


def _catalog_without(catalog: Catalog, accelerator: str, **facts: Any) -> Catalog:
    entry = catalog.accelerators[accelerator].model_copy(update=facts)
    return dataclasses.replace(catalog, accelerators=MappingProxyType({**catalog.accelerators, accelerator: entry}))


@pytest.mark.parametrize("accelerator", ["h20", "h200-sxm"])
def test_no_export_rule_passes_an_accelerator_without_figures(base: LoadedFleet, accelerator: str) -> None:
    capacity, catalog = compute(base), load_catalog()
    cost = cost_report(base, capacity, ON)
    removals: tuple[dict[str, Any], ...] = (
        {"dense_tops": {}},
        {"dense_tops": {"fp16": Fact[float]()}},
        {"vendor": "nobody"},
    )
    for facts in removals:
        changed = _catalog_without(catalog, accelerator, **facts)
        found = evaluate(base, changed, capacity, cost, ON)
        classified = [
            f for f in found if f.rule == "export-classification" and f.evidence["accelerator"] == accelerator
        ]
        assert classified
        assert {f.verdict for f in classified} == {"unknown"}
        assert blocking(classified) == tuple(classified)


def test_the_h20_does_not_pass_as_small_without_its_die_area(base: LoadedFleet) -> None:
    capacity, catalog = compute(base), load_catalog()
    changed = _catalog_without(catalog, "h20", die_area_mm2=Fact[float]())
    found = evaluate(base, changed, capacity, cost_report(base, capacity, ON), ON)
    subject = "cn-north-inference/h20"
    verdicts = {f.rule: f.verdict for f in found if f.subject == subject}
    assert verdicts["export-classification"] == "unknown"
    assert verdicts["us-3a090"] == "unknown"
    assert verdicts["us-hq-guidance"] == "unknown"


COUNTRIES = ("CN", "MY", "US", "SG", "HK", "MO", "KH", "RU", "QQ")
DRAWN: Mapping[str, tuple[Any, ...]] = {
    "sites.*.country": COUNTRIES,
    "sites.*.tenure": ("owned", "leased", "cloud"),
    "sites.*.data_classes": ([], ["china"], ["international"], ["china", "international"]),
    "parties.*.country": COUNTRIES,
    "parties.*.own": (True, False),
    "parties.*.ultimate_parent.headquarters": COUNTRIES,
    "parties.*.vetting.status": ("cleared", "pending", "refused"),
    "parties.*.vetting.covers": ([], ["party"], ["party", "ultimate_parent"]),
    "leases.*.access": ("remote", "physical"),
    "leases.*.tenant": ("tenant", "lessor", "cloud-provider"),
    "leases.*.quantity": (16, 800),
    "clusters.*.pools.*.drivers.driver": ("580.95.05", "535.1", "25.5.0", "0"),
    "clusters.*.pools.*.rollout.max_unavailable": (0, 1, "50%", "100%"),
    "clusters.*.pools.*.cost.currency": ("USD", "CNY", "XXX"),
    "workloads.*.audience": ("china", "international", "elsewhere"),
    "workloads.*.on_drain": ("shift_traffic", "checkpoint", "wait_for_end", "refuse"),
    "policy.domestic_share.measure": ("accelerators", "compute"),
    "policy.on_unknown": ({"third-party-vetting": "warn"}, {"budgets": "refuse"}, {"nothing": "warn"}),
}


def _mutated(document: Document, draw: random.Random) -> Document:
    """A few fields drawn anew, a few optional ones removed, and days moved."""
    changed = copied(document)
    for pattern in draw.sample(sorted(DRAWN), draw.randint(1, 4)):
        paths = list(_matching(changed, pattern.split(".")))
        if paths:
            _at(changed, draw.choice(paths)[:-1])[pattern.split(".")[-1]] = draw.choice(DRAWN[pattern])
    for path in draw.sample(_days(changed), 2):
        _at(changed, path[:-1])[path[-1]] += timedelta(days=draw.randint(-900, 900))
    for pattern in draw.sample(["parties.*.vetting", "parties.*.ultimate_parent", "leases.*.price", "budgets.*"], 2):
        paths = list(_matching(changed, pattern.split(".")))
        if paths and draw.random() < 0.5:
            changed = without(changed, draw.choice(paths))
    return changed


def _at(document: Document, path: tuple[str | int, ...]) -> Any:
    node: Any = document
    for step in path:
        node = node[step]
    return node


def _days(node: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    if isinstance(node, date):
        return [path]
    return [found for key in _keys(node) for found in _days(node[key], (*path, key))]


def test_no_loaded_fleet_makes_a_rule_crash(
    document: Document, evaluated: Evaluated, tmp_path: Path, seed: int
) -> None:
    draw = random.Random(seed)
    loaded = 0
    for _ in range(10):
        (tmp_path / "fleet.yaml").write_text(
            json.dumps(_mutated(document, draw), indent=1, default=str),
            encoding="utf-8",  # JSON is YAML too
        )
        try:
            fleet = load_fleet(tmp_path)
        except Problems:
            continue
        loaded += 1
        on = ON + timedelta(days=draw.randint(-2000, 2000))
        found = evaluated(fleet, on)
        assert {f.rule for f in found} <= set(CHECKS), f"seed {seed}"
        for finding in found:
            assert finding.reason, f"seed {seed}"
            assert finding.where.line, f"seed {seed}: {finding}"
            assert finding.fix or not finding.open, f"seed {seed}: {finding}"
            assert finding.as_dict()
        assert evaluated(fleet, on) == found, f"seed {seed}: not deterministic"
    assert loaded >= 2, f"seed {seed}: nearly every fleet was refused, so the test shows little"


def test_the_order_of_the_declaration_does_not_change_the_findings(
    base: LoadedFleet, document: Document, fleet_of: FleetOf, evaluated: Evaluated
) -> None:
    turned = {
        key: dict(reversed(value.items())) if isinstance(value, dict) and key != "policy" else value
        for key, value in reversed(document.items())
    }
    expected = {(f.rule, f.subject, f.verdict, f.severity) for f in evaluated(base, ON)}
    assert {(f.rule, f.subject, f.verdict, f.severity) for f in evaluated(fleet_of(turned), ON)} == expected


def test_removing_an_exception_never_makes_fewer_open_findings(
    document: Document, fleet_of: FleetOf, evaluated: Evaluated, seed: int
) -> None:
    draw = random.Random(seed)
    changed = _broken(document)
    open_before = [f for f in evaluated(fleet_of(changed), ON) if f.open]
    assert len(blocking(open_before)) >= 4
    accepted = draw.sample(open_before, 4)
    changed["policy"]["exceptions"] = [_exception(f, ON + timedelta(days=draw.randint(-3, 3))) for f in accepted]
    open_now = _open(evaluated(fleet_of(changed), ON))
    for index in range(4):
        fewer = without(changed, ("policy", "exceptions", index))
        assert open_now <= _open(evaluated(fleet_of(fewer), ON)), f"seed {seed}"


def _broken(document: Document) -> Document:
    changed = copied(document)
    del changed["parties"]["lessor"]["vetting"]
    del changed["parties"]["colo-operator"]["ultimate_parent"]
    del changed["clusters"]["cn-north-inference"]["pools"]["h20"]["authorisations"]
    changed["sites"]["sg-cloud"]["data_classes"] = ["china"]
    return changed


def _exception(finding: Finding, expires: date) -> dict[str, Any]:
    return {"rule": finding.rule, "subject": finding.subject, "reason": "r", "approved_by": "a", "expires": expires}


def _open(findings: Sequence[Finding]) -> frozenset[tuple[str, str, str]]:
    """Open findings, but for those about exceptions themselves."""
    about = ("expired-acceptance", "policy-settings", "coming-events")
    return frozenset((f.rule, f.subject, f.verdict) for f in findings if f.open and f.rule not in about)


def test_a_stop_blocks_only_the_clusters_that_hold_its_subject(
    document: Document, fleet_of: FleetOf, evaluated: Evaluated
) -> None:
    changed = copied(document)
    del changed["parties"]["lessor"]["vetting"]
    found = evaluated(fleet_of(changed), ON)
    assert {f.rule for f in blocking(found, "my-johor-training")} == {"third-party-vetting"}
    assert blocking(found, "cn-north-inference") == ()
    assert blocking(found, "sg-cloud-serving") == ()


def test_the_sandbox_fleet_is_stopped_by_nothing_on_its_day(base: LoadedFleet, evaluated: Evaluated) -> None:
    found = evaluated(base, ON)
    assert blocking(found) == ()
    silent = {rule for rule in CHECKS if not any(f.rule == rule for f in found)}
    # these speak only where there is something to speak of: own charts, settings, exceptions, ends within 60 days
    assert silent == {"device-resource-owner", "policy-settings", "expired-acceptance", "coming-events"}


def test_a_model_of_the_declaration_is_not_changed_by_evaluating_it(base: LoadedFleet, evaluated: Evaluated) -> None:
    before = Fleet.model_dump_json(base.fleet)
    evaluated(base, ON)
    assert Fleet.model_dump_json(base.fleet) == before
