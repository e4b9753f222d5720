"""Versions by date, and exceptions: each open finding can be accepted by name until a day, and not a day longer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from causeway.fleet.load import LoadedFleet
from causeway.policy import Finding, blocking
from causeway.policy.rulebook import rulebook
from tests.policy.conftest import put
from tests.policy.mutations import BROKEN, copied

ON = date(2026, 11, 22)
Document = dict[str, Any]
FleetOf = Callable[[Document], LoadedFleet]
Evaluated = Callable[[LoadedFleet, date], tuple[Finding, ...]]


def _refused(document: Document) -> Document:
    made = copied(document)
    for path, value in BROKEN.items():
        put(made, path, value)
    return made


def _by_rule(findings: tuple[Finding, ...]) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    for finding in findings:
        found.setdefault(finding.rule, []).append(finding)
    return found


def test_before_its_first_version_a_rule_says_only_when_it_begins(
    document: Document, fleet_of: FleetOf, evaluated: Evaluated
) -> None:
    fleet = fleet_of(_refused(document))
    for day in sorted({rule.versions[0].since for rule in rulebook().rules.values()}):
        before = _by_rule(evaluated(fleet, day - timedelta(days=1)))
        for name, rule in rulebook().rules.items():
            if rule.versions[0].since != day:
                continue
            assert [(f.verdict, f.subject, f.severity) for f in before[name]] == [("not_applicable", "fleet", "info")]
            assert str(day) in before[name][0].reason


def test_each_later_version_decides_from_its_first_day(base: LoadedFleet, evaluated: Evaluated) -> None:
    begins = {(version.since, name) for name, rule in rulebook().rules.items() for version in rule.versions[1:]}
    assert begins
    for day in {day for day, _ in begins}:
        found = _by_rule(evaluated(base, day))
        for name in {name for begun, name in begins if begun == day} & found.keys():
            assert {f.rule_version for f in found[name]} == {day}, name


def test_every_open_finding_can_be_accepted_by_name_until_the_exception_s_last_day(
    document: Document, fleet_of: FleetOf, evaluated: Evaluated
) -> None:
    refused = _refused(document)
    refused["policy"]["exceptions"] = []
    before = [f for f in evaluated(fleet_of(refused), ON) if f.open]
    assert len(blocking(before)) >= 12
    refused["policy"]["exceptions"] = [
        {"rule": f.rule, "subject": f.subject, "reason": "r", "approved_by": "a", "expires": ON} for f in before
    ]
    after = evaluated(fleet_of(refused), ON)
    assert [f for f in after if f.open] == []
    accepted = [(f.rule, f.subject) for f in after if f.accepted_by is not None]
    assert sorted(accepted) == sorted((f.rule, f.subject) for f in before)
    the_day_after = blocking(evaluated(fleet_of(refused), ON + timedelta(days=1)))
    assert {(f.rule, f.subject) for f in blocking(before)} <= {(f.rule, f.subject) for f in the_day_after}


def test_an_exception_for_another_subject_rule_or_without_approver_accepts_nothing(
    document: Document, fleet_of: FleetOf, evaluated: Evaluated
) -> None:
    refused = _refused(document)
    refused["policy"]["exceptions"] = []
    open_before = {(f.rule, f.subject) for f in evaluated(fleet_of(refused), ON) if f.open}
    good = {"reason": "r", "approved_by": "a", "expires": ON}
    refused["policy"]["exceptions"] = [
        {"rule": "third-party-vetting", "subject": "party/nobody", **good},
        {"rule": "us-3a090", "subject": "party/lessor", **good},
        {"rule": "third-party-vetting", "subject": "party/lessor", **good, "approved_by": " "},
        {"rule": "third-party-vetting", "subject": "party/lessor", **good, "reason": ""},
    ]
    after = evaluated(fleet_of(refused), ON)
    assert open_before <= {(f.rule, f.subject) for f in after if f.open}
    assert [f for f in after if f.accepted_by is not None] == []
