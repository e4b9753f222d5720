"""The reference of the rules, and the book that it is made from."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from causeway.policy.explain import FAMILIES, explain, reference
from causeway.policy.rulebook import Rule, rulebook

REPOSITORY = Path(__file__).parents[2]


def test_the_committed_reference_is_the_rules() -> None:
    text = (REPOSITORY / "docs" / "reference" / "rules.md").read_text(encoding="utf-8")
    assert text == reference(), "run: causeway rules --markdown --out docs/reference/rules.md"


def test_the_reference_tells_every_rule_its_versions_and_severities() -> None:
    text = reference()
    for name, rule in rulebook().rules.items():
        assert f"\n### {name}\n" in text
        assert f"On failure: {rule.on_fail}. On missing data: {rule.on_unknown}." in text
        for version in rule.versions:
            assert f"| {version.since} |" in text
    assert rulebook().notice in text
    assert str(rulebook().date) in text


def test_every_family_has_a_heading() -> None:
    assert {rule.family for rule in rulebook().rules.values()} == set(FAMILIES)


def test_explaining_a_rule_tells_the_last_day_of_each_version() -> None:
    versions = explain("us-affiliates-50")["versions"]
    assert [version["until"] for version in versions] == ["2025-11-09", "2026-11-09", None]
    assert explain("us-h20-letter")["on_unknown"] == "stop"
    with pytest.raises(KeyError):
        explain("no-such-rule")


def test_the_version_of_a_day_is_the_newest_that_began() -> None:
    for rule in rulebook().rules.values():
        assert rule.on(rule.versions[0].since - timedelta(days=1)) is None
        for version in rule.versions:
            assert rule.on(version.since) == version
            until = rule.until(version)
            assert rule.on(until or date.max) == version


def test_versions_out_of_order_are_refused() -> None:
    known = rulebook().rules["us-h20-letter"].model_dump()
    with pytest.raises(ValidationError, match="oldest first"):
        Rule.model_validate({**known, "versions": list(reversed(known["versions"]))})


def test_licences_parties_and_data_classes_stop_on_missing_data_and_pending_law_warns() -> None:
    rules = rulebook().rules
    for name in (
        "us-3a090",
        "us-hq-guidance",
        "us-h20-letter",
        "third-party-vetting",
        "my-site-record",
        "data-classes",
    ):
        assert rules[name].on_unknown == "stop", name
    for name in ("driver-compatibility", "us-remote-access-bill", "us-affiliates-50"):
        assert rules[name].on_unknown == "warn", name
