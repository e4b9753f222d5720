"""What rules look at: a fleet with its catalog, capacity and cost on a day, and the questions that several rules ask.

Nothing here judges. References that do not resolve give None, so that a rule says what is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Literal

from causeway.capacity.money import CostReport
from causeway.capacity.offer import Capacity
from causeway.catalog import Catalog
from causeway.fleet.catalog_entries import AcceleratorEntry
from causeway.fleet.document import Fleet
from causeway.fleet.leases import Authorisation, Lease
from causeway.fleet.load import LoadedFleet
from causeway.fleet.parties import Party
from causeway.fleet.sites import Site
from causeway.policy.export import Classification, classify
from causeway.policy.findings import Path
from causeway.policy.leaks import Leak, leaks

Role = Literal["owner", "operator", "tenant"]


@dataclass(frozen=True, slots=True)
class Asset:
    """Accelerators at one place: a pool's, or a lease's that no pool holds yet."""

    subject: str
    path: Path
    clusters: tuple[str, ...]
    accelerator: str
    entry: AcceleratorEntry | None
    origin: str | None
    """Country of the designer; None when the catalog does not say."""
    site_name: str
    site: Site | None
    lease_name: str | None
    lease: Lease | None
    authorisations: tuple[tuple[Path, Authorisation], ...]
    classification: Classification

    @property
    def country(self) -> str | None:
        """Country where the accelerators stand."""
        return self.site.country if self.site else None


@dataclass(frozen=True, slots=True)
class RoleHeld:
    """What a party does at a site, or for a lease as its tenant."""

    role: Role
    holder: str
    clusters: tuple[str, ...]


@dataclass(frozen=True)
class Facts:
    """Everything that a rule may ask."""

    loaded: LoadedFleet
    catalog: Catalog
    capacity: Capacity
    cost: CostReport
    on: date

    @property
    def fleet(self) -> Fleet:
        """The declaration."""
        return self.loaded.fleet

    @cached_property
    def all_clusters(self) -> tuple[str, ...]:
        """Every cluster, in declared order."""
        return tuple(self.fleet.clusters)

    @cached_property
    def clusters_at(self) -> Mapping[str, tuple[str, ...]]:
        """Clusters by site."""
        found: dict[str, tuple[str, ...]] = {}
        for name, cluster in self.fleet.clusters.items():
            found[cluster.site] = (*found.get(cluster.site, ()), name)
        return found

    @cached_property
    def leaks(self) -> tuple[Leak, ...]:
        """Texts that look like secrets."""
        return leaks(self.fleet)

    def party(self, name: str | None) -> Party | None:
        """A party by its key."""
        return self.fleet.parties.get(name) if name else None

    def origin(self, accelerator: str) -> str | None:
        """Country of an accelerator's designer."""
        entry = self.catalog.accelerators.get(accelerator)
        vendor = self.catalog.vendors.get(entry.vendor) if entry else None
        return vendor.country if vendor else None

    @cached_property
    def roles(self) -> Mapping[str, tuple[RoleHeld, ...]]:
        """What each party does, by party; parties that do nothing have no entry."""
        found: dict[str, list[RoleHeld]] = {}
        for name, site in self.fleet.sites.items():
            clusters = self.clusters_at.get(name, ())
            if site.owner:
                found.setdefault(site.owner, []).append(RoleHeld("owner", f"site {name}", clusters))
            if site.operator:
                found.setdefault(site.operator, []).append(RoleHeld("operator", f"site {name}", clusters))
        for name, lease in self.fleet.leases.items():
            held = RoleHeld("tenant", f"lease {name}", self.clusters_of_lease(name))
            found.setdefault(lease.tenant, []).append(held)
        return {party: tuple(held) for party, held in found.items()}

    def clusters_of_lease(self, lease: str) -> tuple[str, ...]:
        """Clusters with a pool on a lease."""
        return tuple(
            name
            for name, cluster in self.fleet.clusters.items()
            if any(pool.lease == lease for pool in cluster.pools.values())
        )

    @cached_property
    def assets(self) -> tuple[Asset, ...]:
        """Every pool with accelerators, then every lease without a pool."""
        pools = [
            self._pool_asset(cluster, pool)
            for cluster, declared in self.fleet.clusters.items()
            for pool in declared.pools
            if declared.pools[pool].accelerator
        ]
        leases = [self._lease_asset(name) for name in self.fleet.leases if not self.clusters_of_lease(name)]
        return (*pools, *leases)

    def _pool_asset(self, cluster: str, name: str) -> Asset:
        declared = self.fleet.clusters[cluster]
        pool = declared.pools[name]
        path: Path = ("clusters", cluster, "pools", name)
        lease = self.fleet.leases.get(pool.lease) if pool.lease else None
        own = tuple(((*path, "authorisations", i), a) for i, a in enumerate(pool.authorisations))
        return self._asset(
            f"{cluster}/{name}", path, (cluster,), pool.accelerator or "", declared.site, pool.lease, lease, own
        )

    def _lease_asset(self, name: str) -> Asset:
        lease = self.fleet.leases[name]
        return self._asset(f"lease/{name}", ("leases", name), (), lease.accelerator, lease.site, name, lease, ())

    def _asset(
        self,
        subject: str,
        path: Path,
        clusters: tuple[str, ...],
        accelerator: str,
        site_name: str,
        lease_name: str | None,
        lease: Lease | None,
        own: tuple[tuple[Path, Authorisation], ...],
    ) -> Asset:
        entry = self.catalog.accelerators.get(accelerator)
        leased = tuple(
            (("leases", lease_name or "", "authorisations", i), a)
            for i, a in enumerate(lease.authorisations if lease else ())
        )
        return Asset(
            subject=subject,
            path=path,
            clusters=clusters,
            accelerator=accelerator,
            entry=entry,
            origin=self.origin(accelerator),
            site_name=site_name,
            site=self.fleet.sites.get(site_name),
            lease_name=lease_name,
            lease=lease,
            authorisations=(*own, *leased),
            classification=classify(entry, self.on),
        )


def headquarters(party: Party | None) -> tuple[str | None, str | None]:
    """Countries of a party's own headquarters and of its ultimate parent's; None for what is not recorded."""
    if party is None:
        return None, None
    parent = party.ultimate_parent
    return party.headquarters or party.country, parent.headquarters if parent else None
