"""Accelerators that each pool offers, that workloads ask for, and that are left.

An accelerator is what the catalog counts as one schedulable device: a two-die Ascend 910C package is two.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from causeway.fleet.document import Fleet
from causeway.fleet.hosts import PoolHosts
from causeway.fleet.load import LoadedFleet

PoolKey = tuple[str, str]
"""(cluster, pool)"""


@dataclass(frozen=True, slots=True)
class PoolCapacity:
    """What a pool has and what is asked of it. All counts are of accelerators, but for `hosts*`."""

    cluster: str
    pool: str
    accelerator: str | None
    per_host: int
    hosts: int
    """Hosts (or cloud nodes) that are not retired."""
    hosts_in_service: int
    installed: int
    """In all hosts, whatever their state; fewer where a host declares `expected_accelerators`."""
    offered: int
    """In hosts that are in service."""
    asked: int
    """By workloads placed on this pool."""

    @property
    def left(self) -> int:
        """Offered but not asked; negative when more is asked than offered."""
        return self.offered - self.asked

    @property
    def out_of_service(self) -> int:
        """Installed in hosts that are joining or out of service."""
        return self.installed - self.offered


@dataclass(frozen=True, slots=True)
class WorkloadPart:
    """One part of a workload on one pool: replicas of a service, or the hosts of a training job."""

    workload: str
    index: int
    """Position under `serve`; -1 for `train`."""
    cluster: str
    pool: str | None
    replicas: int
    """Replicas; whole hosts for a training job."""
    accelerators_per_replica: int
    weight: int | None

    @property
    def asked(self) -> int:
        """Accelerators that the part asks for."""
        return self.replicas * self.accelerators_per_replica

    @property
    def path(self) -> tuple[str | int, ...]:
        """Where the declaration places this part."""
        if self.index < 0:
            return ("workloads", self.workload, "train")
        return ("workloads", self.workload, "serve", self.index)


@dataclass(frozen=True, slots=True)
class Capacity:
    """Pools by (cluster, pool) in declared order, and the parts of all workloads."""

    pools: Mapping[PoolKey, PoolCapacity]
    parts: tuple[WorkloadPart, ...]

    def parts_on(self, cluster: str, pool: str | None = None) -> tuple[WorkloadPart, ...]:
        """Parts on a cluster, or on one of its pools."""
        return tuple(p for p in self.parts if p.cluster == cluster and (pool is None or p.pool == pool))


def compute(loaded: LoadedFleet) -> Capacity:
    """Capacity of a loaded fleet.

    Args:
        loaded: a fleet whose references were checked by loading it.
    """
    fleet = loaded.fleet
    parts = tuple(_parts(fleet))
    asked: dict[PoolKey, int] = {}
    for part in parts:
        if part.pool is not None:
            key = (part.cluster, part.pool)
            asked[key] = asked.get(key, 0) + part.asked
    pools: dict[PoolKey, PoolCapacity] = {}
    for cluster_name, cluster in fleet.clusters.items():
        for pool_name, pool in cluster.pools.items():
            key = (cluster_name, pool_name)
            per_host = pool.accelerators_per_host if pool.accelerator else 0
            if pool.nodes is not None:
                hosts = in_service = pool.nodes
                installed = offered = pool.nodes * per_host
            else:
                table = loaded.hosts.pool(cluster_name, pool_name)
                hosts, in_service = table.count, table.in_service
                installed, offered = _accelerators(table, per_host)
            pools[key] = PoolCapacity(
                cluster=cluster_name,
                pool=pool_name,
                accelerator=pool.accelerator,
                per_host=per_host,
                hosts=hosts,
                hosts_in_service=in_service,
                installed=installed,
                offered=offered,
                asked=asked.get(key, 0),
            )
    return Capacity(pools=MappingProxyType(pools), parts=parts)


def _parts(fleet: Fleet) -> Iterable[WorkloadPart]:
    for name, workload in fleet.workloads.items():
        for index, serve in enumerate(workload.serve):
            yield WorkloadPart(
                workload=name,
                index=index,
                cluster=serve.cluster,
                pool=serve.pool,
                replicas=serve.replicas,
                accelerators_per_replica=serve.accelerators_per_replica,
                weight=serve.weight,
            )
        if workload.train is not None:
            train = workload.train
            pool = fleet.clusters[train.cluster].pools[train.pool]
            yield WorkloadPart(
                workload=name,
                index=-1,
                cluster=train.cluster,
                pool=train.pool,
                replicas=train.hosts,
                accelerators_per_replica=pool.accelerators_per_host,
                weight=None,
            )


def _accelerators(table: PoolHosts, per_host: int) -> tuple[int, int]:
    """(installed, offered) of a pool's hosts, from the few hosts that differ from the rest."""
    installed = table.count * per_host
    offered = table.in_service * per_host
    for host in table.records.values():
        missing = per_host - host.expected_accelerators if host.expected_accelerators is not None else 0
        if host.state != "retired":
            installed -= missing
        if host.state == "in_service":
            offered -= missing
    return installed, offered
