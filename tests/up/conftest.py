"""One world for the tests of `causeway up`: hosts and clusters that are up, taken down whatever happens."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest

from tests.sandbox.small_fleet import sweep
from tests.up.well import H20, POOLS, assert_all_well, pool_of
from tests.up.world import World, make_world

KEPT = ("variables", "drivers")
"""Of a pool, what stays as a test left it: to take it back would be one more change on each host."""


@pytest.fixture(scope="package")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The fleet's sandbox is up; a test leaves all hosts well, and the declaration as it was."""
    sweep()
    made = make_world(tmp_path_factory.mktemp("up"))
    try:
        made.sandbox.run("up")
        yield made
    finally:
        made.sandbox.run("down", "--name", made.sandbox.name)
        assert made.sandbox.traces() == []


@pytest.fixture
def well_again(world: World) -> Iterator[None]:
    """A world that is deployed; whatever a test did to it, one more `up` makes it well and as it was declared."""
    before = copy.deepcopy(world.fleet)
    world.up()
    yield
    kept = {place: {key: pool_of(world, *place).get(key) for key in KEPT} for place in POOLS if has(world, *place)}
    world.fleet.clear()
    world.fleet.update(before)
    for place, values in kept.items():
        pool_of(world, *place).update({key: value for key, value in values.items() if value})
    world.declare()
    world.sandbox.run("up")
    for host in H20:
        world.sandbox.run("power", host, "on")
        world.sandbox.run("fault", host, "--clear")
    world.up()
    assert_all_well(world)


def has(world: World, cluster: str, pool: str) -> bool:
    """Whether the declaration has a pool."""
    return pool in world.fleet["clusters"].get(cluster, {}).get("pools", {})
