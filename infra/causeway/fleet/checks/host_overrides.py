"""Checks of host overrides: the host exists, an absence has its reason, accelerators are not more than there are."""

from __future__ import annotations

from bisect import bisect_left

from causeway.fleet.checks.context import Checked
from causeway.fleet.document import HostOverride
from causeway.fleet.places import Path, printable
from causeway.fleet.problems import nearest
from causeway.fleet.ranges import is_address

_NEIGHBOURS = 200


def check_host_overrides(checked: Checked) -> None:
    """Check every override. An unknown host is told only when no pool was left out that may declare it."""
    all_hosts_known = not checked.incomplete and not any(path[0] == "clusters" for path in checked.left_out)
    names: list[str] | None = None
    for name, override in checked.fleet.host_overrides.items():
        path = ("host_overrides", name)
        if override.address is not None and not is_address(override.address):
            checked.wrong(
                "bad-address",
                (*path, "address"),
                f"found {printable(override.address)[:80]}: this is neither a host name nor an IP address",
                "write a DNS name or an IP address, without a port and options",
            )
        if override.state in {"out_of_service", "retired"} and not (override.reason or "").strip():
            checked.wrong(
                "no-reason",
                path,
                f"the host is {override.state} without a reason",
                'add reason: "..." and, for a time, until:',
            )
        if name in checked.hosts:
            _accelerators(checked, name, override, path)
        elif all_hosts_known:
            if names is None:
                names = sorted(name for pool in checked.hosts.pools.values() for name in pool.declared)
            near = None if checked.problems.full else nearest(name, _around(names, name))
            hint = f"did you mean {near}?" if near else "hosts are declared in the pools of clusters"
            checked.wrong("unknown-host", path, "no pool declares this host", hint, key=True)


def _accelerators(checked: Checked, name: str, override: HostOverride, path: Path) -> None:
    cluster, pool = checked.hosts.find(name)
    most = checked.fleet.clusters[cluster].pools[pool].accelerators_per_host
    if override.expected_accelerators is not None and override.expected_accelerators > most:
        reason = f"{override.expected_accelerators:,} accelerators are expected; the pool {pool} has {most} in a host"
        checked.wrong("out-of-range", (*path, "expected_accelerators"), reason, f"write a number up to {most}")


def _around(names: list[str], name: str) -> list[str]:
    """The names beside a wrong one in the alphabet, where the nearest one nearly always stands."""
    at = bisect_left(names, name)
    return names[max(0, at - _NEIGHBOURS) : at + _NEIGHBOURS]
