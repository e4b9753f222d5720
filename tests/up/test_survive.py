"""What `causeway up` survives of hosts and clusters: each time the user is told, and one more `up` finishes the job."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.up.well import EAST, H20, WEST, assert_installed_once, changed, installs, pool_of, upgraded
from tests.up.world import World, processes
from tests.waiting import eventually

pytestmark = [pytest.mark.sandbox, pytest.mark.tools, pytest.mark.slow, pytest.mark.usefixtures("well_again")]


def driver(world: World, host: str) -> str:
    return world.say(host, "cat /sys/module/nvidia/version")


def state(world: World, host: str) -> str:
    """A host's state as the stack keeps it."""
    (pool,) = (each for each in world.resources("east") if each["type"] == "causeway:index:Baseline")
    return str(pool["outputs"]["state"][host])


def replicas(world: World) -> int:
    """How many pods the chart of the same stack asks for."""
    (each,) = world.kubectl("east", "get", "deployments", "-n", "chat")["items"]
    return int(each["spec"]["replicas"])


def test_a_dead_host_within_the_budget_is_named_and_hosts_charts_and_other_stacks_get_done(world: World) -> None:
    world.sandbox.run("power", "h20-02", "off", "--cut")
    assert replicas(world) == 2
    (served,) = world.fleet["workloads"]["chat"]["serve"]
    served["replicas"] = 3
    changed(world, WEST)
    changed(world)
    ended = world.up(expect=4)
    assert ended.results() == {"east": "partly done", "west": "done"}
    assert ended.hosts() == {"h20-01": "done", "h20-02": "failed", "h20-03": "done", "mlu-01": "done"}
    (told,) = (each["text"] for each in ended.stack("east")["hosts"] if each["host"] == "h20-02")
    assert told.startswith("does not answer: "), told
    assert replicas(world) == 3, "the chart of the same stack was done, too"
    preview = world.run("preview", "--exit-code", expect=2)
    assert preview.results() == {"east": "changes", "west": "unchanged"}, "what is left is planned again"
    world.sandbox.run("power", "h20-02", "on")
    assert world.up().hosts() == {"h20-02": "done"}


def test_a_host_that_does_not_verify_stays_out_and_beyond_the_budget_the_pool_stops_and_other_stacks_go_on(
    world: World,
) -> None:
    for host in H20:
        world.sandbox.run("fault", host, "device_lost=3")
    changed(world, WEST)
    old, _ = upgraded(world, failure_budget=0)
    ended = world.up(expect=4)
    assert ended.stack("west")["result"] == "done"
    assert ended.hosts()["mlu-01"] == "done"
    assert "Traceback" not in ended.text
    failed = [host for host, phase in ended.hosts().items() if phase == "failed"]
    assert len(failed) == 1, "one failure spends a budget of none"
    told = next(each["text"] for each in ended.stack("east")["hosts"] if each["host"] == failed[0])
    assert told.startswith("device-unhealthy: GPU at 0000:13:00.0"), "the device is named"
    assert world.node("east", failed[0])["spec"].get("unschedulable"), "it stays out of service"
    assert [driver(world, host) for host in H20 if host != failed[0]] == [old, old]


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
    _, new = upgraded(world, max_unavailable=2)  # the lost one counts, too
    with world.going_up() as process:
        first = eventually(lambda: step_of(world, "installs the driver stack"), "the playbook on a host", timeout=240)
        world.sandbox.run("power", first, "off", "--cut")
        assert process.wait(500) == 4
    assert state(world, first).startswith(("unreachable", "failed")), state(world, first)
    assert [driver(world, host) for host in H20 if host != first] == [new, new]
    world.sandbox.run("power", first, "on")
    assert world.up().hosts() == {first: "done"}
    assert driver(world, first) == new


STAYING = {"app": "stays"}


