"""A pool of twelve hosts gets a new driver: the declared waves, watched at the API server from outside."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox.small_fleet import sweep
from tests.up.well import EAST, pool_of, upgraded
from tests.up.world import World, make_world

pytestmark = [pytest.mark.sandbox, pytest.mark.tools, pytest.mark.slow]
HOSTS = [f"h20-{number:02d}" for number in range(1, 13)]
MOST = 4


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world of one cluster, whose pool of twelve hosts is deployed."""
    sweep()
    made = make_world(tmp_path_factory.mktemp("twelve"))
    del made.fleet["clusters"]["west"]
    del made.fleet["workloads"]["cici"], made.fleet["secrets"]
    pool_of(made, *EAST)["hosts"] = "h20-[01:12]"
    pool_of(made, *EAST)["rollout"] = {"canary": 1, "max_unavailable": MOST, "drain_timeout": "1m"}
    made.declare()
    try:
        made.sandbox.run("up")
        made.up()
        yield made
    finally:
        made.sandbox.run("down", "--name", made.sandbox.name)
        assert made.sandbox.traces() == []


def test_one_canary_then_growing_waves_and_never_more_out_than_declared(pool: World) -> None:
    _, new = upgraded(pool)
    with pool.out_of_service("east") as out:
        ended = pool.up()
    assert ended.hosts() == dict.fromkeys(HOSTS, "done")
    assert max(map(len, out)) <= MOST
    assert {host for names in out for host in names} == set(HOSTS)
    (canary,) = next(names for names in out if names)
    alone = [names for names in out if canary in names]
    assert set(alone) == {frozenset({canary})}, "the canary was done before the next wave began"
    for host in HOSTS:
        assert pool.say(host, "cat /sys/module/nvidia/version") == new
        assert not pool.node("east", host)["spec"].get("unschedulable")
