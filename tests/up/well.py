"""What all tests of a deployed world share: small changes to declare, and that every host ends well."""

from __future__ import annotations

import itertools
from typing import Any

from tests.up.world import World

H20 = ("h20-01", "h20-02", "h20-03")
EAST, WEST = POOLS = (("east", "h20"), ("west", "cambricon"))
OLD, NEW = "580.95.05", "580.105.08"
"""Driver versions of the Nvidia pool: the declared one, and one that hosts have to be emptied for."""
HUGE_PAGES = itertools.count(2, 2)
"""Numbers that no host has had yet: to change them is the smallest change there is, without a drain."""


def pool_of(world: World, cluster: str, pool: str) -> Any:
    """A pool's part of the declaration."""
    return world.fleet["clusters"][cluster]["pools"][pool]


def changed(world: World, place: tuple[str, str] = EAST) -> None:
    """Declare a small change on every host of a pool."""
    pool_of(world, *place)["variables"] = {"baseline_os__huge_pages": next(HUGE_PAGES)}
    world.declare()


def upgraded(world: World, **rollout: Any) -> None:
    """Declare a new driver for the Nvidia pool, and how it gets there."""
    pool = pool_of(world, *EAST)
    pool["drivers"]["driver"] = NEW
    pool["rollout"] = {**pool["rollout"], **rollout}
    world.declare()


def assert_all_well(world: World) -> None:
    """No Nvidia host is lost, left cordoned, marked or locked, and each offers what it has."""
    for host in H20:
        node = world.node("east", host)
        assert not node["spec"].get("unschedulable"), f"{host} is left cordoned"
        assert "causeway/rollout" not in node["metadata"].get("annotations", {}), host
        assert node["status"]["allocatable"]["nvidia.com/gpu"] == "8", host
        assert world.stamp(host)["phase"] == "verified", host
        assert "lock.json" not in world.say(host, "ls /var/lib/causeway").split(), f"{host} is left locked"


def installs(world: World, host: str) -> int:
    """How often the driver's package was installed or upgraded on a host, by dpkg's own log."""
    return int(world.say(host, "grep -cE ' (install|upgrade) nvidia-smi:' /var/log/dpkg.log || true") or 0)
