"""What all tests of a deployed world share: small changes to declare, what was installed, and that all ends well."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping
from typing import Any

from tests.up.world import World

H20 = ("h20-01", "h20-02", "h20-03")
ALL = (*H20, "mlu-01")
EAST, WEST = POOLS = (("east", "h20"), ("west", "cambricon"))
DRIVERS = {EAST: ("580.95.05", "580.105.08"), WEST: ("6.2.29", "6.2.0")}
"""Two driver versions of each pool, the first one declared; hosts have to be emptied to get from one to the other."""
HUGE_PAGES = itertools.count(2, 2)
"""Numbers that no host has had yet: to change them is the smallest change there is, without a drain."""
OFFERED = {"east": "nvidia.com/gpu", "west": "cambricon.com/mlu"}
Installs = Mapping[str, Counter[str]]
"""By host, how often each package was installed or upgraded."""


def pool_of(world: World, cluster: str, pool: str) -> Any:
    """A pool's part of the declaration."""
    return world.fleet["clusters"][cluster]["pools"][pool]


def changed(world: World, place: tuple[str, str] = EAST) -> None:
    """Declare a small change on every host of a pool."""
    pool_of(world, *place)["variables"] = {"baseline_os__huge_pages": next(HUGE_PAGES)}
    world.declare()


def upgraded(world: World, place: tuple[str, str] = EAST, **rollout: Any) -> tuple[str, str]:
    """Declare the other driver for a pool, and how it gets there; returns the old and the new version."""
    pool = pool_of(world, *place)
    old = pool["drivers"]["driver"]
    (new,) = set(DRIVERS[place]) - {old}
    pool["drivers"]["driver"] = new
    pool["rollout"] = {**pool["rollout"], **rollout}
    world.declare()
    return old, new


def assert_all_well(world: World) -> None:
    """No host is lost, left cordoned, marked or locked, and each offers what it has."""
    for host in ALL:
        cluster = cluster_of(host)
        node = world.node(cluster, host)
        assert not node["spec"].get("unschedulable"), f"{host} is left cordoned"
        assert "causeway/rollout" not in node["metadata"].get("annotations", {}), host
        assert node["status"]["allocatable"][OFFERED[cluster]] == "8", host
        assert world.stamp(host)["phase"] == "verified", host
        assert "lock.json" not in world.say(host, "ls /var/lib/causeway").split(), f"{host} is left locked"


def cluster_of(host: str) -> str:
    """The cluster that a host belongs to."""
    return "east" if host in H20 else "west"


def installs(world: World, hosts: tuple[str, ...] = ALL) -> Installs:
    """What was installed so far, by dpkg's own logs: all that the vendors of these hosts bring are Debian packages."""
    return {host: _installed(world.say(host, "cat /var/log/dpkg.log")) for host in hosts}


def installed_since(world: World, before: Installs) -> Installs:
    """What was installed on the same hosts since then."""
    return {host: now - before[host] for host, now in installs(world, tuple(before)).items()}


def _installed(log: str) -> Counter[str]:
    """Count the lines `DAY TIME install|upgrade PACKAGE:ARCHITECTURE OLD NEW`."""
    words = [line.split() for line in log.splitlines()]
    return Counter(each[3].partition(":")[0] for each in words if each[2:3] in (["install"], ["upgrade"]))


def assert_installed_once(world: World, before: Installs, packages: Mapping[str, str]) -> None:
    """Each host got the same as the others of its kind, nothing of it twice; hosts that are not told got nothing.

    Args:
        world: the hosts.
        before: what was installed before.
        packages: by host, a package that has to be among what it got.
    """
    for host, found in installed_since(world, before).items():
        twice = {package: times for package, times in found.items() if times > 1}
        assert not twice, f"{host}: installed more than once: {twice}"
        if host not in packages:
            assert not found, f"{host}: {found}"
        else:
            assert packages[host] in found, f"{host}: {found}"
