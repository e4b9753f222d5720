"""What `causeway up` survives of hosts and clusters: each time the user is told, and one more `up` finishes the job."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.up.well import EAST, H20, NEW, OLD, WEST, changed, pool_of, upgraded
from tests.up.world import World

pytestmark = [pytest.mark.sandbox, pytest.mark.tools, pytest.mark.slow, pytest.mark.usefixtures("well_again")]


def driver(world: World, host: str) -> str:
    return world.say(host, "cat /sys/module/nvidia/version")


def state(world: World, host: str) -> str:
    """A host's state as the stack keeps it."""
    (pool,) = (each for each in world.resources("east") if each["type"] == "causeway:index:Baseline")
    return str(pool["outputs"]["state"][host])


def test_a_dead_host_within_the_budget_is_named_and_the_rest_gets_done(world: World) -> None:
    world.sandbox.run("power", "h20-02", "off", "--cut")
    changed(world)
    ended = world.up(expect=4)
    assert ended.results() == {"east": "partly done", "west": "unchanged"}
    hosts = ended.hosts()
    assert hosts["h20-02"] == "failed"
    assert (hosts["h20-01"], hosts["h20-03"]) == ("done", "done")
    assert "h20-02" in ended.text
    preview = world.run("preview", "--exit-code", expect=2)
    assert preview.results()["east"] == "changes", "what is left is planned again"
    world.sandbox.run("power", "h20-02", "on")
    assert world.up().hosts() == {"h20-02": "done"}


def test_a_host_that_does_not_verify_stays_out_and_beyond_the_budget_the_pool_stops_and_other_stacks_go_on(
    world: World,
) -> None:
    for host in H20:
        world.sandbox.run("fault", host, "device_lost=3")
    changed(world, WEST)
    upgraded(world, failure_budget=0)
    ended = world.up(expect=4)
    assert ended.stack("west")["result"] == "done"
    assert ended.hosts()["mlu-01"] == "done"
    assert "Traceback" not in ended.text
    failed = [host for host, phase in ended.hosts().items() if phase == "failed"]
    assert len(failed) == 1, "one failure spends a budget of none"
    told = next(each["text"] for each in ended.stack("east")["hosts"] if each["host"] == failed[0])
    assert told.startswith("device-unhealthy: GPU at 0000:13:00.0"), "the device is named"
    assert world.node("east", failed[0])["spec"].get("unschedulable"), "it stays out of service"
    assert [driver(world, host) for host in H20 if host != failed[0]] == [OLD, OLD]


def test_a_wrong_host_key_fails_that_host_and_changes_nothing_on_it(world: World) -> None:
    stamp = world.stamp("h20-03")
    known = world.sandbox.place.known_hosts
    right = known.read_text()
    lines = right.splitlines()
    other = next(line.split(" ", 1)[1] for line in lines if line.startswith("h20-01 "))
    known.write_text("\n".join(f"h20-03 {other}" if line.startswith("h20-03 ") else line for line in lines) + "\n")
    try:
        changed(world)
        ended = world.up(expect=4)
    finally:
        known.write_text(right)
    assert ended.hosts()["h20-03"] == "failed"
    assert "host key" in ended.text.lower()
    assert world.stamp("h20-03") == stamp


def test_a_window_that_ends_in_the_middle_defers_the_hosts_whose_turn_did_not_come(world: World) -> None:
    end = datetime.now(UTC) + timedelta(hours=8, minutes=2)  # the site's time zone
    window = {"hours": f"{end - timedelta(hours=3):%H:%M}-{end:%H:%M}"}
    upgraded(world, window=window, max_unavailable=1)
    ended = world.up(expect=4)
    states = {host: state(world, host) for host in H20}
    deferred = [host for host in H20 if states[host].startswith("deferred until")]
    assert deferred, f"{states}\n{ended.text}"
    assert all("window" in states[host] for host in deferred), states
    for host in H20:
        assert driver(world, host) == (OLD if host in deferred else NEW)
        assert not world.node("east", host)["spec"].get("unschedulable")
    del pool_of(world, *EAST)["rollout"]["window"]
    world.declare()
    assert world.up().hosts() == dict.fromkeys(deferred, "done")
