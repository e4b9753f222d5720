"""Export-control arithmetic: total processing performance, performance density, and the bucket they fall into.

15 CFR 774 supplement 1, ECCN 3A090: total processing performance is twice the MacTOPS times the bit length, which is
the dense TOPS times the bit length; the highest over the formats counts, over all dies of a package. Performance
density is that over the die area. Everything is computed over spans, so that conflicting or missing figures decide
only where every reading of them leads to the same bucket.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Literal

from causeway.fleet.base import Country, Day, Model, Name, Number, Text
from causeway.fleet.catalog_entries import AcceleratorEntry, Fact, NumberFormat
from causeway.policy.rulebook import read

BITS: Mapping[NumberFormat, int] = {
    "fp64": 64, "fp32": 32, "tf32": 32, "fp16": 16, "bf16": 16, "fp8": 8, "fp4": 4, "int16": 16, "int8": 8, "int4": 4,
}  # fmt: skip
"""Bit length of each number format. TF32 is stored in 32 bits and computed in 19; the longer one is the careful one."""

Bucket = Literal["3A090.a", "3A090.b", "none"]


@dataclass(frozen=True, slots=True)
class Span:
    """A number that is known to lie between two ends, both included."""

    low: float
    high: float

    def __str__(self) -> str:
        """One number when both ends agree, `low to high` or `at least low` otherwise."""
        if self.low == self.high:
            return f"{self.low:g}"
        return f"at least {self.low:g}" if math.isinf(self.high) else f"{self.low:g} to {self.high:g}"


ANYTHING = Span(0.0, math.inf)


class Bounds(Model):
    """One way into a bucket; a bound that is left out does not narrow it."""

    tpp_min: Number | None = None
    """Least total processing performance."""
    tpp_below: Number | None = None
    """Total processing performance has to stay below."""
    density_min: Number | None = None
    """Least performance density."""
    density_below: Number | None = None
    """Performance density has to stay below."""

    def hold(self, tpp: float, density: float) -> bool:
        """Whether a point lies within all bounds."""
        return (
            (self.tpp_min is None or tpp >= self.tpp_min)
            and (self.tpp_below is None or tpp < self.tpp_below)
            and (self.density_min is None or density >= self.density_min)
            and (self.density_below is None or density < self.density_below)
        )


class Thresholds(Model):
    """The buckets as they are from a day on."""

    since: Day
    """First day."""
    source: Text
    """Where they were read."""
    buckets: dict[Literal["3A090.a", "3A090.b"], tuple[Bounds, ...]]
    """Ways into each bucket, the graver one first."""


class CaseByCase(Model):
    """Limits of the case-by-case review."""

    countries: tuple[Country, ...]
    """Destinations that it covers."""
    tpp_below: Number
    """Total processing performance below which it reviews."""
    memory_bandwidth_gb_s_below: Number
    """Memory bandwidth below which it reviews, in gigabytes per second."""


class Letter(Model):
    """Accelerators that a letter names whatever their figures."""

    accelerators: tuple[Name, ...]
    """Accelerators of the catalog."""


class ExportNumbers(Model):
    """The numbers of the export rules."""

    thresholds: tuple[Thresholds, ...]
    """Thresholds, oldest first."""
    case_by_case: CaseByCase
    """Limits of us-h200-policy."""
    letter: Letter
    """Accelerators of us-h20-letter."""

    def on(self, day: date) -> Thresholds | None:
        """Thresholds that hold on a day; None before the first."""
        return next((entry for entry in reversed(self.thresholds) if entry.since <= day), None)


@cache
def export_numbers() -> ExportNumbers:
    """The numbers of this release."""
    return ExportNumbers.model_validate(read("export.yaml"))


def span(fact: Fact[float]) -> Span | None:
    """What a fact allows to be said: a span over all its readings, or None when it must not decide.

    A conflicting fact without its alternatives is no basis for a decision, whichever value stands first.
    """
    values = (*(() if fact.value is None else (fact.value,)), *fact.alternatives)
    if not values or fact.confidence == "unverified":
        return None
    if fact.confidence == "conflicting" and not fact.alternatives:
        return None
    return Span(min(values), max(values))


def tpp(dense: Mapping[NumberFormat, Fact[float]]) -> Span | None:
    """Total processing performance.

    Args:
        dense: dense TOPS by format. A format whose figure is unknown leaves the upper end open.

    Returns:
        None when no figure is known at all.
    """
    spans = {name: span(fact) for name, fact in dense.items()}
    known = [Span(value.low * BITS[name], value.high * BITS[name]) for name, value in spans.items() if value]
    if not known:
        return None
    high = max(value.high for value in known) if all(spans.values()) else math.inf
    return Span(max(value.low for value in known), high)


def performance_density(performance: Span | None, die_area: Span | None) -> Span | None:
    """Performance per square millimetre of die; None when one of the two is unknown or the area is not positive."""
    if performance is None or die_area is None or die_area.low <= 0:
        return None
    return Span(performance.low / die_area.high, performance.high / die_area.low)


def bucket(performance: Span | None, density: Span | None, thresholds: Thresholds) -> Bucket | None:
    """The bucket, or None when the figures do not decide it.

    Buckets only grow graver as performance or density grows, so both ends agreeing decides for all between them.
    """
    low = _bucket_at((performance or ANYTHING).low, (density or ANYTHING).low, thresholds)
    high = _bucket_at((performance or ANYTHING).high, (density or ANYTHING).high, thresholds)
    return low if low == high else None


def _bucket_at(performance: float, density: float, thresholds: Thresholds) -> Bucket:
    for name, ways in thresholds.buckets.items():
        if any(way.hold(performance, density) for way in ways):
            return name
    return "none"


@dataclass(frozen=True, slots=True)
class Classification:
    """An accelerator's figures and bucket on a day."""

    performance: Span | None
    density: Span | None
    bucket: Bucket | None
    thresholds_since: date | None

    @property
    def controlled(self) -> bool | None:
        """True in bucket a or b, False below both, None when undecided."""
        return None if self.bucket is None else self.bucket != "none"

    def evidence(self) -> dict[str, str]:
        """The figures for a finding."""
        return {
            "total_processing_performance": str(self.performance or "unknown"),
            "performance_density": _two_decimals(self.density) if self.density else "unknown",
            "bucket": self.bucket or "undecided",
            "thresholds_since": str(self.thresholds_since or "none on this day"),
        }


def _two_decimals(density: Span) -> str:
    return str(density) if density.low != density.high else f"{density.low:.2f}"


UNCLASSIFIED = Classification(None, None, None, None)


def classify(entry: AcceleratorEntry | None, on: date) -> Classification:
    """An accelerator's classification on a day. Without an entry or thresholds nothing is decided."""
    thresholds = export_numbers().on(on)
    if entry is None or thresholds is None:
        return UNCLASSIFIED
    performance = tpp(entry.dense_tops)
    density = performance_density(performance, span(entry.die_area_mm2))
    return Classification(performance, density, bucket(performance, density, thresholds), thresholds.since)
