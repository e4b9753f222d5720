"""What `causeway up` survives of hosts and clusters: each time the user is told, and one more `up` finishes the job."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.up.well import EAST, H20, NEW, OLD, WEST, changed, installs, pool_of, upgraded
from tests.up.world import World, processes
from tests.waiting import eventually

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


def step_of(world: World, text: str, *, for_s: float = 0) -> str | None:
    """The host whose last step has had this text for so long; None while there is none."""
    last = {each["host"]: each for each in world.steps("east") if each["host"]}
    now = datetime.now(UTC)
    since = timedelta(seconds=for_s)
    return next(
        (
            host
            for host, each in last.items()
            if each["text"] == text and now - datetime.fromisoformat(each["at"]) >= since
        ),
        None,
    )


def test_a_host_that_dies_in_the_middle_is_lost_for_this_run_alone(world: World) -> None:
    upgraded(world, max_unavailable=2)  # the lost one counts, too
    with world.going_up() as process:
        first = eventually(lambda: step_of(world, "installs the driver stack"), "the playbook on a host", timeout=240)
        world.sandbox.run("power", first, "off", "--cut")
        assert process.wait(500) == 4
    assert state(world, first).startswith(("unreachable", "failed")), state(world, first)
    assert [driver(world, host) for host in H20 if host != first] == [NEW, NEW]
    world.sandbox.run("power", first, "on")
    assert world.up().hosts() == {first: "done"}
    assert driver(world, first) == NEW


STAYING = {"app": "stays"}
POD = {
    "nodeSelector": {"kubernetes.io/hostname": "h20-01"},
    "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
    "containers": [{"name": "main", "image": "registry.test/stays:1"}],
}
OBJECTS: tuple[dict[str, Any], ...] = (
    {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "stays", "namespace": "default"},
        "spec": {
            "selector": {"matchLabels": STAYING},
            "template": {"metadata": {"labels": STAYING}, "spec": POD},
        },
    },
    {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "nobody-leaves", "namespace": "default"},
        "spec": {"maxUnavailable": 0, "selector": {"matchLabels": STAYING}},
    },
)


@pytest.fixture
def stays(world: World) -> Iterator[str]:
    """The host of a pod whose disruption budget refuses every eviction."""
    for each in OBJECTS:
        world.apply("east", each)
    eventually(
        lambda: [pod for pod in world.pods("east", "app=stays") if pod["status"].get("phase") == "Running"],
        "the pod that stays",
        timeout=60,
    )
    yield "h20-01"
    for each in OBJECTS:
        world.remove("east", each["kind"], "default", each["metadata"]["name"])


def test_a_cluster_that_goes_away_during_a_drain_defers_its_hosts_and_says_so(world: World, stays: str) -> None:
    upgraded(world, max_unavailable=1)
    with world.going_up() as process:
        drains = "waits for its workloads to leave"
        eventually(lambda: step_of(world, drains, for_s=3) == stays, "a drain that lasts", timeout=240)
        for pid in processes(f"{world.sandbox.place.home}/kubernetes/clusters/east/bin/kube-apiserver"):
            os.kill(pid, signal.SIGKILL)
        try:
            assert process.wait(400) == 4
        finally:
            world.sandbox.run("up", "--clusters-only")
    assert "API does not answer" in state(world, stays), state(world, stays)
    assert driver(world, stays) == OLD, "a host that could not be emptied was not touched"
    world.remove("east", "poddisruptionbudget", "default", "nobody-leaves")
    assert world.up().hosts()[stays] == "done"


def test_a_budget_that_refuses_an_eviction_is_waited_for_and_named(world: World, stays: str) -> None:
    upgraded(world, max_unavailable=1, drain_timeout="5s")
    ended = world.up(expect=4)
    deferred = {each["host"]: each["text"] for each in ended.stack("east")["hosts"] if each["phase"] == "deferred"}
    assert deferred.keys() == {stays}, ended.text
    assert "nobody-leaves" in deferred[stays]
    assert [driver(world, host) for host in H20] == [OLD, NEW, NEW]
    assert not world.node("east", stays)["spec"].get("unschedulable"), "a host that was not touched serves on"
    world.remove("east", "poddisruptionbudget", "default", "nobody-leaves")
    assert world.up().hosts() == {stays: "done"}


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


POWEROFF = "/etc/systemd/system/systemd-reboot.service.d/never-back.conf"


def test_a_host_that_never_comes_back_from_its_reboot_is_named_and_the_rest_gets_done(world: World) -> None:
    never = "h20-02"
    before = {host: installs(world, host) for host in H20}
    world.say(never, f"mkdir -p $(dirname {POWEROFF})")
    world.say(never, f"printf '[Unit]\\nSuccessAction=poweroff-force\\n' > {POWEROFF} && systemctl daemon-reload")
    changed(world)
    pool_of(world, *EAST)["variables"] |= {"nvidia_driver__reload": False, "causeway__reboot_timeout": 40}
    upgraded(world, max_unavailable=2)  # the lost one counts, too
    ended = world.up(expect=4)
    assert ended.hosts() == {**dict.fromkeys(H20, "done"), never: "failed"}
    told = next(each["text"] for each in ended.stack("east")["hosts"] if each["host"] == never)
    assert told.startswith("reboot-failed: "), told
    assert "look at the host's console" in ended.text
    assert world.node("east", never)["spec"].get("unschedulable"), "it stays out of service"
    world.sandbox.run("power", never, "on")
    world.say(never, f"rm {POWEROFF}")
    assert world.up().hosts() == {never: "done"}
    assert [driver(world, host) for host in H20] == [NEW, NEW, NEW]
    assert {host: installs(world, host) - before[host] for host in H20} == dict.fromkeys(H20, 1)
    changed(world)  # drivers are loaded without a reboot again
