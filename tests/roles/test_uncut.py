"""Commands that must not be cut: over killed runs, lost connections, reboots and power loss, on a sandbox host."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.roles.fleet import Going, RoleFleet, Run

pytestmark = pytest.mark.sandbox
HOST = "asc-07"
WAIT_S = 60
KEY = "demo-work"
RUN, SETTLE = "Run the work", "Settle what earlier runs began"
PLAYBOOK = f"""
- hosts: all
  gather_facts: false
  become: true
  tasks:
    - name: {SETTLE}
      causeway_unit: {{key: "demo-*", state: settled}}
      when: settle | default(false)
    - name: {RUN}
      causeway_unit:
        key: "{{{{ key | default('{KEY}') }}}}"
        title: the work
        argv: [/bin/sh, -c, "{{{{ command }}}}"]
        success: all is done
        to_do: look at the board
        poll: 2
        reconnect: "{{{{ reconnect | default(60) }}}}"
      when: command is defined
"""
# Each run of a command leaves one more mark, so a test sees how often it ran. The long one goes on until it may end.
QUICK = "echo mark >> /var/tmp/demo-marks; echo all is done"
LONG = (
    "echo mark >> /var/tmp/demo-marks; "
    "while [ ! -e /var/tmp/demo-end ]; do echo still at it; sleep 0.5; done; echo all is done"
)
NOTICE_SOON = "-o ControlMaster=no -o ControlPath=none -o ServerAliveInterval=1 -o ServerAliveCountMax=2"


@dataclass(frozen=True)
class Uncut:
    """The playbook of these tests, on the host of these tests."""

    fleet: RoleFleet
    playbook: Path

    def play(self, *, check: bool = False, **variables: Any) -> Run:
        return self.start(check=check, **variables).end()

    def start(self, *, check: bool = False, **variables: Any) -> Going:
        inventory = self.fleet.sandbox.place.ansible_inventory
        return self.fleet.begin(self.playbook, HOST, check=check, inventory=inventory, **variables)

    def begin(self, *, key: str = KEY, **variables: Any) -> Going:
        """Begin the long command, and wait until it runs on the host."""
        going = self.start(**{"key": key, "command": LONG, **variables})
        self.until(lambda: self.alive(key) or going.process.poll() is not None)
        assert self.alive(key), going.log.read_text()
        return going

    def until(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WAIT_S
        while not holds():
            assert time.monotonic() < deadline
            time.sleep(0.2)

    def alive(self, key: str = KEY) -> bool:
        return "active" in self.fleet.sandbox.ssh(HOST, f"systemctl is-active causeway-{key}").stdout.split()

    def may_end(self) -> None:
        self.fleet.does(HOST, "touch /var/tmp/demo-end")

    def wait_until_ended(self) -> None:
        self.may_end()
        self.until(lambda: not (self.alive() or self.alive("demo-other")))

    def marks(self) -> int:
        """How often the command ran."""
        return self.fleet.does(HOST, "cat /var/tmp/demo-marks 2>/dev/null || true").count("mark")

    def link(self, state: str) -> None:
        """Pull or plug the host's network cable: no packet says that the connection is gone."""
        link = ["ip", "-n", f"cw-{self.fleet.sandbox.name}", "link", "set", f"vb-{HOST}", state]
        subprocess.run(link, check=True, capture_output=True)
        if state == "up":  # the neighbours take a moment to find each other again
            self.until(lambda: self.fleet.sandbox.ssh(HOST, "true").returncode == 0)


@pytest.fixture
def uncut(role_fleet: RoleFleet, tmp_path: Path) -> Iterator[Uncut]:
    playbook = tmp_path / "work.yml"
    playbook.write_text(PLAYBOOK)
    made = Uncut(role_fleet, playbook)
    role_fleet.does(HOST, "rm -rf /var/tmp/demo-* /var/lib/causeway/units/demo-*")
    yield made
    made.wait_until_ended()


