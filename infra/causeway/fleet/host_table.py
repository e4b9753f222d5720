"""Builds the table of hosts from ranges, CSV rows and overrides, and tells what cannot be meant."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from causeway.fleet.clusters import Pool
from causeway.fleet.document import Fleet, HostOverride
from causeway.fleet.host_csv import CsvHost, read_host_csv
from causeway.fleet.hosts import Host, HostTable, PoolHosts
from causeway.fleet.places import Marks, Path
from causeway.fleet.problems import Collector
from causeway.fleet.ranges import RangeProblem, parse_range

MAX_HOSTS = 1_000_000

ReadCsv = Callable[[str, Path], tuple[str, str] | None]
"""Takes what `hosts_from` says and its path in the declaration; gives the file's name for people, and its text."""


@dataclass(slots=True)
class _Builder:
    fleet: Fleet
    marks: Marks
    problems: Collector
    read_csv: ReadCsv
    index: dict[str, int] = field(default_factory=dict)
    order: list[tuple[str, str]] = field(default_factory=list)
    pools: dict[tuple[str, str], PoolHosts] = field(default_factory=dict)
    overfull: bool = False
    """Whether a pool was already told to have more hosts than a fleet may have."""
    incomplete: set[tuple[str, str]] = field(default_factory=set)

    def build(self) -> HostTable:
        for cluster_name, cluster in self.fleet.clusters.items():
            for pool_name, pool in cluster.pools.items():
                before = self.problems.count
                self._pool(cluster_name, pool_name, pool)
                if self.problems.count > before:
                    self.incomplete.add((cluster_name, pool_name))
        self._overrides()
        return HostTable(self.pools, tuple(self.order), self.index)

    def _pool(self, cluster: str, name: str, pool: Pool) -> None:
        path: Path = ("clusters", cluster, "pools", name)
        rows: list[CsvHost] = []
        if pool.hosts is not None:
            names = tuple(self._ranges(pool.hosts, (*path, "hosts")))
        elif pool.hosts_from is not None:
            rows = self._rows(pool.hosts_from, (*path, "hosts_from"))
            names = tuple(row.name for row in rows)
        else:
            names = ()
        names = self._claim(names, (cluster, name), (*path, "hosts" if pool.hosts is not None else "hosts_from"))
        records = {row.name: _from_row(row, pool.address) for row in rows if row.address or row.rack or row.serial}
        self.pools[cluster, name] = PoolHosts(cluster, name, names, names, records, {}, pool.nodes or 0, pool.address)

    def _ranges(self, hosts: str | Sequence[str], path: Path) -> Iterator[str]:
        patterns = [(hosts, path)] if isinstance(hosts, str) else [(text, (*path, at)) for at, text in enumerate(hosts)]
        for pattern, at in patterns:
            try:
                found = parse_range(pattern)
            except RangeProblem as problem:
                self.problems.add(
                    self.marks.problem("bad-range", at, f"found {pattern[:80]!r}: {problem}", problem.hint)
                )
                continue
            if self._room(found.count, at):
                yield from found.names()

    def _room(self, count: int, path: Path) -> bool:
        if len(self.index) + count <= MAX_HOSTS:
            return True
        if not self.overfull:
            before = f" beside the {len(self.index):,} before them" if count <= MAX_HOSTS else ""
            reason = f"this names {count:,} hosts{before}; a fleet has at most {MAX_HOSTS:,}"
            self.problems.add(self.marks.problem("too-many-hosts", path, reason, "look at the ends of the ranges"))
        self.overfull = True
        return False

    def _rows(self, file: str, path: Path) -> list[CsvHost]:
        read = self.read_csv(file, path)
        if read is None:
            return []
        return read_host_csv(read[1], read[0], MAX_HOSTS - len(self.index), self.problems)

    def _claim(self, names: tuple[str, ...], pool: tuple[str, str], path: Path) -> tuple[str, ...]:
        """Enter the names into the index; those that another pool has, or that come twice, are told and left out."""
        number = len(self.order)
        self.order.append(pool)
        mine = dict.fromkeys(names, number)
        if len(mine) == len(names) and self.index.keys().isdisjoint(mine):
            self.index.update(mine)
            return names
        self._told_twice(names, path)
        free = tuple(name for name in mine if name not in self.index)
        self.index.update(dict.fromkeys(free, number))
        return free

    def _told_twice(self, names: tuple[str, ...], path: Path) -> None:
        seen: set[str] = set()
        here = [name for name in names if name in seen or seen.add(name)]  # type: ignore[func-returns-value]  # add gives None
        if here:
            reason = f"{_and_more(here)} named twice in this pool: its ranges or rows overlap"
            self.problems.add(self.marks.problem("duplicate-host", path, reason, "let each host be named once"))
        for other in dict.fromkeys(self.index[name] for name in names if name in self.index):
            shared = [name for name in names if self.index.get(name) == other]
            cluster, pool = self.order[other]
            first = self.marks.at(("clusters", cluster, "pools", pool, "hosts"))
            reason = f"{_and_more(shared)} also in the pool {pool} of {cluster} ({first})"
            self.problems.add(
                self.marks.problem("duplicate-host", path, reason, "a host belongs to one pool; take it out of one")
            )

    def _overrides(self) -> None:
        """Lay the overrides of known hosts over the pools; unknown ones are the checks' business."""
        touched: dict[tuple[str, str], dict[str, Host]] = {}
        for name, override in self.fleet.host_overrides.items():
            if name in self.index:
                key = self.order[self.index[name]]
                touched.setdefault(key, {})[name] = _overridden(self.pools[key].host(name), override)
        for key, hosts in touched.items():
            self.pools[key] = _with(self.pools[key], hosts)


def build_hosts(
    fleet: Fleet, marks: Marks, problems: Collector, read_csv: ReadCsv
) -> tuple[HostTable, frozenset[tuple[str, str]]]:
    """Build the table of a fleet's hosts; with it the pools that are incomplete, because of an error.

    Args:
        fleet: the declaration.
        marks: for the places of errors.
        problems: receives ranges and rows that cannot be meant, and hosts that are named twice.
        read_csv: reads the file that a pool's `hosts_from` names.
    """
    builder = _Builder(fleet, marks, problems, read_csv)
    return builder.build(), frozenset(builder.incomplete)


def _with(pool: PoolHosts, hosts: Mapping[str, Host]) -> PoolHosts:
    retired = {name: host for name, host in hosts.items() if host.state == "retired"}
    records = {name: host for name, host in {**pool.records, **hosts}.items() if name not in retired}
    names = tuple(name for name in pool.declared if name not in retired) if retired else pool.declared
    return PoolHosts(pool.cluster, pool.pool, pool.declared, names, records, retired, pool.nodes, pool.address)


def _from_row(row: CsvHost, template: str) -> Host:
    return Host(row.name, row.address or template.replace("{name}", row.name), row.rack, row.serial)


def _overridden(host: Host, override: HostOverride) -> Host:
    return Host(
        host.name,
        override.address or host.address,
        host.rack,
        host.serial,
        override.state,
        override.reason,
        override.until,
        override.expected_accelerators,
        override.variables,
    )


def _and_more(names: Sequence[str]) -> str:
    return f"{names[0]} is" if len(names) == 1 else f"{names[0]} and {len(names) - 1} more hosts are"
