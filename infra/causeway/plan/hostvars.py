"""The one place from which both the provider and the Ansible inventory take host variables and groups.

Here a pool's variables are made from the declaration; `causeway.plan.host_values` tells a host's from them. Nothing is
passed that the declaration does not say: defaults are the roles' own, so a changed default of Causeway's changes no
intent.
"""

from __future__ import annotations

import re
import shlex
from types import MappingProxyType
from typing import Any

from causeway.catalog import Catalog
from causeway.fleet.clusters import Drivers, Fabric, Pool
from causeway.fleet.load import LoadedFleet
from causeway.fleet.sites import Site, Ssh
from causeway.plan.host_values import (
    HOST_NUMBER,
    PER_PORT,
    PoolVariables,
    difference,
    effective,
    host_variables,
    numbered_variables,
    own_context,
)

__all__ = [
    "GROUP_KINDS",
    "HOST_NUMBER",
    "PoolVariables",
    "difference",
    "driver_role",
    "effective",
    "group_name",
    "host_variables",
    "numbered_variables",
    "own_context",
    "pool_variables",
]

GROUP_KINDS = ("site", "tenure", "cluster", "accelerator", "vendor", "pool")
"""The first words of the groups' names."""
_VERSIONS = ("driver", "firmware", "toolkit", "container_toolkit")
_HYPHENS = re.compile("-+")
_SHARED_ROLES = ("baseline_os", "container_runtime")


def group_name(kind: str, *names: str) -> str:
    """Name of an Ansible group: `site_cn_north`, `pool_cn_north__ascend`.

    Two hyphens in a row become `_D2_`, since two underscores stand between names: `pool_a_D2_b__c`.
    """
    return f"{kind}_{'__'.join(_HYPHENS.sub(_underscored, name) for name in names)}"


def _underscored(hyphens: re.Match[str]) -> str:
    count = len(hyphens.group())
    return "_" if count == 1 else f"_D{count}_"


def driver_role(pool: Pool, catalog: Catalog) -> str | None:
    """Ansible role of a pool's driver stack; None when it declares no drivers or the catalog knows no role."""
    if pool.drivers is None or pool.accelerator is None:
        return None
    if pool.role is not None:
        return pool.role.replace("-", "_")
    entry = catalog.accelerators.get(pool.accelerator)
    stack = catalog.driver_stacks.get(entry.driver_stack) if entry and entry.driver_stack else None
    return stack.role.replace("-", "_") if stack else None


def pool_variables(loaded: LoadedFleet, catalog: Catalog, cluster: str, pool: str) -> PoolVariables:
    """What the hosts of a pool have in common."""
    declared = loaded.fleet.clusters[cluster].pools[pool]
    site_name = loaded.fleet.clusters[cluster].site
    site = loaded.fleet.sites[site_name]
    role = driver_role(declared, catalog)
    entry = catalog.accelerators.get(declared.accelerator) if declared.accelerator else None
    groups = [group_name("site", site_name), group_name("tenure", site.tenure), group_name("cluster", cluster)]
    if declared.accelerator:
        groups.append(group_name("accelerator", declared.accelerator))
    if entry is not None:
        groups.append(group_name("vendor", entry.vendor))
    groups.append(group_name("pool", cluster, pool))
    place = {"fleet": loaded.fleet.name, "site": site_name, "cluster": cluster, "pool": pool, "tenure": site.tenure}
    return PoolVariables(
        role=role,
        groups=tuple(groups),
        address=declared.address,
        context=MappingProxyType({f"causeway__{k}": v for k, v in {**place, **_chip(declared, catalog, role)}.items()}),
        connection=MappingProxyType(_connection(site.ssh)),
        variables=MappingProxyType(_variables(declared, site, role)),
    )


def _chip(pool: Pool, catalog: Catalog, role: str | None) -> dict[str, Any]:
    entry = catalog.accelerators.get(pool.accelerator) if pool.accelerator else None
    vendor = catalog.vendors.get(entry.vendor) if entry else None
    return {
        "accelerator": pool.accelerator,
        "accelerators_per_host": pool.accelerators_per_host if pool.accelerator else 0,
        "vendor": entry.vendor if entry else None,
        "pci_vendor": vendor.pci_vendor if vendor else None,
        "pci_devices": list(entry.pci_devices) if entry else [],
        "driver_role": role,
        "os_architecture": pool.os.architecture if pool.os else None,
    }


def _connection(ssh: Ssh) -> dict[str, Any]:
    found: dict[str, Any] = {"ansible_become": ssh.become}
    if ssh.user is not None:
        found["ansible_user"] = ssh.user
    if ssh.port is not None:
        found["ansible_port"] = ssh.port
    if ssh.identity is not None:
        found["ansible_ssh_private_key_file"] = ssh.identity
    options = {"ProxyJump": ssh.proxy_jump, "UserKnownHostsFile": ssh.known_hosts}
    words = [f"-o {shlex.quote(f'{name}={value}')}" for name, value in options.items() if value is not None]
    if words:
        found["ansible_ssh_common_args"] = " ".join(words)
    return found


def _variables(pool: Pool, site: Site, role: str | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if site.mirrors.packages is not None:
        found |= {f"{name}__mirror": site.mirrors.packages for name in (*_SHARED_ROLES, role) if name}
    if pool.os is not None:
        found |= {"baseline_os__os_id": pool.os.id, "baseline_os__os_version": pool.os.version}
        if pool.os.kernel is not None:
            found["baseline_os__kernel"] = pool.os.kernel
    if role is not None and pool.drivers is not None:
        found |= _driver_variables(pool.drivers, role)
        found[f"{role}__expected_accelerators"] = pool.accelerators_per_host
        if pool.fabric is not None:
            found |= _fabric_variables(pool.fabric, role)
    return {**found, **pool.variables}


def _driver_variables(drivers: Drivers, role: str) -> dict[str, Any]:
    versions = {part: getattr(drivers, part) for part in _VERSIONS}
    found: dict[str, Any] = {f"{role}__{part}_version": value for part, value in versions.items() if value is not None}
    if "managed_by" in drivers.model_fields_set:
        found[f"{role}__managed_by"] = drivers.managed_by
    return found


def _fabric_variables(fabric: Fabric, role: str) -> dict[str, Any]:
    found: dict[str, Any] = {f"{role}__fabric_kind": fabric.kind}
    if fabric.ports_per_host:
        found[f"{role}__fabric_ports"] = fabric.ports_per_host
    if fabric.speed_gbps is not None:
        found[f"{role}__fabric_speed_gbps"] = fabric.speed_gbps
    if fabric.addresses is not None:
        found[f"{role}__fabric_addresses"] = {PER_PORT: fabric.addresses, "ports": fabric.ports_per_host}
    if fabric.gateway is not None:
        found[f"{role}__fabric_gateway"] = fabric.gateway
    return found
