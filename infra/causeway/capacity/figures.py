"""Amounts of money in the currency of reports: known, or unknown with the reason, but never zero for unknown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from causeway.fleet.governance import MoneySettings

HOURS_PER_MONTH = Decimal(730)
"""A month's hours wherever a price by the hour is told by the month (365 days * 24 hours / 12)."""
CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Figure:
    """An amount in the currency of reports. What is unknown is counted in `unknown`, beside what is known."""

    known: Decimal = Decimal(0)
    unknown: tuple[str, ...] = ()
    """Why something is missing from `known`, one reason each, without repeats."""

    @property
    def complete(self) -> bool:
        """True when nothing is missing."""
        return not self.unknown

    def times(self, factor: int | Decimal) -> Figure:
        """The figure times a number; nothing of something unknown is known to be nothing."""
        return Figure(self.known * factor, self.unknown) if factor else Figure()

    def to_cents(self) -> Figure:
        """The figure rounded to two decimals; lines are, so that what is printed adds up to its sums."""
        return Figure(self.known.quantize(CENT), self.unknown)

    def as_dict(self) -> dict[str, object]:
        """Amount as a number with two decimals (what is known of it), and what is not known."""
        return {"known": float(self.known.quantize(CENT)), "complete": self.complete, "unknown": list(self.unknown)}


def total(figures: Iterable[Figure]) -> Figure:
    """Sum of figures; reasons are kept once each, in order."""
    known, reasons = Decimal(0), dict[str, None]()
    for figure in figures:
        known += figure.known
        reasons.update(dict.fromkeys(figure.unknown))
    return Figure(known, tuple(reasons))


@dataclass(frozen=True, slots=True)
class Exchange:
    """Turns declared amounts into the currency of reports."""

    settings: MoneySettings

    def usd(self, currency: str) -> Decimal | None:
        """US dollars for one unit; None when no rate is declared."""
        if currency == "USD":
            return Decimal(1)
        rate = self.settings.rates.get(currency)
        return rate.usd if rate and rate.usd else None

    def convert(self, amount: Decimal, currency: str) -> Figure:
        """An amount in the currency of reports."""
        if currency == self.settings.currency:
            return Figure(amount)
        source, target = self.usd(currency), self.usd(self.settings.currency)
        if source is None or target is None:
            missing = currency if source is None else self.settings.currency
            return Figure(unknown=(f"no rate for {missing} under money.rates",))
        return Figure(amount * source / target)

    def note(self, currency: str) -> str:
        """Day and source of the rate that a currency was converted with; empty when none was needed."""
        rate = self.settings.rates.get(currency)
        if currency == self.settings.currency or rate is None:
            return ""
        return f"1 {currency} = {rate.usd} USD on {rate.as_of} ({rate.source})"
