"""The small inventory of one Ansible run: what its hosts have in common once, and for each host what differs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from causeway.hosts.openssh import common_arguments
from causeway.plan.hostvars import GROUP_KINDS, group_name

_COMMON = "ansible_ssh_common_args"


def inventory(hosts: Mapping[str, Mapping[str, Any]], config: str | None) -> dict[str, Any]:
    """Ansible's YAML inventory as a document.

    Args:
        hosts: all variables by host.
        config: configuration file of OpenSSH that stands in for the user's own.
    """
    whole = {name: _reached(variables, config) for name, variables in hosts.items()}
    shared = _shared(tuple(whole.values()))
    own = {name: {k: v for k, v in variables.items() if k not in shared} for name, variables in whole.items()}
    groups: dict[str, dict[str, Any]] = {}
    for name, variables in whole.items():
        for group in _groups(variables):
            groups.setdefault(group, {"hosts": {}})["hosts"][name] = None
    return {"all": {"vars": shared, "hosts": own, "children": groups}}


def _reached(variables: Mapping[str, Any], config: str | None) -> dict[str, Any]:
    arguments = common_arguments(variables, config)
    return {**variables, _COMMON: arguments} if arguments else dict(variables)


def _shared(hosts: tuple[Mapping[str, Any], ...]) -> dict[str, Any]:
    if not hosts:
        return {}
    first, *others = hosts
    return {k: v for k, v in first.items() if all(k in other and other[k] == v for other in others)}


def _groups(variables: Mapping[str, Any]) -> list[str]:
    """The groups that the declaration gives a host, out of its context."""
    found = []
    for kind in GROUP_KINDS:
        name = variables.get(f"causeway__{kind}")
        if name:
            words = (variables["causeway__cluster"], name) if kind == "pool" else (name,)
            found.append(group_name(kind, *map(str, words)))
    return found
