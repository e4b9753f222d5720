"""The one place from which both the provider and the Ansible inventory take host variables and groups.

Three kinds are kept apart, because only the last describes what a host should be and enters its `intent`:
`context` (`causeway__*`, where a host belongs), `connection` (`ansible_*`, how it is reached) and `variables`
(`<role>__<variable>`, what its roles do). Nothing is passed that the declaration does not say: defaults are the
roles' own, so a changed default of Causeway's changes no intent.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from causeway.catalog import Catalog
from causeway.fleet.clusters import Drivers, Fabric, Pool
from causeway.fleet.hosts import Host
from causeway.fleet.load import LoadedFleet
from causeway.fleet.sites import Site, Ssh

HOST_NUMBER = "causeway__host_number"
GROUP_KINDS = ("site", "tenure", "cluster", "accelerator", "vendor", "pool")
"""The first words of the groups' names."""
PER_PORT = "per_port"
_VERSIONS = ("driver", "firmware", "toolkit", "container_toolkit")
_HYPHENS = re.compile("-+")
_SHARED_ROLES = ("baseline_os", "container_runtime")


@dataclass(frozen=True, slots=True)
class PoolVariables:
    """What the hosts of a pool have in common."""

    role: str | None
    """Ansible role that installs the driver stack; None when no stack is declared."""
    groups: tuple[str, ...]
    """Ansible groups of these hosts, the pool's own last."""
    address: str
    """Template of a host's address, with `{name}`."""
    context: Mapping[str, Any]
    connection: Mapping[str, Any]
    variables: Mapping[str, Any]

    @property
    def numbered(self) -> bool:
        """True when a variable needs each host's number."""
        return bool(numbered_variables(self.variables))


def numbered_variables(variables: Mapping[str, Any]) -> tuple[str, ...]:
    """Variables whose values follow a host's number in its pool."""
    return tuple(name for name, value in variables.items() if _is_per_port(value) and "{host}" in value[PER_PORT])


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


def difference(pool: PoolVariables, number: int, host: Host | None) -> dict[str, Any]:
    """The few variables in which a host differs from its pool.

    Args:
        number: the host's number in its pool, from 1.
        host: the host's own record; None when it has none.
    """
    found: dict[str, Any] = {}
    if pool.numbered or (host is not None and numbered_variables(host.variables)):
        found[HOST_NUMBER] = number
    if host is not None:
        if host.expected_accelerators is not None and pool.role is not None:
            found[f"{pool.role}__expected_accelerators"] = host.expected_accelerators
        found.update(host.variables)
    return found


def effective(variables: Mapping[str, Any], host: Mapping[str, Any]) -> dict[str, Any]:
    """A host's variables as its roles see them: its own over its pool's, addresses expanded.

    Args:
        variables: the pool's variables.
        host: what `difference` returned for the host.
    """
    number = host.get(HOST_NUMBER)
    merged = {**variables, **{name: value for name, value in host.items() if name != HOST_NUMBER}}
    return {name: _expand(value, number) if _is_per_port(value) else value for name, value in merged.items()}


def _is_per_port(value: Any) -> bool:
    """Whether a value is a template of addresses, one for each port."""
    if not isinstance(value, Mapping) or value.keys() != {PER_PORT, "ports"}:
        return False
    return isinstance(value[PER_PORT], str) and type(value["ports"]) is int


def _expand(value: Mapping[str, Any], number: int | None) -> list[str]:
    template = value[PER_PORT] if number is None else value[PER_PORT].replace("{host}", str(number))
    return [template.replace("{port}", str(port)) for port in range(1, int(value["ports"]) + 1)]


def host_variables(pool: PoolVariables, name: str, number: int, host: Host | None) -> dict[str, Any]:
    """All variables of one host: context, connection and effective variables, as `ansible-inventory --host` shows."""
    return {
        **pool.context,
        **pool.connection,
        **effective(pool.variables, difference(pool, number, host)),
        **own_context(pool, name, host),
    }


def own_context(pool: PoolVariables, name: str, host: Host | None) -> dict[str, Any]:
    """Context and connection in which one host differs from its pool."""
    found: dict[str, Any] = {}
    address = host.address if host is not None and host.address else pool.address.replace("{name}", name)
    if address != name:
        found["ansible_host"] = address
    if host is not None:
        own = {"state": host.state, "rack": host.rack, "serial": host.serial}
        found |= {f"causeway__{key}": value for key, value in own.items() if value}
    return found
