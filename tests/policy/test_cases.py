"""Cases as data: a change of the sandbox's fleet, and the verdicts of a rule on days. One file a case, by rule."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from causeway.policy import Finding
from causeway.policy.rulebook import rulebook

CASES = Path(__file__).parent / "cases"
FILES = sorted(CASES.glob("*/*.yaml"))
EXPECTATIONS = {
    "day",
    "rule",
    "subject",
    "verdict",
    "severity",
    "version",
    "accepted",
    "says",
    "never",
    "fix",
    "evidence",
}


def _read(file: Path) -> dict[str, Any]:
    return dict(yaml.load(file.read_bytes(), Loader=yaml.CSafeLoader))


CONTENTS = {file: _read(file) for file in FILES}


def test_every_rule_has_cases_with_different_verdicts() -> None:
    for rule in rulebook().rules:
        expected = [each for file, case in CONTENTS.items() if file.parent.name == rule for each in case["expect"]]
        verdicts = {each["verdict"] for each in expected}
        assert len(verdicts) >= 2, f"{rule} has cases only for {verdicts or 'nothing'}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_case(file: Path, changed: Any, evaluated: Any) -> None:
    case = CONTENTS[file]
    assert case["says"], "a case says what it shows"
    loaded = changed(case.get("change"), case.get("delete", ()))
    judged: dict[date, tuple[Finding, ...]] = {}
    for expected in case["expect"]:
        assert expected.keys() <= EXPECTATIONS, expected
        day = expected["day"]
        if day not in judged:
            judged[day] = evaluated(loaded, day)
        rule = expected.get("rule", file.parent.name)
        found = [f for f in judged[day] if f.rule == rule and f.subject == expected["subject"]]
        _compare(found, expected, [f.subject for f in judged[day] if f.rule == rule])


def _compare(found: list[Finding], expected: dict[str, Any], subjects: list[str]) -> None:
    if expected["verdict"] is None:
        assert not found, f"no finding was expected on {expected['on']}: {found}"
        return
    matching = [f for f in found if expected.get("says", "") in f.reason]
    assert matching, f"{expected}: {[(f.verdict, f.reason) for f in found] or subjects}"
    for finding in matching:
        assert finding.verdict == expected["verdict"], (expected, finding.reason)
        assert finding.severity == expected.get("severity", finding.severity), (expected, finding.severity)
        assert finding.rule_version == expected.get("version", finding.rule_version), finding.rule_version
        assert (finding.accepted_by is not None) == expected.get("accepted", False), finding.reason
        assert expected.get("fix", "") in finding.fix, finding.fix
        for word in expected.get("never", ()):
            assert word not in str(finding.as_dict()), word
        for key, value in expected.get("evidence", {}).items():
            assert value in finding.evidence[key], finding.evidence
        assert not finding.open or finding.fix, f"an open finding says what to do: {finding}"
