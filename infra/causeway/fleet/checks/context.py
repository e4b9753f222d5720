"""What every check works with: the fleet, its places, and references that tell unknown names once, with the nearest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from causeway.fleet.clusters import Cluster, Pool
from causeway.fleet.document import Fleet
from causeway.fleet.hosts import HostTable
from causeway.fleet.leases import Lease
from causeway.fleet.parties import Party
from causeway.fleet.places import Marks, Path, printable
from causeway.fleet.problems import Collector, choice
from causeway.fleet.sites import Site

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Checked:
    """A fleet under check.

    Args:
        fleet: the models; entries that they refused are left out.
        document: the data as it was written.
        left_out: the entries that are left out; nothing is told of what only they could answer.
        marks: where each part is written.
        hosts: the table of hosts.
        incomplete: pools of which a range or row could not be read; nobody knows their number of hosts.
        problems: receives the errors.
    """

    fleet: Fleet
    document: Mapping[str, Any]
    left_out: frozenset[Path]
    marks: Marks
    hosts: HostTable
    incomplete: frozenset[tuple[str, str]]
    problems: Collector

    def wrong(self, code: str, path: Path, reason: str, hint: str, *, key: bool = False, hidden: bool = False) -> None:
        """Tell an error at a path; see `Marks.problem`."""
        if self.problems.full:
            self.problems.skip()
        else:
            self.problems.add(self.marks.problem(code, path, reason, hint, key=key, hidden=hidden))

    def party(self, name: str, path: Path) -> Party | None:
        """A party that a path names; None when it is unknown, which is told, or left out."""
        return self._entry("parties", self.fleet.parties, name, path)

    def site(self, name: str, path: Path) -> Site | None:
        """A site that a path names; see `party`."""
        return self._entry("sites", self.fleet.sites, name, path)

    def lease(self, name: str, path: Path) -> Lease | None:
        """A lease that a path names; see `party`."""
        return self._entry("leases", self.fleet.leases, name, path)

    def cluster(self, name: str, path: Path) -> Cluster | None:
        """A cluster that a path names; see `party`."""
        return self._entry("clusters", self.fleet.clusters, name, path)

    def secret(self, name: str, path: Path) -> None:
        """Tell a secret that is not declared."""
        self._entry("secrets", self.fleet.secrets, name, path)

    def pool(self, cluster_name: str, name: str, path: Path) -> Pool | None:
        """A pool of a known cluster; see `party`."""
        cluster = self.fleet.clusters[cluster_name]
        if name not in cluster.pools and ("clusters", cluster_name, "pools", name) not in self.left_out:
            hint = "" if self.problems.full else choice(name, cluster.pools, f"pools of {cluster_name}")
            self.wrong("unknown-pool", path, f'{cluster_name} has no pool "{printable(name[:63])}"', hint)
        return cluster.pools.get(name)

    def rate(self, currency: str, path: Path) -> None:
        """Tell a currency for which no rate is declared."""
        known = self.fleet.money.rates
        if currency == "USD" or currency in known or ("money",) in self.left_out:
            return
        hint = f"add it under money.rates: {currency}: {{usd: ..., as_of: ..., source: ...}}"
        self.wrong("no-rate", path, f"the currency {currency} has no rate", hint)

    def size(self, cluster: str, pool: str) -> int | None:
        """Number of a pool's hosts, None when that is not known."""
        count = self.hosts.pool(cluster, pool).count
        return None if (cluster, pool) in self.incomplete or not count else count

    def _entry(self, section: str, entries: Mapping[str, T], name: str, path: Path) -> T | None:
        if name not in entries and not self._withheld(section, name):
            one = _ONE[section]
            hint = "" if self.problems.full else choice(name, self._written(section), section)
            self.wrong(f"unknown-{one}", path, f'there is no {one} "{printable(name[:63])}"', hint)
        return entries.get(name)

    def _written(self, section: str) -> list[str]:
        """The keys of a section, those of entries that are left out too."""
        entries = self.document.get(section)
        return [key for key in entries if isinstance(key, str)] if isinstance(entries, dict) else []

    def _withheld(self, section: str, name: str) -> bool:
        return (section, name) in self.left_out or (section,) in self.left_out


_ONE = {"parties": "party", "sites": "site", "leases": "lease", "clusters": "cluster", "secrets": "secret"}


def check_url(checked: Checked, text: str, path: Path) -> None:
    """Tell what is wrong with a web address."""
    scheme, separator, rest = text.partition("://")
    authority = rest.split("/", 1)[0]
    if "@" in authority:
        hint = "take it out and change it; credentials are named under secrets"
        checked.wrong("bad-url", path, "found a URL with a user or password", hint, hidden=True)
    elif not separator or scheme not in {"http", "https"} or not authority or any(char.isspace() for char in text):
        hint = "begin it with http:// or https:// and a host"
        checked.wrong("bad-url", path, f'found "{printable(text[:60])}"; a URL belongs here', hint)
