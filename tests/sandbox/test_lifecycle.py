"""`up` and `down`: repeated, interrupted, after kill -9 of anything, two at once. Nothing may be left behind."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from causeway.sandbox import hosts
from causeway.sandbox.cgroup import of_fleet
from tests.sandbox.small_fleet import HOSTS, Sandbox, make

pytestmark = pytest.mark.sandbox


def actions(sandbox: Sandbox) -> dict[str, str]:
    """What `up` did to each host."""
    found = sandbox.up()
    return {move["name"]: move["action"] for move in found["hosts"]}  # type: ignore[attr-defined]  # JSON


def assert_well(sandbox: Sandbox) -> None:
    for host in HOSTS:
        assert sandbox.say(host, "hostname") == host


def test_a_second_up_changes_nothing_and_is_quick(shared: Sandbox) -> None:
    boots = [shared.say(host, "cat /proc/sys/kernel/random/boot_id") for host in HOSTS]
    begun = time.monotonic()
    again = shared.up()
    took = time.monotonic() - begun
    assert again["changed"] is False
    assert [shared.say(host, "cat /proc/sys/kernel/random/boot_id") for host in HOSTS] == boots
    assert took < 10, f"{took:.1f} s"  # well above what it takes on an idle machine, to bear a busy one


def test_a_changed_declaration_touches_only_the_hosts_that_differ(shared: Sandbox) -> None:
    boot = shared.say("asc-01", "cat /proc/sys/kernel/random/boot_id")
    try:
        shared.declare(ascend=2)
        assert actions(shared) == {"asc-01": "keep", "asc-02": "create", "nvl-01": "keep"}
        assert shared.say("asc-02", "hostname") == "asc-02"
    finally:
        shared.declare()
    assert actions(shared) == {"asc-01": "keep", "asc-02": "remove", "nvl-01": "keep"}
    assert shared.say("asc-01", "cat /proc/sys/kernel/random/boot_id") == boot
    assert not shared.place.host("asc-02").exists()


def kill(pids: tuple[int, ...]) -> None:
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def test_up_mends_a_host_whose_supervisor_was_killed(shared: Sandbox) -> None:
    kill((hosts.group(shared.place, "asc-01") / "supervisor").pids())
    assert shared.say("asc-01", "hostname") == "asc-01"  # it outlives its supervisor
    assert actions(shared) == {"asc-01": "start", "nvl-01": "keep"}
    assert_well(shared)


def test_up_mends_a_host_whose_init_was_killed(shared: Sandbox) -> None:
    init = hosts.init_pid(shared.place, "asc-01")
    assert init is not None
    kill((init,))
    wait_until_gone(init)
    assert actions(shared) == {"asc-01": "start", "nvl-01": "keep"}
    assert_well(shared)


def wait_until_gone(pid: int) -> None:
    """Until the process and its supervisor have ended."""
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)


@pytest.mark.parametrize("daemon", ["mirror", "dialer"])
def test_up_mends_a_killed_daemon_and_touches_no_host(shared: Sandbox, daemon: str) -> None:
    kill((of_fleet(shared.name) / daemon).pids())
    assert actions(shared) == dict.fromkeys(HOSTS, "keep")
    assert shared.say("nvl-01", "sudo apt-get -qq update") == ""
    assert_well(shared)


def test_up_mends_a_lost_network(shared: Sandbox) -> None:
    subprocess.run(["ip", "netns", "delete", shared.place.netns], check=True)
    assert actions(shared) == dict.fromkeys(HOSTS, "start")
    assert_well(shared)


@pytest.mark.parametrize("attempt", range(3))
def test_up_that_was_killed_anywhere_is_finished_by_the_next(fresh: Sandbox, rng: random.Random, attempt: int) -> None:
    moment = rng.uniform(0.2, 4.0)
    print(f"killed after {moment:.2f} s")  # noqa: T201 - shown when the test fails
    first = fresh.start_up()
    time.sleep(moment)
    first.kill()
    first.wait()
    fresh.up()
    assert_well(fresh)


def test_up_that_is_interrupted_says_how_to_go_on(fresh: Sandbox) -> None:
    codes = []
    for delay in (0.6, 0.8, 1.0, 1.5, 2.5, 4.0):  # too early it still loads itself, too late it is done
        first = fresh.start_up()
        time.sleep(delay)
        first.send_signal(signal.SIGINT)
        codes.append(first.wait(timeout=30))
        if codes[-1] == 130:
            break
        fresh.run("down")
    assert codes[-1] == 130, codes
    fresh.up()
    assert_well(fresh)


def test_down_after_everything_was_killed_leaves_nothing_and_may_be_repeated(fresh: Sandbox) -> None:
    fresh.up()
    group = of_fleet(fresh.name)
    for place in (group / "dialer", group / "mirror", hosts.group(fresh.place, "asc-01") / "supervisor"):
        kill(place.pids())
    assert fresh.traces() != []
    fresh.run("down")
    assert fresh.traces() == []
    assert "there is no sandbox" in fresh.run("down").stdout


def test_down_by_name_works_without_the_declaration(fresh: Sandbox) -> None:
    fresh.up()
    (fresh.folder / "fleet.yaml").write_text("clusters: [broken")
    broken = fresh.run("down", expect=1)
    assert fresh.name in broken.stderr
    fresh.run("down", "--name", fresh.name)
    assert fresh.traces() == []


def test_down_ends_ssh_masters_that_users_left(fresh: Sandbox) -> None:
    fresh.up()
    assert fresh.ssh("asc-01", "true", "-o", "ControlMaster=auto", "-o", "ControlPersist=300").returncode == 0
    assert any("ssh" in trace for trace in fresh.traces())
    fresh.run("down")
    assert fresh.traces() == []


def test_two_fleets_with_the_same_hosts_do_not_meet(shared: Sandbox, fresh: Sandbox) -> None:
    fresh.up()
    fresh.say("asc-01", "touch /home/ops/of-the-second")
    assert shared.ssh("asc-01", "ls /home/ops/of-the-second").returncode != 0
    fresh.run("down")
    assert_well(shared)


def test_two_ups_at_once_take_turns(fresh: Sandbox) -> None:
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: fresh.up(), range(2))
    assert {first["changed"], second["changed"]} == {False, True}
    assert_well(fresh)


def test_one_name_in_two_places_is_refused(shared: Sandbox, tmp_path: Path) -> None:
    other = Sandbox(shared.name, tmp_path / "elsewhere", shared.environ)
    other.folder.mkdir()
    other.declare()
    refused = other.run("up", "--hosts-only", expect=1)
    assert "sandbox-elsewhere" in refused.stderr
    assert "sandbox-elsewhere" in other.run("down", expect=1).stderr
    assert_well(shared)


def test_with_sudo_the_files_belong_to_who_called_it_and_the_path_may_hold_spaces(root: None, tmp_path: Path) -> None:
    plain = make(tmp_path)
    spaced = tmp_path / "a fleet's folder"
    plain.folder.rename(spaced)
    sandbox = Sandbox(plain.name, spaced, {**plain.environ, "SUDO_UID": "65534", "SUDO_GID": "65534"})
    try:
        sandbox.up()
        assert_well(sandbox)
        assert "SUCCESS" in sandbox.ansible("nvl-01", "-m", "ansible.builtin.ping")
        place = sandbox.place
        for path in (place.home, place.identity, place.ssh_config, place.known_hosts, place.dialer_socket):
            assert path.stat().st_uid == 65534, path
        assert place.identity.stat().st_mode & 0o077 == 0
        assert place.owner_note.stat().st_uid == 0
    finally:
        sandbox.run("down", "--name", sandbox.name)
    assert sandbox.traces() == []
