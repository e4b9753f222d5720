"""The role ascend_driver on hosts of the sandbox: from bare to verified, upwards and back, and with each fault."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from causeway.sandbox.standins.state import AcceleratorState
from tests.roles.fleet import PLAYBOOKS, Going, RoleFleet, Run

pytestmark = pytest.mark.sandbox
NEW: dict[str, Any] = {
    "ascend_driver__driver_version": "25.5.2",
    "ascend_driver__firmware_version": "7.8.0.7.220",
    "ascend_driver__toolkit_version": "8.5.1",
    "ascend_driver__container_toolkit_version": "26.0.0",
}
UP_AND_BACK, FLASHED, A3 = "asc-01", "asc-02", "a3-01"
# What an installer can come to on a bare host, and what the role says of it.
FAULTY = {
    "asc-03": ("install_fail", "ascend-driver-failed: the driver's installation ended with status 1: "),
    "asc-04": ("build_fail", "Dkms install failed, details in : /var/log/ascend_seclog/ascend_install.log"),
    "asc-05": ("bad_checksum", "package-damaged: Ascend-hdk-910b-npu-driver_25.5.0_linux-x86-64.run"),
    "asc-06": ("module_load_fail", "the driver is not loaded, the boards cannot be reached"),
}
# What can be wrong with a host that was right, and what verify says of it.
SICK = [
    ("device_lost=3", "accelerator-unhealthy: an NPU at 0000:", "on the bus, and npu-smi does not list it"),
    ("ecc_errors=2:5", "accelerator-unhealthy: NPU 2 at 0000:", "health Alarm"),
    ("link_down=7", "link-down: the network port of NPU 7 is not up", "look at cable, transceiver and switch port"),
    ("version_mismatch", "driver-not-initialised: npu-smi answers -8005", "reboot the host"),
]
NOTICE_SOON = "-o ControlMaster=no -o ControlPath=none -o ServerAliveInterval=1 -o ServerAliveCountMax=2"
WAIT_S = 120
# The plays of site.yml as far as they concern this role.
STACK = f"""
- name: Drivers
  hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.import_role: {{name: accelerator_facts}}
    - ansible.builtin.include_role: {{name: ascend_driver, tasks_from: "{{{{ begin | default('main') }}}}"}}
- import_playbook: {PLAYBOOKS}/reboot.yml
- name: Verify
  hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.import_role: {{name: accelerator_facts}}
    - ansible.builtin.include_role: {{name: ascend_driver, tasks_from: verify}}
      when: not ansible_check_mode
    - causeway_lock: {{state: free}}
"""
VERIFY = """
- name: Verify
  hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.import_role: {name: accelerator_facts}
    - ansible.builtin.include_role: {name: ascend_driver, tasks_from: verify}
"""


@dataclass(frozen=True)
class Stack:
    """The playbooks of these tests, on the hosts of these tests."""

    fleet: RoleFleet
    playbook: Path
    verifying: Path

    def play(self, *hosts: str, check: bool = False, **variables: Any) -> Run:
        return self.fleet.play(self.playbook, *hosts, check=check, **variables)

    def verify(self, *hosts: str, **variables: Any) -> Run:
        return self.fleet.play(self.verifying, *hosts, **variables)

    def begin(self, host: str, **variables: Any) -> Going:
        return self.fleet.begin(self.playbook, host, **variables)


@pytest.fixture(scope="package")
def stack(role_fleet: RoleFleet, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    folder = tmp_path_factory.mktemp("ascend")
    (folder / "stack.yml").write_text(STACK)
    (folder / "verify.yml").write_text(VERIFY)
    return Stack(role_fleet, folder / "stack.yml", folder / "verify.yml")


@pytest.fixture(scope="package")
def predicted(stack: Stack) -> Run:
    """What check mode says of a bare host."""
    return stack.play(UP_AND_BACK, check=True).worked()


@pytest.fixture(scope="package")
def first(stack: Stack, predicted: Run) -> Run:
    """All hosts from bare to their stack, some with faults."""
    for host, (fault, _) in FAULTY.items():
        stack.fleet.fault(host, fault)
    return stack.play(UP_AND_BACK, FLASHED, *FAULTY)


def state(driver: str, healthy: int = 8) -> AcceleratorState:
    return AcceleratorState("huawei", driver, loaded=True, healthy=healthy, reasons=())


def changes(run: Run, host: str) -> list[str]:
    """What changed, but for the order of handlers and the reboot's own notes."""
    return [task.rpartition(" : ")[2] for task in run.changed(host)]


