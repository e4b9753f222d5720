"""`causeway up` from bare hosts to a fleet that serves, and what a second one, and small changes, touch."""

from __future__ import annotations

import copy
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.up.packets import ssh_packets
from tests.up.well import ALL, H20, HUGE_PAGES, upgraded
from tests.up.world import World, descendants, processes

pytestmark = [pytest.mark.sandbox, pytest.mark.tools]


@pytest.fixture(scope="module")
def deployed(world: World) -> World:
    """The world after a first `up`."""
    world.up()
    return world


@pytest.fixture
def declared(world: World) -> Any:
    """The declaration, to change; it is put back after the test, on hosts and clusters too."""
    before = copy.deepcopy(world.fleet)
    yield world.fleet
    if world.fleet != before:
        world.fleet.clear()
        world.fleet.update(before)
        world.declare()
        world.up()


def test_bare_hosts_become_a_fleet_that_serves(deployed: World) -> None:
    for host in ALL:
        assert deployed.stamp(host)["phase"] == "verified", host
    for host in H20:
        node = deployed.node("east", host)
        assert node["status"]["allocatable"]["nvidia.com/gpu"] == "8"
        assert not node["spec"].get("unschedulable")
    pods = deployed.kubectl("east", "get", "pods", "-n", "chat")["items"]
    assert [pod["status"]["phase"] for pod in pods] == ["Running", "Running"]


def test_the_counter_sees_the_packets_of_a_connection(deployed: World) -> None:
    with ssh_packets(deployed.sandbox.place.netns) as packets:
        deployed.say("h20-01", "true")
    assert packets() > 10


def test_a_second_up_finds_every_stack_unchanged_and_speaks_to_no_host(deployed: World) -> None:
    over = threading.Event()
    seen: set[str] = set()

    def look() -> None:
        while not over.is_set():
            below = set(descendants(os.getpid()))  # others may run Ansible on this machine, too
            seen.update(word for word in ("ansible-playbook", "ssh_config") if below.intersection(processes(word)))
            time.sleep(0.05)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        with ssh_packets(deployed.sandbox.place.netns) as packets:
            ended = deployed.up()
    finally:
        over.set()
        watcher.join()
    assert ended.results() == {"east": "unchanged", "west": "unchanged"}
    assert seen == set()
    assert packets() == 0, "somebody spoke SSH, over a connection that is new or old"


def test_a_preview_says_what_up_then_does_and_touches_nothing(deployed: World, declared: Any) -> None:
    before = {host: deployed.stamp(host) for host in ALL}
    declared["host_overrides"] = {"h20-02": {"variables": {"baseline_os__huge_pages": next(HUGE_PAGES)}}}
    deployed.declare()
    with ssh_packets(deployed.sandbox.place.netns) as packets:
        preview = deployed.run("preview", "--exit-code", expect=2)
    assert packets() == 0
    assert preview.results() == {"east": "changes", "west": "unchanged"}
    (change,) = preview.stack("east")["changes"]
    assert {path for path in change["details"] if "h20-" in path} == {'overrides["h20-02"]', 'state["h20-02"]'}, change

    ended = deployed.up()
    assert ended.hosts() == {"h20-02": "done"}
    after = {host: deployed.stamp(host) for host in ALL}
    assert after["h20-02"]["run"] != before["h20-02"]["run"]
    assert {host: after[host] for host in ALL if host != "h20-02"} == {
        host: before[host] for host in ALL if host != "h20-02"
    }


def test_a_new_driver_reaches_a_pool_in_waves_with_one_host_out_at_most(deployed: World) -> None:
    _, new = upgraded(deployed)
    with deployed.out_of_service("east") as out:
        ended = deployed.up()
    assert ended.hosts() == dict.fromkeys(H20, "done")
    assert max(map(len, out)) == 1, "more than one host was out of service"
    assert {host for names in out for host in names} == set(H20)
    for host in H20:
        assert deployed.say(host, "cat /sys/module/nvidia/version") == new
        assert not deployed.node("east", host)["spec"].get("unschedulable")


@pytest.mark.slow
def test_no_secret_lies_about(deployed: World) -> None:
    home = deployed.root / ".causeway"
    passphrase = (home / "passphrase").read_text().strip()
    identity = (deployed.sandbox.place.identity).read_text().splitlines()[1]
    found = [
        str(file)
        for file in [*home.rglob("*"), *deployed.root.glob("*.yaml"), *deployed.root.glob("*.log")]
        if file.is_file()
        and file not in (home / "passphrase", deployed.sandbox.place.identity)
        and "hosts" not in file.relative_to(deployed.root).parts
        and _holds(file, passphrase, identity)
    ]
    assert found == []


def _holds(file: Path, *secrets: str) -> bool:
    content = file.read_bytes()
    return any(secret.encode() in content for secret in secrets)