def test_a_command_runs_once_and_each_further_call_runs_it_anew(uncut: Uncut) -> None:
    predicted = uncut.play(check=True, command=QUICK, settle=True).worked()
    assert predicted.said(HOST, RUN)["outcome"] == "pending"
    assert predicted.changed(HOST) == [RUN]
    assert uncut.marks() == 0
    done = uncut.play(command=QUICK, settle=True).worked()
    assert done.changed(HOST) == [RUN]
    assert (done.said(HOST, RUN)["outcome"], done.said(HOST, RUN)["attached"]) == ("succeeded", False)
    assert done.said(HOST, RUN)["log"] == ["all is done"]
    folder = f"/var/lib/causeway/units/{KEY}"
    assert uncut.fleet.does(HOST, f"stat -c %a {folder} {folder}/log").split() == ["700", "600"]
    request = json.loads(uncut.fleet.does(HOST, f"cat {folder}/request.json"))
    taken = json.loads(uncut.fleet.does(HOST, f"cat {folder}/acknowledged.json"))
    assert request["argv"] == ["/bin/sh", "-c", QUICK]
    assert (taken["id"], taken["code"], taken["status"]) == (request["id"], "exited", "0")
    again = uncut.play(command=QUICK, settle=True).worked()
    assert again.changed(HOST) == [RUN]
    assert again.said(HOST, RUN)["attached"] is False
    assert uncut.marks() == 2


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("echo ERROR: chip 3 refuses >&2; echo bye; exit 7", "ended with status 7: ERROR: chip 3 refuses"),
        pytest.param("echo nothing to do", "ended with status 0: nothing to do", marks=pytest.mark.slow),
        pytest.param("kill -SEGV $$", "ended by signal SEGV|crashed with signal SEGV", marks=pytest.mark.slow),
        pytest.param("exec /no/such/program", "ended with status 127: .*not found", marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_a_failure_says_what_the_log_says_and_what_to_do(uncut: Uncut, command: str, said: str) -> None:
    failed = uncut.play(command=command)
    assert failed.status == 2
    place = f"/var/lib/causeway/units/{KEY}/log"
    message = failed.failure(HOST)
    assert re.search(said, message), message
    assert message.startswith(f"{KEY}-failed: the work ")
    assert message.endswith(f"; to do: look at the board (the log: {place})")


def test_a_killed_run_loses_nothing_and_the_next_one_attaches(uncut: Uncut) -> None:
    uncut.begin().kill()
    predicted = uncut.play(check=True, command=LONG, settle=True).worked()
    assert predicted.changed(HOST) == [SETTLE, RUN]
    assert predicted.said(HOST, SETTLE)["outcome"] == "going"
    other = uncut.play(command=QUICK)
    assert other.failure(HOST).startswith(f"{KEY}-other: another command runs for the work, since ")
    going = uncut.begin()
    uncut.until(lambda: f"{HOST}: the work: " in going.log.read_text())
    uncut.may_end()
    attached = going.end().worked()
    assert (attached.said(HOST, RUN)["outcome"], attached.said(HOST, RUN)["attached"]) == ("succeeded", True)
    assert uncut.marks() == 1


@pytest.mark.slow
def test_a_result_that_came_while_nobody_looked_is_taken_over_once(uncut: Uncut) -> None:
    uncut.begin().kill()
    uncut.begin(key="demo-other", command=f"{LONG}; exit 3").kill()
    uncut.wait_until_ended()
    taken = uncut.play(command=LONG).worked()
    assert taken.said(HOST, RUN)["attached"] is True
    settled = uncut.play(settle=True).worked()
    assert settled.changed(HOST) == [SETTLE]
    assert "demo-other, begun by an earlier run at " in settled.output
    assert "ended with status 3" in settled.output
    assert uncut.play(settle=True).worked().changed(HOST) == []
    assert uncut.marks() == 2


@pytest.mark.slow
def test_a_connection_that_dies_in_silence_ends_the_task_and_not_the_command(uncut: Uncut) -> None:
    going = uncut.begin(reconnect=1, ansible_ssh_args=NOTICE_SOON)
    uncut.link("down")
    try:
        ended = going.end()
    finally:
        uncut.link("up")
    assert ended.status == 4
    assert ended.failure(HOST).startswith(f"connection-lost: {HOST} is not reached any more while the work goes on")
    assert "; to do: leave the host switched on and run again" in ended.failure(HOST)
    uncut.may_end()
    assert uncut.play(command=LONG).worked().said(HOST, RUN)["attached"] is True
    assert uncut.marks() == 1


def test_a_reboot_in_good_order_waits_for_the_command_and_the_run_takes_the_result(uncut: Uncut) -> None:
    going = uncut.begin(command=f"{LONG}; sleep 4")
    boot = uncut.fleet.does(HOST, "cat /proc/sys/kernel/random/boot_id")
    uncut.may_end()
    uncut.fleet.sandbox.ssh(HOST, "sudo systemctl reboot")
    done = going.end().worked()
    assert done.said(HOST, RUN)["outcome"] == "succeeded"
    assert uncut.fleet.does(HOST, "cat /proc/sys/kernel/random/boot_id") != boot
    assert uncut.marks() == 1


@pytest.mark.slow
def test_a_power_loss_is_told_and_the_command_runs_anew(uncut: Uncut) -> None:
    uncut.begin().kill()
    uncut.fleet.sandbox.run("power", HOST, "off", "--cut")
    uncut.fleet.sandbox.run("power", HOST, "on")
    settled = uncut.play(settle=True).worked()
    assert "was cut: the host lost power or was reset" in settled.output
    assert settled.changed(HOST) == []
    uncut.play(command=QUICK).worked()
    assert uncut.marks() == 2
