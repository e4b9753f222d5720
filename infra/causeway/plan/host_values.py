"""A host's variables from its pool's and its own: pure functions, which the provider calls in each preview.

Three kinds are kept apart, because only the last describes what a host should be and enters its `intent`:
`context` (`causeway__*`, where a host belongs), `connection` (`ansible_*`, how it is reached) and `variables`
(`<role>__<variable>`, what its roles do).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from causeway.fleet.hosts import Host

HOST_NUMBER = "causeway__host_number"
PER_PORT = "per_port"


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
