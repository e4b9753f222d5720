"""The share of accelerators designed in a country, among those that stand in it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from causeway.capacity.offer import Capacity
from causeway.catalog import Catalog
from causeway.fleet.load import LoadedFleet


@dataclass(frozen=True, slots=True)
class Share:
    """A share of accelerators. Pools whose vendor is not known are counted apart, never guessed."""

    country: str
    domestic: int
    foreign: int
    unknown: int
    by_accelerator: tuple[tuple[str, int], ...]
    """(accelerator, count) in the country, largest first."""

    @property
    def total(self) -> int:
        """All accelerators in the country."""
        return self.domestic + self.foreign + self.unknown

    @property
    def least(self) -> Fraction | None:
        """The share if every unknown accelerator were foreign; None when there is none at all."""
        return Fraction(self.domestic, self.total) if self.total else None

    @property
    def most(self) -> Fraction | None:
        """The share if every unknown accelerator were domestic; None when there is none at all."""
        return Fraction(self.domestic + self.unknown, self.total) if self.total else None


def domestic_share(loaded: LoadedFleet, catalog: Catalog, capacity: Capacity, country: str) -> Share:
    """Count the installed accelerators of a country's sites by the country of their designer.

    Args:
        country: ISO 3166-1 alpha-2 code, both of the sites and of the domestic designers.
    """
    domestic = foreign = unknown = 0
    counts: dict[str, int] = {}
    for (cluster_name, _), pool in capacity.pools.items():
        site = loaded.fleet.sites[loaded.fleet.clusters[cluster_name].site]
        if site.country != country or pool.accelerator is None:
            continue
        counts[pool.accelerator] = counts.get(pool.accelerator, 0) + pool.installed
        entry = catalog.accelerators.get(pool.accelerator)
        vendor = catalog.vendors.get(entry.vendor) if entry else None
        if vendor is None:
            unknown += pool.installed
        elif vendor.country == country:
            domestic += pool.installed
        else:
            foreign += pool.installed
    ordered = tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
    return Share(country, domestic, foreign, unknown, ordered)
