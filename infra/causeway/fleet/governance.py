"""Money, budgets, secrets' names, and the policy settings with their exceptions and approvals."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, Strict

from causeway.fleet.base import Country, Currency, Day, Fraction, Model, Money, Name, Text


class Rate(Model):
    """What one unit of a currency is worth in US dollars."""

    usd: Money
    """US dollars for one unit."""
    as_of: Day
    """Day of the rate."""
    source: Text
    """Where the rate was read."""


class MoneySettings(Model):
    """The currency of reports, and the rates into it."""

    currency: Currency = "USD"
    """Currency in which every report is made."""
    rates: dict[Currency, Rate] = {}
    """Rates by currency; USD needs none."""


class Secret(Model):
    """Where a secret's value comes from. The value itself never stands in the declaration."""

    source: Literal["pulumi_config", "env", "file", "external_secret"] = Field(alias="from")
    """Kind of source."""
    name: Text | None = None
    """Name in the source (variable, path, key); default the secret's own name."""


class BudgetScope(Model):
    """What a budget covers; a condition that is left out does not narrow it."""

    countries: tuple[Country, ...] | None = None
    """Only sites in these countries."""
    countries_except: tuple[Country, ...] | None = None
    """Only sites outside these countries."""
    sites: tuple[Name, ...] | None = None
    """Only these sites."""
    cost_kinds: tuple[Literal["owned", "leased", "cloud"], ...] | None = None
    """Only these kinds of cost."""


class Budget(Model):
    """An amount of money that must not be exceeded in a year."""

    amount: Money
    """Amount."""
    currency: Currency
    """Currency of `amount`."""
    period: Annotated[int, Strict(), Field(ge=2000, le=2100)]
    """Calendar year."""
    measure: Literal["purchases", "commitments"]
    """`purchases`: hosts put into service in the period; `commitments`: lease and cloud costs that fall into it."""
    scope: BudgetScope = BudgetScope()
    """What it covers."""
    source: Text
    """Where the figure comes from."""


class DomesticShare(Model):
    """The share of accelerators designed in one's own country, among those that stand in it."""

    country: Country
    """Country."""
    measure: Literal["accelerators", "compute"] = "accelerators"
    """What is counted."""
    minimum: Fraction
    """Below it the rule fails."""
    target: Fraction
    """Below it the rule warns."""
    source: Text
    """Where the figures come from."""


class PolicyException(Model):
    """A finding that somebody accepts for a time."""

    rule: Name
    """Rule."""
    subject: Text
    """Subject as the finding names it."""
    reason: Text
    """Why."""
    approved_by: Text
    """Who answers for it."""
    expires: Day
    """Last day on which it counts."""


class Approval(Model):
    """Leave to destroy or replace protected capacity."""

    operation: Literal["destroy", "replace"]
    """What may be done."""
    subject: Text
    """To what, as the message that asks for it names it."""
    approved_by: Text
    """Who answers for it."""
    expires: Day
    """Last day on which it counts."""


class Policy(Model):
    """Settings of the rules."""

    domestic_share: DomesticShare | None = None
    """The share of domestic accelerators."""
    on_unknown: dict[Name, Literal["refuse", "warn"]] = {}
    """What a rule does when data is missing; a fleet may tighten a rule's default, not loosen it."""
    exceptions: tuple[PolicyException, ...] = ()
    """Findings that somebody accepts for a time."""
    approvals: tuple[Approval, ...] = ()
    """Leave to destroy or replace protected capacity."""
