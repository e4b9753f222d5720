"""Hosts of a sandbox that is up: hardware, login, power, kernel settings, packages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.sandbox.small_fleet import HOSTS, Sandbox

pytestmark = pytest.mark.sandbox
BOOT_ID = "cat /proc/sys/kernel/random/boot_id"


def test_lspci_shows_the_declared_accelerators_and_network_cards(shared: Sandbox) -> None:
    ascend = shared.say("asc-01", "lspci -nn").splitlines()
    nvidia = shared.say("nvl-01", "lspci -nn").splitlines()
    assert [line for line in ascend if "[1200]" in line and "[19e5:d802]" in line] == ascend
    assert len(ascend) == 8
    assert sum("[0302]" in line and "[10de:2335]" in line for line in nvidia) == 4
    assert sum("[0207]" in line and "[15b3:1021]" in line for line in nvidia) == 2
    assert len(nvidia) == 6


def test_infiniband_ports_are_listed_where_the_pool_declares_them(shared: Sandbox) -> None:
    assert shared.say("nvl-01", "cat /sys/class/infiniband/*/ports/1/rate").splitlines() == ["400 Gb/sec"] * 2
    assert shared.ssh("asc-01", "ls /sys/class/infiniband").returncode != 0


def test_the_declared_user_logs_in_and_becomes_root_without_a_password(shared: Sandbox) -> None:
    assert shared.say("asc-01", "id -un; sudo -n id -un").split() == ["ops", "root"]


def test_a_host_boots_without_a_failed_unit(shared: Sandbox) -> None:
    assert shared.say("asc-01", "systemctl is-system-running --wait; systemctl --failed --no-legend") == "running"


def test_ssh_refuses_a_host_whose_key_is_not_the_known_one(shared: Sandbox, tmp_path: Path) -> None:
    known = shared.place.known_hosts.read_text().splitlines()
    keys = [line.split(maxsplit=1)[1] for line in known]
    assert len(set(keys)) == len(HOSTS)
    swapped = tmp_path / "known_hosts"
    names = [line.split()[0] for line in known]
    swapped.write_text("".join(f"{name} {key}\n" for name, key in zip(names, reversed(keys), strict=True)))
    refused = shared.ssh("asc-01", "true", "-o", f"UserKnownHostsFile={swapped}")
    assert refused.returncode == 255
    assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in refused.stderr


def test_plain_ansible_reaches_every_host(shared: Sandbox) -> None:
    said = shared.ansible("all", "-m", "ansible.builtin.ping")
    assert said.count("SUCCESS") == len(HOSTS), said


def test_kernel_settings_of_one_host_do_not_reach_another_or_the_machine(shared: Sandbox) -> None:
    before = Path("/proc/sys/vm/swappiness").read_text()
    shared.say("asc-01", "echo 7 | sudo tee /proc/sys/vm/swappiness /proc/sys/net/core/rmem_max")
    assert shared.say("asc-01", "cat /proc/sys/vm/swappiness /proc/sys/net/core/rmem_max").split() == ["7", "7"]
    assert Path("/proc/sys/vm/swappiness").read_text() == before
    assert shared.say("nvl-01", "cat /proc/sys/vm/swappiness").split() == before.split()


def test_apt_installs_from_the_signed_mirror_and_from_nowhere_else(shared: Sandbox) -> None:
    shared.say("nvl-01", "sudo apt-get -qq update")
    listed = shared.say("nvl-01", "apt-get indextargets --format '$(SITE)' | sort -u")
    assert listed == "http://mirror.north.test/debian"
    release = shared.say("nvl-01", "uname -r")
    shared.say("nvl-01", f"sudo apt-get -qq install -y linux-headers-{release} jq")
    assert shared.say("nvl-01", f"dpkg-query -W -f '${{Status}}' linux-image-{release} jq").count("installed") == 2
    newer = shared.say("nvl-01", "apt-cache search --names-only '^linux-image-[0-9]' | sort -V | tail -1").split()[0]
    assert newer > f"linux-image-{release}"


def test_reboot_is_a_new_boot_of_the_same_disk(shared: Sandbox) -> None:
    shared.say("asc-01", "touch /home/ops/kept; sudo touch /run/sandbox/lost")
    before = shared.say("asc-01", BOOT_ID)
    said = shared.ansible("asc-01", "-b", "-m", "ansible.builtin.reboot")
    assert '"rebooted": true' in said, said
    assert shared.say("asc-01", BOOT_ID) != before
    assert shared.say("asc-01", "ls /home/ops/kept; ls /run/sandbox") != ""
    assert shared.ssh("asc-01", "ls /run/sandbox/lost").returncode != 0


@pytest.mark.parametrize("how", [(), ("--cut",)], ids=["button", "plug"])
def test_a_host_that_is_powered_off_stays_off_until_it_is_powered_on(shared: Sandbox, how: tuple[str, ...]) -> None:
    before = shared.say("asc-01", BOOT_ID)
    shared.run("power", "asc-01", "off", *how)
    assert shared.ssh("asc-01", "true", "-o", "ConnectTimeout=5").returncode == 255
    moves = shared.up()["hosts"]
    assert {move["name"]: move["action"] for move in moves} == {"asc-01": "stay off", "nvl-01": "keep"}  # type: ignore[attr-defined]  # JSON
    shared.run("power", "asc-01", "on")
    assert shared.say("asc-01", BOOT_ID) != before


def test_a_host_that_powers_itself_off_is_off_and_not_broken(shared: Sandbox) -> None:
    shared.ssh("asc-01", "sudo systemctl poweroff")
    for _ in range(100):
        status = json.loads(shared.run("status", "--json", expect=_any_status(shared)).stdout)
        if status["hosts"][0]["state"] == "off":
            break
    assert status["hosts"][0]["state"] == "off"
    shared.run("power", "asc-01", "on")


def _any_status(sandbox: Sandbox) -> int:
    """`status` ends with 1 here: the clusters are not up."""
    assert sandbox.place.home.is_dir()
    return 1


def test_reset_gives_a_host_a_fresh_disk_and_a_new_key(shared: Sandbox) -> None:
    shared.say("asc-01", "touch /home/ops/gone")
    key = shared.place.known_hosts.read_text().splitlines()[0]
    shared.run("reset", "asc-01")
    assert shared.say("asc-01", "ls -A /home/ops") == ".ssh"
    assert shared.place.known_hosts.read_text().splitlines()[0] != key


def test_the_fault_switch_is_seen_inside_the_host_on_and_off(shared: Sandbox) -> None:
    read = "cat /etc/sandbox/faults.json"
    shared.run("fault", "asc-01", "device_lost=3", "module_in_use")
    assert json.loads(shared.say("asc-01", read)) == {"device_lost": 3, "module_in_use": True}
    shared.run("power", "asc-01", "off", "--cut")
    shared.run("fault", "asc-01", "--clear", "device_lost")
    shared.run("power", "asc-01", "on")
    assert json.loads(shared.say("asc-01", read)) == {"module_in_use": True}
    shared.run("fault", "asc-01", "--clear")
    assert json.loads(shared.say("asc-01", read)) == {}


def test_an_unknown_host_is_told_with_the_nearest_name(shared: Sandbox) -> None:
    for words in (("ssh", "asc-1"), ("power", "asc-1", "on"), ("fault", "asc-1"), ("reset", "asc-1")):
        assert "did you mean asc-01?" in " ".join(shared.run(*words, expect=1).stderr.split())


def test_commands_give_documents_when_asked(shared: Sandbox) -> None:
    for words, expected in (
        (("check",), {"ok": True, "hosts": 2}),
        (("power", "asc-01", "on"), {"host": "asc-01", "power": "on", "changed": False}),
        (("fault", "asc-01"), {"host": "asc-01", "faults": {}}),
    ):
        document = json.loads(shared.run(*words, "--json").stdout)
        assert document.pop("schema") == f"causeway/sandbox-{words[0]}/v1"
        assert expected.items() <= document.items()
