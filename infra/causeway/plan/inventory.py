"""A fleet as Ansible's inventory: a pool's variables once, on its group, and on a host only what differs.

The inventory plugin adds this to Ansible's own, and nothing else decides what a host's variables are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from causeway.catalog import Catalog
from causeway.fleet.hosts import PoolHosts
from causeway.fleet.load import LoadedFleet
from causeway.plan.fingerprint import UNSEALED, desired_state
from causeway.plan.host_plans import HostPlans
from causeway.plan.hostvars import (
    HOST_NUMBER,
    PoolVariables,
    difference,
    effective,
    numbered_variables,
    own_context,
    pool_variables,
)
from causeway.plan.playbook_code import CodeOf

OUT_OF_SERVICE = "causeway_out_of_service"
"""Group of the hosts that no play touches."""


@dataclass(frozen=True, slots=True)
class InventoryHost:
    """One host: its name, what differs from its pool, and whether it is to be left alone."""

    name: str
    variables: Mapping[str, Any]
    out_of_service: bool = False


@dataclass(frozen=True, slots=True)
class InventoryPool:
    """The hosts of one pool.

    Args:
        groups: Ansible groups of these hosts, the pool's own last.
        variables: what its hosts have in common, connection and fingerprints included.
    """

    groups: tuple[str, ...]
    variables: Mapping[str, Any]
    _common: PoolVariables
    _plans: HostPlans
    _hosts: PoolHosts
    _code: str | None

    def hosts(self) -> Iterator[InventoryHost]:
        """Every host that is not retired, in declared order."""
        numbered = {name: self._common.variables[name] for name in numbered_variables(self._common.variables)}
        for number, name in self._hosts.numbered():
            record = self._hosts.records.get(name)
            own = own_context(self._common, name, record)
            plan = self._plans.get(name)
            if plan is None:
                yield InventoryHost(name, own)
                continue
            differs = effective(numbered, {HOST_NUMBER: number, **difference(self._common, number, record)})
            marks = {"causeway__intent": plan.intent, "causeway__desired": plan.desired}
            yield InventoryHost(name, {**own, **differs, **marks}, plan.state == "out_of_service")


def inventory(loaded: LoadedFleet, catalog: Catalog, code_of: CodeOf) -> Iterator[InventoryPool]:
    """The pools whose hosts can be reached, in declared order; rented pools have none.

    Args:
        loaded: the declaration.
        catalog: the catalog with the fleet's own entries.
        code_of: fingerprint of the code that a pool's play reaches.

    Raises:
        Permanent: the playbooks name a file that is missing, or that cannot be read.
    """
    for (cluster, name), hosts in loaded.hosts.pools.items():
        if not hosts.names:
            continue
        common = pool_variables(loaded, catalog, cluster, name)
        code = code_of(common)
        plans = HostPlans(common, hosts, UNSEALED, code)
        variables = {
            **common.context,
            **common.connection,
            **effective(common.variables, {}),
            "causeway__state": "in_service",
            "causeway__intent": plans.pool_intent,
            "causeway__code": code or "",
            "causeway__desired": desired_state("in_service", plans.pool_intent, code),
        }
        yield InventoryPool(common.groups, variables, common, plans, hosts, code)