def staying(host: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A deployment whose pod runs on one host, and the budget that keeps it there."""
    pod = {
        "nodeSelector": {"kubernetes.io/hostname": host},
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
        "containers": [{"name": "main", "image": "registry.test/stays:1"}],
    }
    return (
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "stays", "namespace": "default"},
            "spec": {"selector": {"matchLabels": STAYING}, "template": {"metadata": {"labels": STAYING}, "spec": pod}},
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
    """The host of a pod whose disruption budget refuses every eviction: the first one that a rollout takes."""
    objects = staying(H20[0])
    for each in objects:
        world.apply("east", each)
    eventually(
        lambda: [pod for pod in world.pods("east", "app=stays") if pod["status"].get("phase") == "Running"],
        "the pod that stays",
        timeout=60,
    )
    yield H20[0]
    for each in objects:
        world.remove("east", each["kind"], "default", each["metadata"]["name"])


def let_go(world: World) -> None:
    """Take the budget away that refuses evictions."""
    world.remove("east", "poddisruptionbudget", "default", "nobody-leaves")


DRAINS = "waits for its workloads to leave"


def test_a_cluster_that_goes_away_during_a_drain_defers_its_hosts_and_says_so(world: World, stays: str) -> None:
    old, _ = upgraded(world, max_unavailable=1)
    with world.going_up() as process:
        eventually(lambda: step_of(world, DRAINS, for_s=3) == stays, "a drain that lasts", timeout=240)
        for pid in processes(f"{world.sandbox.place.home}/kubernetes/clusters/east/bin/kube-apiserver"):
            os.kill(pid, signal.SIGKILL)
        try:
            assert process.wait(400) == 4
        finally:
            world.sandbox.run("up", "--clusters-only")
    assert "API does not answer" in state(world, stays), state(world, stays)
    assert driver(world, stays) == old, "a host that could not be emptied was not touched"
    let_go(world)
    assert world.up().hosts()[stays] == "done"


def test_a_budget_that_refuses_an_eviction_is_waited_for_and_named(world: World, stays: str) -> None:
    old, new = upgraded(world, max_unavailable=1, drain_timeout="5s")
    ended = world.up(expect=4)
    deferred = {each["host"]: each["text"] for each in ended.stack("east")["hosts"] if each["phase"] == "deferred"}
    assert deferred.keys() == {stays}, ended.text
    assert "nobody-leaves" in deferred[stays]
    assert [driver(world, host) for host in H20] == [old, new, new]
    assert not world.node("east", stays)["spec"].get("unschedulable"), "a host that was not touched serves on"
    let_go(world)
    assert world.up().hosts() == {stays: "done"}


WINDOW = timedelta(minutes=6)
"""No wave may begin in its second half: a wave is reckoned to take longer than that."""


def test_a_window_that_ends_in_the_middle_leaves_done_what_is_done_and_defers_the_rest(
    world: World, stays: str
) -> None:
    opens = datetime.now(ZoneInfo("Asia/Shanghai")).replace(second=0, microsecond=0)  # the site's time zone
    middle, ends = opens + WINDOW / 2, opens + WINDOW
    window = {"hours": f"{opens:%H:%M}-{ends:%H:%M}"}
    old, new = upgraded(world, window=window, max_unavailable=1, drain_timeout="10m")
    with world.going_up() as process:
        eventually(lambda: step_of(world, DRAINS, for_s=3) == stays, "the first host's drain", timeout=240)
        time.sleep(max(0.0, (middle - datetime.now(UTC)).total_seconds() + 1))
        assert datetime.now(UTC) < ends, "its workloads leave within the window"
        let_go(world)
        assert process.wait(400) == 4
    states = {host: state(world, host) for host in H20}
    deferred = [host for host in H20 if states[host].startswith("deferred until ")]
    assert deferred == ["h20-02", "h20-03"], states
    assert all("window" in states[host] for host in deferred), states
    assert [driver(world, host) for host in H20] == [new, old, old]
    for host in H20:
        assert not world.node("east", host)["spec"].get("unschedulable"), f"{host} is left out of service"
    del pool_of(world, *EAST)["rollout"]["window"]
    world.declare()
    assert world.up().hosts() == dict.fromkeys(deferred, "done")
    assert [driver(world, host) for host in H20] == [new, new, new]


POWEROFF = "/etc/systemd/system/systemd-reboot.service.d/never-back.conf"


def test_a_host_that_never_comes_back_from_its_reboot_is_named_and_the_rest_gets_done(world: World) -> None:
    never = "h20-02"
    before = installs(world)
    world.say(never, f"mkdir -p $(dirname {POWEROFF})")
    world.say(never, f"printf '[Unit]\\nSuccessAction=poweroff-force\\n' > {POWEROFF} && systemctl daemon-reload")
    changed(world)
    pool_of(world, *EAST)["variables"] |= {"nvidia_driver__reload": False, "causeway__reboot_timeout": 40}
    _, new = upgraded(world, max_unavailable=2)  # the lost one counts, too
    ended = world.up(expect=4)
    assert ended.hosts() == {**dict.fromkeys(H20, "done"), never: "failed"}
    told = next(each["text"] for each in ended.stack("east")["hosts"] if each["host"] == never)
    assert told.startswith("reboot-failed: "), told
    assert "look at the host's console" in ended.text
    assert world.node("east", never)["spec"].get("unschedulable"), "it stays out of service"
    world.sandbox.run("power", never, "on")
    world.say(never, f"rm {POWEROFF}")
    assert world.up().hosts() == {never: "done"}
    assert [driver(world, host) for host in H20] == [new, new, new]
    assert_installed_once(world, before, dict.fromkeys(H20, "nvidia-smi"))
    changed(world)  # drivers are loaded without a reboot again
