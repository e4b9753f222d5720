"""Checks of one pool: its hosts, what a cloud pool cannot have, accelerators, cost, rollout, addresses."""

from __future__ import annotations

import ipaddress
import re

from causeway.fleet.checks.context import Checked
from causeway.fleet.clusters import Pool
from causeway.fleet.hosts import PoolHosts
from causeway.fleet.places import Path, printable
from causeway.fleet.ranges import is_address
from causeway.fleet.sites import Site

_HOST_ONLY = ("os", "drivers", "role", "address", "variables", "hosts", "hosts_from")
_PLACEHOLDER = re.compile(r"\{[^{}]*\}")
_LABEL_KEY = re.compile(r"([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?")


def check_pool(checked: Checked, pool: Pool, site: Site | None, hosts: PoolHosts, path: Path) -> None:
    """Check a pool; `site` is None when it is unknown or left out."""
    if site and site.tenure == "cloud":
        _cloud(checked, pool, path)
    elif site:
        _hosts(checked, pool, path)
    _accelerators(checked, pool, path)
    _cost(checked, pool, path)
    _rollout(checked, pool, hosts, path)
    _addresses(checked, pool, hosts, path)
    for key, value in pool.labels.items():
        if not _LABEL_KEY.fullmatch(key) or not _LABEL_VALUE.fullmatch(value):
            checked.wrong(
                "bad-label",
                (*path, "labels", key),
                "this is no label that Kubernetes takes",
                "use letters, digits, - _ . and 63 characters at most",
            )


def _cloud(checked: Checked, pool: Pool, path: Path) -> None:
    for field in _HOST_ONLY:
        if field in pool.model_fields_set and getattr(pool, field) is not None:
            reason = f"a cloud pool has no {field}: its hosts are the provider's"
            checked.wrong(
                "not-on-cloud", (*path, field), reason, f"remove {field}, or correct the site's tenure", key=True
            )
    if not pool.nodes:
        checked.wrong(
            "missing-field",
            (*path, "nodes"),
            "a cloud pool says how many nodes it has",
            "add nodes: a whole number above 0",
        )


def _hosts(checked: Checked, pool: Pool, path: Path) -> None:
    if pool.nodes is not None:
        checked.wrong(
            "not-a-cloud-pool",
            (*path, "nodes"),
            "only a cloud pool counts nodes; this one names its hosts",
            "use hosts or hosts_from",
            key=True,
        )
    elif pool.hosts is None and pool.hosts_from is None:
        checked.wrong(
            "missing-field",
            (*path, "hosts"),
            "the pool names no hosts",
            "add hosts: a range such as cn-a-[01:16], or hosts_from: a CSV file",
        )
    if pool.hosts is not None and pool.hosts_from is not None:
        checked.wrong(
            "two-sources", (*path, "hosts_from"), "hosts and hosts_from are both given", "keep one of them", key=True
        )
    if pool.hosts is not None and not pool.hosts:
        checked.wrong(
            "missing-field", (*path, "hosts"), "the pool names no hosts", "write a range such as cn-a-[01:16]"
        )
    if pool.os is None:
        checked.wrong(
            "missing-field",
            (*path, "os"),
            "the field os is missing",
            'add os: {id: debian, version: "12"}; only cloud pools have none',
        )


def _accelerators(checked: Checked, pool: Pool, path: Path) -> None:
    if pool.accelerator is not None and pool.accelerators_per_host == 0:
        checked.wrong(
            "missing-field",
            (*path, "accelerators_per_host"),
            f"each host has an accelerator {pool.accelerator}, but how many is not said",
            "add accelerators_per_host: 8",
        )
    if pool.accelerator is None and pool.accelerators_per_host:
        checked.wrong(
            "no-accelerator",
            (*path, "accelerators_per_host"),
            "the pool counts accelerators and names none",
            "add accelerator: the chip's key in the catalog",
        )
    if pool.accelerator is None and pool.drivers is not None:
        checked.wrong(
            "no-accelerator",
            (*path, "drivers"),
            "hosts without accelerators have no driver stack",
            "remove drivers, or name the accelerator",
            key=True,
        )


def _cost(checked: Checked, pool: Pool, path: Path) -> None:
    cost = pool.cost
    if cost is None:
        return
    checked.rate(cost.currency, (*path, "cost", "currency"))
    other = "per_host_hour" if cost.kind == "owned" else "per_host"
    if getattr(cost, other) is not None:
        wanted = "per_host" if cost.kind == "owned" else "per_host_hour"
        checked.wrong(
            "wrong-unit",
            (*path, "cost", other),
            f"{cost.kind} hosts are priced by {wanted}",
            f"write {wanted}, or correct the kind",
            key=True,
        )
    if cost.kind == "cloud":
        for field in ("amortise_months", "in_service_on"):
            if getattr(cost, field) is not None:
                checked.wrong(
                    "wrong-unit",
                    (*path, "cost", field),
                    "hosts that are paid by the hour are not written off",
                    f"remove {field}",
                    key=True,
                )


