"""The rules as dated data: what each asks, its versions by day, and what its verdicts mean.

The files under `data/` are meant to be changed by whoever answers for the rules, without a change of code.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from functools import cache
from importlib import resources
from typing import Any, Literal

import yaml
from pydantic import Field, model_validator

from causeway.fleet.base import Day, Model, Name, Text
from causeway.policy.findings import Severity, Verdict

Status = Literal["in_force", "suspended", "not_enforced", "informal", "pending", "unknown"]
Family = Literal["export", "parties", "share", "data", "leases", "money", "technical", "declaration"]


class Version(Model):
    """What a rule is from one day on, until the next version's first day."""

    since: Day
    """First day."""
    status: Status = "in_force"
    """Whether it is applied; `unknown` when that could not be verified."""
    says: Text
    """The rule in a sentence or two."""
    source: Text
    """Where it was read."""


class Rule(Model):
    """One rule: what it asks, of whom, and what its verdicts mean."""

    family: Family
    """Group in the documentation."""
    title: Text
    """A few words for a table."""
    on_fail: Severity
    """Severity of `fail`."""
    on_unknown: Severity
    """Severity of `unknown`."""
    subject: Text
    """What its findings are about."""
    needs: tuple[Text, ...]
    """Fields of the declaration and the catalog that decide."""
    left_out: Text | None = None
    """Why a field that is left out may leave the verdict `pass`; null where it never does."""
    fix: Text
    """What usually helps."""
    answered_by: tuple[Name, ...] = ()
    """Rule ids that an authorisation may name to answer this rule."""
    versions: tuple[Version, ...] = Field(min_length=1)
    """Versions, oldest first."""

    @model_validator(mode="after")
    def _oldest_first(self) -> Rule:
        days = [version.since for version in self.versions]
        if days != sorted(set(days)):
            raise ValueError("versions of a rule stand oldest first, each with a day of its own")
        return self

    def on(self, day: date) -> Version | None:
        """The version that holds on a day; None before the first."""
        return next((version for version in reversed(self.versions) if version.since <= day), None)

    def until(self, version: Version) -> date | None:
        """Last day of a version; None for the newest."""
        later = [other.since for other in self.versions if other.since > version.since]
        return min(later) - timedelta(days=1) if later else None

    def severity(self, verdict: Verdict, *, tightened: bool = False) -> Severity:
        """What a verdict of this rule means. `tightened`: the fleet asks that missing data refuses."""
        if verdict == "fail":
            return self.on_fail
        if verdict == "unknown":
            return "stop" if tightened else self.on_unknown
        return "info"


class Rulebook(Model):
    """All rules, by id, in the order in which findings are told."""

    date: Day
    """Day of the rule set."""
    notice: Text
    """What a reader has to know of all rules."""
    review_after_days: int
    """Age from which the rule set itself is told to be old."""
    rules: dict[Name, Rule]
    """Rules by id."""


def read(name: str) -> Mapping[str, Any]:
    """A data file of this package, parsed."""
    text = resources.files("causeway.policy").joinpath("data", name).read_text(encoding="utf-8")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    document: Mapping[str, Any] = yaml.load(text, Loader=loader)  # noqa: S506 - both are safe loaders
    return document


@cache
def rulebook() -> Rulebook:
    """The rules of this release."""
    return Rulebook.model_validate(read("rules.yaml"))
