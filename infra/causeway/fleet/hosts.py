"""The hosts of a fleet: names as plain strings, and a record only for a host that differs from its pool."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Literal

HostState = Literal["in_service", "joining", "out_of_service", "retired"]
_NOTHING: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Host:
    """One host. What a pool says for all its hosts is not repeated here.

    Args:
        name: its name, unique in the fleet.
        address: how it is reached, the pool's template applied.
        rack: its rack, None when it is not declared.
        serial: its serial number, None when it is not declared.
        state: where it is in its life.
        reason: why it is not in service.
        until: day from which the state is to be looked at again.
        expected_accelerators: accelerators that work, None for the pool's number.
        variables: what differs from the pool's variables.
    """

    name: str
    address: str
    rack: str | None = None
    serial: str | None = None
    state: HostState = "in_service"
    reason: str | None = None
    until: date | None = None
    expected_accelerators: int | None = None
    variables: Mapping[str, object] = field(default_factory=lambda: _NOTHING)


@dataclass(frozen=True, slots=True)
class PoolHosts:
    """The hosts of a pool.

    Args:
        cluster: the pool's cluster.
        pool: its name.
        declared: every declared name in order, retired ones too; a host's number counts here, so it never moves.
        names: those that are not retired.
        records: the hosts among `names` that differ from the pool.
        retired: those that are gone.
        nodes: number of nodes of a cloud pool, whose hosts have no names here.
        address: template of the addresses, with `{name}`.
    """

    cluster: str
    pool: str
    declared: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    records: Mapping[str, Host] = field(default_factory=dict)
    retired: Mapping[str, Host] = field(default_factory=dict)
    nodes: int = 0
    address: str = "{name}"

    @property
    def count(self) -> int:
        """Hosts that are not retired; the nodes of a cloud pool."""
        return len(self.names) or self.nodes

    @property
    def in_service(self) -> int:
        """Hosts in service; the nodes of a cloud pool."""
        return self.count - sum(host.state != "in_service" for host in self.records.values())

    def host(self, name: str) -> Host:
        """One of its hosts, made on demand when nothing differs."""
        return self.records.get(name) or self.retired.get(name) or Host(name, self.address.replace("{name}", name))

    def numbered(self) -> Iterator[tuple[int, str]]:
        """Number in the pool (from 1, in declared order) and name of each host that is not retired."""
        if len(self.names) == len(self.declared):
            return iter(enumerate(self.declared, 1))
        return ((number, name) for number, name in enumerate(self.declared, 1) if name not in self.retired)


@dataclass(frozen=True, slots=True)
class HostTable:
    """All hosts of a fleet, by pool and by name."""

    pools: Mapping[tuple[str, str], PoolHosts]
    _order: tuple[tuple[str, str], ...] = field(repr=False)
    _index: Mapping[str, int] = field(repr=False)

    def pool(self, cluster: str, pool: str) -> PoolHosts:
        """The hosts of a pool.

        Raises:
            KeyError: when there is no such pool.
        """
        return self.pools[cluster, pool]

    def find(self, name: str) -> tuple[str, str]:
        """Cluster and pool of a host.

        Raises:
            KeyError: when no pool declares it.
        """
        return self._order[self._index[name]]

    def host(self, name: str) -> Host:
        """One host.

        Raises:
            KeyError: when no pool declares it.
        """
        return self.pools[self.find(name)].host(name)

    def __contains__(self, name: object) -> bool:
        """Whether a pool declares this host."""
        return name in self._index

    def all_names(self) -> Iterator[str]:
        """Every host that is not retired, pool by pool in declared order."""
        return (name for pool in self.pools.values() for name in pool.names)

    @property
    def count(self) -> int:
        """Hosts that are not retired, the nodes of cloud pools among them."""
        return sum(pool.count for pool in self.pools.values())

    @property
    def in_service(self) -> int:
        """Hosts in service, the nodes of cloud pools among them."""
        return sum(pool.in_service for pool in self.pools.values())
