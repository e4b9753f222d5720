"""`causeway destroy`: releases leave their clusters, hosts stay as they are, and `up` takes them back."""

from __future__ import annotations

import pytest

from tests.up.well import ALL, H20
from tests.up.world import World

pytestmark = [pytest.mark.sandbox, pytest.mark.tools, pytest.mark.slow, pytest.mark.usefixtures("well_again")]


def serving(world: World, cluster: str) -> list[str]:
    """What runs in a cluster because of its releases."""
    found = world.kubectl(cluster, "get", "deployments,daemonsets", "-A")["items"]
    return [f"{each['kind']} {each['metadata']['namespace']}/{each['metadata']['name']}" for each in found]


def test_a_destroyed_stack_leaves_hosts_with_their_drivers_and_up_adopts_them(world: World) -> None:
    stamps = {host: world.stamp(host) for host in H20}
    world.run("destroy", "east", "--yes")
    assert serving(world, "east") == []
    assert {host: world.stamp(host) for host in H20} == stamps
    world.up()
    assert {host: world.stamp(host) for host in H20} == stamps, "what is right is adopted, not done again"


def test_a_cluster_gone_from_the_declaration_is_left_alone_until_it_is_destroyed_by_its_name(world: World) -> None:
    stamps = {host: world.stamp(host) for host in ALL}
    served = {cluster: serving(world, cluster) for cluster in ("east", "west")}
    assert all(served.values()), served
    west = world.fleet["clusters"].pop("west")
    gateway, secrets = world.fleet["workloads"].pop("cici"), world.fleet.pop("secrets")
    world.declare()
    assert world.up().results() == {"east": "unchanged"}
    assert serving(world, "west") == served["west"], "up takes nothing away that it was not asked for"
    assert "unknown-stack" in world.up("west", expect=1).text, "up knows only what is declared"

    ended = world.run("destroy", "west", "--yes")
    assert ended.results() == {"west": "done"}
    assert serving(world, "west") == []
    assert serving(world, "east") == served["east"]
    assert [each["type"] for each in world.resources("west") if each["type"].startswith("causeway:")] == []
    assert {host: world.stamp(host) for host in ALL} == stamps

    world.fleet["clusters"]["west"] = west
    world.fleet["workloads"]["cici"], world.fleet["secrets"] = gateway, secrets
    world.declare()
    assert world.up().results() == {"east": "unchanged", "west": "done"}
    assert serving(world, "west") == served["west"]
    assert {host: world.stamp(host) for host in ALL} == stamps, "what is right is adopted, not done again"
