"""Leases of capacity: what, how long, at what price, on which conditions."""

from __future__ import annotations

from typing import Literal

from causeway.fleet.base import Count, Currency, Day, Flag, Fraction, Model, Money, Name, Number, Positive, Text


class Authorisation(Model):
    """A licence or permit, and the rule that asks for it."""

    id: Text
    """Number of the licence or permit."""
    rule: Name
    """Id of the policy rule that this authorisation answers."""
    valid_until: Day
    """Last day on which it counts."""
    evidence: Text | None = None
    """Where the document lies."""


class Term(Model):
    """The days of a lease, both included."""

    start: Day
    """First day."""
    end: Day
    """Last day."""
    notice_days: Count = 0
    """Days before the end by which notice has to be given."""


class Price(Model):
    """What a lease costs."""

    amount: Money
    """Amount per unit of `per`."""
    currency: Currency
    """Currency of `amount`."""
    per: Literal["accelerator_hour", "accelerator_month", "host_month", "month"] = "accelerator_hour"
    """What the amount is paid for. A month counts 730 hours."""
    committed: Flag = True
    """True when the whole term is paid whether used or not."""
    source: Text
    """Contract or price list with its date."""


class BusBandwidth(Model):
    """A measured floor of collective bandwidth."""

    gb_s: Number
    """Gigabytes per second."""
    scope: Literal["within_host", "between_hosts"]
    """Between which accelerators."""


class Floors(Model):
    """Minimums that the lessor guarantees; below them it owes something."""

    hosts_available: Fraction | None = None
    """Share of the leased hosts that has to be usable."""
    bus_bandwidth: BusBandwidth | None = None
    """Floor of collective bandwidth."""


class EndUseStatement(Model):
    """The tenant's signed statement of end use."""

    signed_on: Day
    """Day of signature."""
    evidence: Text
    """Where the document lies."""


class EndOfTerm(Model):
    """The last days of a lease."""

    stop_scheduling_days_before: Count = 0
    """Days before the end from which nothing new is placed here."""


class Lease(Model):
    """A contract for capacity at one site. A pool names its lease; a site may carry several."""

    site: Name
    """Site where the capacity stands."""
    tenant: Name
    """Party that uses the capacity."""
    access: Literal["remote", "physical"]
    """`remote`: the tenant uses the accelerators over the network and never holds them."""
    accelerator: Name
    """Accelerator of the catalog."""
    quantity: Positive
    """Number of accelerators."""
    term: Term
    """First and last day, and the notice to give."""
    price: Price | None = None
    """Price; when it is left out, reports say that it is unknown."""
    floors: Floors = Floors()
    """What the lessor guarantees."""
    end_use_statement: EndUseStatement | None = None
    """The tenant's signed statement of end use."""
    authorisations: tuple[Authorisation, ...] = ()
    """Licences and permits, where a rule asks for one."""
    end_of_term: EndOfTerm = EndOfTerm()
    """What happens as the lease ends."""