def until(holds: Callable[[], bool], going: Going) -> None:
    deadline = time.monotonic() + WAIT_S
    while not holds():
        assert going.process.poll() is None, going.log.read_text()
        assert time.monotonic() < deadline, going.log.read_text()
        time.sleep(0.3)


def test_bare_hosts_come_to_their_stack_as_predicted_and_faults_stay_on_their_hosts(
    stack: Stack, predicted: Run, first: Run
) -> None:
    assert set(first.failures()) == set(FAULTY), first.output
    for host, (_, said) in FAULTY.items():
        failure = first.failure(host)
        assert said in failure, failure
        assert "; to do: " in failure, failure
    for host in (UP_AND_BACK, FLASHED):
        assert stack.fleet.state(host) == state("25.5.0")
    assert changes(predicted, UP_AND_BACK) == changes(first, UP_AND_BACK)
    assert "/usr/local/Ascend" not in stack.fleet.does("asc-05", "ls -d /usr/local/Ascend 2>&1 || true").split()
    assert "HwHiAiUser" not in stack.fleet.does("asc-05", "cat /etc/passwd")


def test_a_second_run_changes_nothing_and_check_mode_knows_it(stack: Stack, first: Run) -> None:
    again = stack.play(UP_AND_BACK).worked()
    assert again.changed(UP_AND_BACK) == []
    assert stack.play(UP_AND_BACK, check=True).worked().changed(UP_AND_BACK) == []


def test_a_host_goes_to_the_next_stack_and_back_firmware_first(stack: Stack, first: Run) -> None:
    stack.fleet.hold(UP_AND_BACK, "/dev/davinci3")
    held = stack.play(UP_AND_BACK, **NEW)
    assert held.failure(UP_AND_BACK).startswith("device-in-use: /dev/davinci3 by ")
    assert stack.fleet.state(UP_AND_BACK) == state("25.5.0")
    stack.fleet.release(UP_AND_BACK)

    predicted = stack.play(UP_AND_BACK, check=True, **NEW).worked()
    up = stack.play(UP_AND_BACK, **NEW).worked()
    boards = [task for task in changes(up, UP_AND_BACK) if task in {"Install firmware", "Install driver"}]
    assert boards == ["Install firmware", "Install driver"]
    assert set(changes(up, UP_AND_BACK)) <= set(changes(predicted, UP_AND_BACK))
    assert stack.fleet.state(UP_AND_BACK) == state("25.5.2")
    assert "26.0.0" in stack.fleet.does(UP_AND_BACK, "cat /usr/local/Ascend/Ascend-Docker-Runtime/*.info")

    # the way back does not need the mirror: the packages are at hand
    back = stack.play(UP_AND_BACK, begin="rollback", ascend_driver__repository="http://mirror.north.test:9/gone")
    assert back.worked().said(UP_AND_BACK, "Have the packages on the host")["from_mirror"] is False
    assert stack.fleet.state(UP_AND_BACK) == state("25.5.0")
    assert stack.play(UP_AND_BACK).worked().changed(UP_AND_BACK) == []


