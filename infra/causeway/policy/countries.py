"""Country groups that rules ask for. A country on neither side of a list is unknown, never outside."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import cache
from typing import Literal

from causeway.fleet.base import Country, Day, Model, Text
from causeway.policy.rulebook import read

GroupName = Literal["us-arms-embargoed-or-macau", "us-national-security-or-missile"]
EMBARGOED: GroupName = "us-arms-embargoed-or-macau"
RESTRICTED: GroupName = "us-national-security-or-missile"


class Member(Model):
    """A country in a group."""

    confidence: Literal["primary", "secondary"]
    """How far the reading can be trusted."""
    source: Text = ""
    """Where it was read, when the group's source does not say it."""
    since: Day | None = None
    """First day, when it joined after the rules began."""
    until: Day | None = None
    """Last day, when it left."""


class Outside(Model):
    """Countries that were read to stand outside a group."""

    source: Text
    """Where it was read."""
    countries: tuple[Country, ...]
    """Countries."""


class Group(Model):
    """A country group, with the day of its reading."""

    title: Text
    """What it is."""
    version: Day
    """Day of the reading."""
    source: Text
    """Where it was read."""
    members: dict[Country, Member]
    """Countries in it."""
    outside: Outside
    """Countries that are known not to be in it."""

    def holds(self, country: str, on: date) -> bool | None:
        """Whether a country is in the group on a day; None when the list does not say."""
        member = self.members.get(country)
        if member is not None:
            return (member.since is None or member.since <= on) and (member.until is None or on <= member.until)
        return False if country in self.outside.countries else None


class CountryGroups(Model):
    """All country groups."""

    groups: dict[GroupName, Group]
    """Groups by name."""


@cache
def group(name: GroupName) -> Group:
    """A country group of this release."""
    return CountryGroups.model_validate(read("country_groups.yaml")).groups[name]


def any_holds(name: GroupName, countries: Iterable[str | None], on: date) -> bool | None:
    """Whether any of several countries is in a group; None when one of them is unknown and none is surely in it."""
    answers = [group(name).holds(country, on) if country else None for country in countries]
    if any(answers):
        return True
    return False if answers and all(answer is False for answer in answers) else None
