"""Legal entities and the records of their vetting."""

from __future__ import annotations

from typing import Literal

from causeway.fleet.base import Country, Day, Flag, Model, Text


class UltimateParent(Model):
    """The entity at the top of a party's ownership."""

    legal_name: Text
    """Registered name."""
    country: Country
    """Country of registration."""
    headquarters: Country
    """Country of the headquarters, which export rules ask for beside the registration."""


class Vetting(Model):
    """The result of a check of a third party, with its evidence and its end."""

    status: Literal["cleared", "pending", "refused"]
    """Outcome of the check."""
    covers: tuple[Literal["party", "ultimate_parent"], ...]
    """Whom the check looked at; a rule that needs both does not accept one."""
    checked_on: Day
    """Day of the check."""
    valid_until: Day
    """Last day on which the check counts."""
    checked_by: Text
    """Team or person who answers for the check."""
    evidence: Text | None = None
    """Where the evidence lies: a path beside the declaration, or an id in another system."""


class Party(Model):
    """A legal entity that owns, operates, leases or uses capacity."""

    legal_name: Text
    """Registered name."""
    country: Country
    """Country of registration."""
    headquarters: Country | None = None
    """Country of the party's own headquarters; default its country of registration."""
    own: Flag = False
    """True for one's own entities, which need no vetting record."""
    ultimate_parent: UltimateParent | None = None
    """The entity at the top of the ownership. Unknown is written by leaving it out, and rules then say so."""
    vetting: Vetting | None = None
    """The last check of this party; third parties need one."""