def test_a_flash_outlives_its_connection_and_a_killed_run_and_the_next_run_attaches(stack: Stack, first: Run) -> None:
    fleet, version = stack.fleet, {"ascend_driver__firmware_version": "7.8.0.7.220"}
    board = "/var/lib/causeway-sandbox/ascend-firmware.json"
    fleet.fault(FLASHED, "slow_flash=40")

    def flashing() -> bool:
        return "active" in fleet.sandbox.ssh(FLASHED, "systemctl is-active causeway-ascend-firmware").stdout.split()

    going = stack.begin(FLASHED, **version)
    until(flashing, going)
    going.kill()
    link = ["ip", "-n", f"cw-{fleet.sandbox.name}", "link", "set", f"vb-{FLASHED}"]
    attached = stack.begin(FLASHED, **version, ansible_ssh_args=NOTICE_SOON)
    until(lambda: "upgradePercentage" in attached.log.read_text(), attached)
    subprocess.run([*link, "down"], check=True)
    time.sleep(4)
    subprocess.run([*link, "up"], check=True)
    done = attached.end().worked()
    fleet.fault(FLASHED)
    assert "Wait for installers that an earlier run has begun" in changes(done, FLASHED)
    assert "Install firmware" not in changes(done, FLASHED)
    assert fleet.does(FLASHED, f"grep -c 7.8.0.7.220 {board}") == "1\n"
    log = fleet.does(FLASHED, "cat /var/log/ascend_seclog/operation.log")
    assert log.count("npu-firmware_7.8.0.7.220.run success") == 1
    assert fleet.state(FLASHED) == state("25.5.0")


@pytest.mark.slow
def test_a_missing_or_unwilling_package_fails_before_anything_changes(stack: Stack, first: Run) -> None:
    before = stack.fleet.does(
        UP_AND_BACK, "find /usr/local/Ascend /etc -type f -newermt '2000-01-01' | xargs sha256sum | sort"
    )
    missing = stack.play(UP_AND_BACK, ascend_driver__driver_version="25.9.9").failure(UP_AND_BACK)
    assert missing.startswith("package-missing: Ascend-hdk-910b-npu-driver_25.9.9_linux-x86-64.run is not in http://")
    assert "; to do: get it from Huawei's download pages (hiascend.com" in missing
    unfit = stack.play(UP_AND_BACK, ascend_driver__driver_version="25.2.0").failure(UP_AND_BACK)
    assert unfit.startswith("versions-do-not-fit: driver 25.2.0 goes with firmware 7.0.0 to 7.7.99, and would meet 7.8")
    stack.fleet.does(UP_AND_BACK, "touch /boot/vmlinuz-99.0.0-test")
    pending = stack.play(UP_AND_BACK, **NEW).failure(UP_AND_BACK)
    stack.fleet.does(UP_AND_BACK, "rm /boot/vmlinuz-99.0.0-test")
    assert pending.startswith("kernel-pending: kernel ")
    refused = stack.play(
        UP_AND_BACK,
        **NEW,
        ascend_driver__without_way_back="refuse",
        ascend_driver__firmware_no_return=["7.8.0.7.220"],
        causeway__allow_disruption="reboot",
    ).failure(UP_AND_BACK)
    assert refused.startswith("no-way-back: firmware 7.8.0.7.220 does not go back to 7.8")
    kept = stack.play(UP_AND_BACK, **NEW, causeway__allow_disruption="drain").failure(UP_AND_BACK)
    assert kept.startswith("disruption-not-allowed: ")
    assert before == stack.fleet.does(
        UP_AND_BACK, "find /usr/local/Ascend /etc -type f -newermt '2000-01-01' | xargs sha256sum | sort"
    )


def test_verify_names_each_fault_with_its_device_and_what_to_do(stack: Stack, first: Run) -> None:
    hosts = (UP_AND_BACK, FLASHED)
    for pair in (SICK[:2], SICK[2:]):
        for host, (fault, _, _) in zip(hosts, pair, strict=True):
            stack.fleet.fault(host, fault)
        said = stack.verify(*hosts)
        for host, (_, what, why) in zip(hosts, pair, strict=True):
            stack.fleet.fault(host)
            lines = [line for line in said.failure(host).splitlines() if line.startswith(what)]
            assert lines, said.failure(host)
            assert why in lines[0]
            assert "; to do: " in lines[0]


@pytest.mark.slow
def test_what_an_operator_keeps_is_proved_and_never_changed(stack: Stack, first: Run) -> None:
    said = stack.play(
        FLASHED, **{**NEW, "ascend_driver__driver_version": "25.9.9"}, ascend_driver__managed_by="operator"
    )
    assert said.changed(FLASHED) == []
    assert "driver-version: driver 25.5.0 is installed and 25.9.9 is wanted" in said.failure(FLASHED)