def _rollout(checked: Checked, pool: Pool, hosts: PoolHosts, path: Path) -> None:
    rollout, path = pool.rollout, (*path, "rollout")
    if rollout.max_unavailable.root in {0, "0%", "00%"}:
        checked.wrong(
            "out-of-range",
            (*path, "max_unavailable"),
            "with no host ever out of service nothing can be changed",
            "write at least 1, or a share such as 10%",
        )
    if rollout.window:
        start, end = rollout.window.hours.split("-")
        if start == end:
            checked.wrong(
                "bad-window",
                (*path, "window", "hours"),
                "the window ends as it begins",
                "leave the window out when any time will do",
            )
        if not rollout.window.days or len(set(rollout.window.days)) < len(rollout.window.days):
            checked.wrong(
                "bad-window",
                (*path, "window", "days"),
                "the days are empty or one comes twice",
                "name each day once, or leave them out for every day",
            )
    if rollout.failure_domain == "rack" and hosts.declared and not any(host.rack for host in hosts.records.values()):
        checked.wrong(
            "no-racks",
            (*path, "failure_domain"),
            "hosts shall be spread over racks, and none has a rack",
            "name the hosts in a CSV file with the column rack (hosts_from)",
        )


def _addresses(checked: Checked, pool: Pool, hosts: PoolHosts, path: Path) -> None:
    wrong = [word for word in _PLACEHOLDER.findall(pool.address) if word != "{name}"]
    if wrong or not pool.address or any(char.isspace() for char in pool.address):
        checked.wrong(
            "bad-address",
            (*path, "address"),
            f"found {wrong[0] if wrong else 'an empty text or a space'}; an address is a text with {{name}}",
            'write it as "{name}.example.test"',
        )
    elif not is_address(pool.address.replace("{name}", "a")):
        checked.wrong(
            "bad-address",
            (*path, "address"),
            f"found {printable(pool.address)[:80]}: with a host's name this is neither a host name nor an IP address",
            'write it as "{name}.example.test"',
        )
    elif "{name}" not in pool.address and len(hosts.declared) > 1:
        checked.wrong(
            "bad-address",
            (*path, "address"),
            f"all {len(hosts.declared):,} hosts would have the same address",
            "put {name} into it",
        )
    fabric = pool.fabric
    if fabric is None:
        return
    if fabric.addresses is not None:
        _fabric_addresses(checked, fabric.addresses, hosts, fabric.ports_per_host, (*path, "fabric", "addresses"))
    if fabric.gateway is not None:
        _gateway(checked, fabric.gateway, fabric.addresses, (*path, "fabric", "gateway"))


def _gateway(checked: Checked, gateway: str, addresses: str | None, path: Path) -> None:
    if not _is_address(gateway):
        checked.wrong("bad-address", path, "this is no IP address", "write it as 10.21.0.1")
        return
    first = (addresses or "").replace("{host}", "1").replace("{port}", "1")
    if _is_interface(first) and ipaddress.ip_address(gateway) not in ipaddress.ip_interface(first).network:
        reason = f"{gateway} is outside the network of host 1, port 1, which gets {first}: it could not be reached"
        checked.wrong("bad-address", path, reason, "correct the gateway, or the addresses and their prefix")


def _fabric_addresses(checked: Checked, template: str, hosts: PoolHosts, ports: int, path: Path) -> None:
    wrong = [word for word in _PLACEHOLDER.findall(template) if word not in {"{host}", "{port}"}]
    if wrong:
        checked.wrong(
            "bad-address", path, f"found {wrong[0][:40]}; {{host}} and {{port}} are known", "correct the placeholder"
        )
        return
    for host, port in ((1, 1), (max(len(hosts.declared), hosts.nodes, 1), max(ports, 1))):
        made = template.replace("{host}", str(host)).replace("{port}", str(port))
        if not _is_interface(made):
            checked.wrong(
                "bad-address",
                path,
                f"host {host}, port {port} would get {made[:60]}, which is no address with prefix",
                "write it as 10.21.{host}.{port}/16; above 255 hosts split the pool or use IPv6",
            )
            return


def _is_interface(text: str) -> bool:
    try:
        ipaddress.ip_interface(text)
    except ValueError:
        return False
    return "/" in text


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