@pytest.mark.slow
def test_a_drifted_host_is_mended_as_predicted(stack: Stack, first: Run) -> None:
    stack.fleet.does(
        UP_AND_BACK,
        """set -e
        rm /usr/local/Ascend/cann/*-linux/ascend_ops_install.info /etc/hccn.conf
        sed -i s/ascend-docker-runtime/gone/ /etc/containerd/config.toml
        userdel HwHiAiUser""",
    )
    said = stack.verify(UP_AND_BACK).failure(UP_AND_BACK)
    assert "toolkit-version: ops of CANN 8.5.0 lacks" in said
    assert "runtime-hook: " in said
    assert "port-address: NPU 0 has address none and 10.21.1.1 is wanted" in said
    predicted = stack.play(UP_AND_BACK, check=True).worked()
    mended = stack.play(UP_AND_BACK).worked()
    assert changes(predicted, UP_AND_BACK) == changes(mended, UP_AND_BACK)
    # the note is there already where the host has left a stack before
    assert set(changes(mended, UP_AND_BACK)) - {"Note which stack the host leaves"} == {
        "Have the driver's group",
        "Have the driver's user",
        "Install ops",
        "Install container_toolkit",
        "Give the NPUs their addresses",
    }
    assert stack.play(UP_AND_BACK).worked().changed(UP_AND_BACK) == []


@pytest.mark.slow
def test_hosts_that_failed_are_brought_to_their_stack_by_the_next_run(stack: Stack, first: Run) -> None:
    for host in FAULTY:
        stack.fleet.fault(host)
    stack.play(*FAULTY).worked()
    for host in FAULTY:
        assert stack.fleet.state(host) == state("25.5.0")


@pytest.mark.slow
def test_a_host_of_another_chip_gets_its_own_packages(stack: Stack) -> None:
    stack.play(A3).worked()
    assert stack.fleet.state(A3) == state("25.5.0", healthy=16)
    assert stack.play(A3).worked().changed(A3) == []


@pytest.mark.slow
def test_an_installer_that_hangs_is_named_and_left_and_one_whose_modules_are_used_says_by_whom(
    stack: Stack, first: Run
) -> None:
    hung, used = "asc-07", FLASHED
    stack.fleet.reset(hung)
    stack.play(used).worked()
    stack.fleet.fault(hung, "install_hang")
    stack.fleet.fault(used, "module_in_use")
    try:
        said = stack.play(hung, used, ascend_driver__firmware_version="7.8.0.7.220", ascend_driver__silent_minutes=1)
    finally:
        stack.fleet.fault(hung)
        stack.fleet.fault(used)
        stack.fleet.does(hung, "systemctl kill --signal=KILL 'causeway-ascend-*.service'")
    # the one is fresh and begins with its driver, the other with its firmware
    assert said.failure(hung).startswith(
        "ascend-driver-silent: the driver's installation has said nothing new for 60 s"
    )
    assert "; to do: see what it waits for in `systemctl status causeway-ascend-driver`" in said.failure(hung)
    assert said.failure(used).startswith("ascend-firmware-failed: the firmware's flash ended with status ")
    assert "The davinci nodes are occupied by some processes" in said.failure(used)
    assert "; to do: " in said.failure(used)
    stack.play(hung, used, ascend_driver__firmware_version="7.8.0.7.220").worked()
    assert stack.fleet.state(hung) == stack.fleet.state(used) == state("25.5.0")


@pytest.mark.slow
def test_a_flash_that_lost_power_is_flashed_anew(stack: Stack, first: Run) -> None:
    host = "asc-07"
    stack.play(host).worked()
    stack.fleet.fault(host, "slow_flash=60")
    going = stack.begin(host, ascend_driver__firmware_version="7.8.0.7.220")
    until(lambda: "upgradePercentage" in going.log.read_text(), going)
    stack.fleet.sandbox.run("power", host, "off", "--cut")
    going.kill()
    stack.fleet.sandbox.run("power", host, "on")
    stack.fleet.fault(host)
    assert stack.fleet.state(host).healthy < 8
    done = stack.play(host, ascend_driver__firmware_version="7.8.0.7.220").worked()
    assert "was cut: the host lost power or was reset" in done.output
    assert stack.fleet.state(host) == state("25.5.0")
