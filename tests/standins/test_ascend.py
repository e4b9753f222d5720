"""Ascend's stand-ins against the samples of the domain facts: installers, order, firmware, npu-smi, each fault."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from causeway.sandbox.standins import state
from causeway.sandbox.standins.inhost.ascend import firmware
from tests.standins.conftest import FakeHost, Said

V = "25.5.0"


def driver(version: str) -> str:
    return f"Ascend-hdk-910b-npu-driver_{version}_linux-x86-64.run"


def flash(version: str) -> str:
    return f"Ascend-hdk-910b-npu-firmware_{version}.run"


def cann(kind: str, version: str) -> str:
    return f"Ascend-cann-{kind}_{version}_linux-x86_64.run"


def power_cycle(host: FakeHost) -> None:
    host.reboot()
    firmware.power_on(host.machine)
    if (host.root / "usr/src/davinci_ascend-1.0").is_dir():
        host.load("drv_pcie_host")


def install(host: FakeHost, hdk: str = V, fw: str = "7.8.0.5.216") -> None:
    """A fresh host brought to a stack, as the vendor says: driver, firmware, reboot."""
    assert host.run_file(driver(hdk), "--full", "--install-for-all", "--quiet").status == 0
    assert host.run_file(flash(fw), "--full", "--quiet").status == 0
    power_cycle(host)


def smi(host: FakeHost, *words: str) -> Said:
    return host.call("ascend.npu_smi", V, *words)


def test_a_fresh_host_is_installed_driver_first(ascend: FakeHost) -> None:
    refused = ascend.run_file(flash("7.8.0.5.216"), "--full")
    assert (refused.status, "install the driver first" in refused.err) == (1, True)
    done = ascend.run_file(driver(V), "--full", "--install-for-all", "--quiet")
    assert done.status == 0
    assert "Driver package installed successfully!" in done.out
    done = ascend.run_file(flash("7.8.0.5.216"), "--full", "--quiet")
    assert "Firmware package installed successfully!" in done.out
    assert "The firmware of [2] chips are successfully upgraded." in done.out
    assert "Firmware Version               : 7.1.0.3.220" in smi(ascend, "info", "-t", "board", "-i", "0").out
    power_cycle(ascend)
    board = smi(ascend, "info", "-i", "0", "-t", "board").out
    assert "Firmware Version               : 7.8.0.5.216" in board
    assert "Software Version               : 25.5.0" in board
    assert "Compatibility                  : OK" in board
    assert state.read(ascend.root) == state.AcceleratorState("huawei", V, loaded=True, healthy=2, reasons=())


def test_an_upgrade_is_firmware_then_driver_then_reboot(ascend: FakeHost) -> None:
    install(ascend)
    assert ascend.run_file(flash("7.8.0.7.220"), "--upgrade").status == 0
    done = ascend.run_file(driver("25.5.2"), "--upgrade", "--quiet")
    assert "upgraded successfully! Reboot needed" in done.out
    assert "-8005" in ascend.call("ascend.npu_smi", "25.5.2", "info").err
    assert state.read(ascend.root).healthy == 0
    power_cycle(ascend)
    assert state.read(ascend.root) == state.AcceleratorState("huawei", "25.5.2", loaded=True, healthy=2, reasons=())


def test_an_upgrade_in_the_wrong_order_is_refused_at_the_firmware(ascend: FakeHost) -> None:
    install(ascend)
    assert ascend.run_file(driver("25.5.2"), "--upgrade").status == 0
    refused = ascend.run_file(flash("7.8.0.7.220"), "--upgrade")
    assert refused.status == 1
    assert "in an upgrade the firmware comes first" in refused.err


def test_a_driver_refuses_firmware_outside_its_range_and_a_downgrade_goes_firmware_first(ascend: FakeHost) -> None:
    install(ascend)
    refused = ascend.run_file(driver("25.2.0"), "--upgrade")
    assert refused.status == 1
    assert "compatible_version_fw=[7.0.0,7.7.99]" in refused.err
    assert ascend.run_file(flash("7.7.0.6.236"), "--full", "--quiet").status == 0
    assert ascend.run_file(driver("25.2.0"), "--upgrade").status == 0
    power_cycle(ascend)
    assert state.read(ascend.root).driver_version == "25.2.0"
    assert state.read(ascend.root).healthy == 2


def test_a_pair_that_does_not_fit_answers_minus_8005(ascend: FakeHost) -> None:
    install(ascend, "25.2.0", "7.7.0.6.236")
    assert ascend.run_file(flash("7.8.0.5.216"), "--full", "--quiet").status == 0
    power_cycle(ascend)
    said = smi(ascend, "info")
    assert (said.status, said.err) == (1, "dcmi model initialized failed. ret is -8005\n")
    assert "outside the driver's range" in state.read(ascend.root).reasons[0]


def test_the_installer_names_what_is_missing(ascend: FakeHost) -> None:
    ascend.put("etc/passwd", "root:x:0:0::/root:/bin/sh\n")
    assert "ERR_NO:0x0091;ERR_DES:HwHiAiUser not exists!" in ascend.run_file(driver(V), "--full").err
    ascend.put("etc/passwd", "npu:x:1000:1000::/home/npu:/bin/sh\n")
    (ascend.root / "usr/sbin/ifconfig").unlink()
    said = ascend.run_file(driver(V), "--full", "--install-username=npu", "--install-usergroup=npu")
    assert "The list of missing tools: ifconfig," in said.err
    ascend.put("usr/sbin/ifconfig")
    (ascend.root / "usr/bin/make").unlink()
    said = ascend.run_file(driver(V), "--full", "--install-username=npu", "--install-usergroup=npu")
    assert "Dkms install failed, details in : /var/log/ascend_seclog/ascend_install.log" in said.err
    assert not (ascend.root / "usr/local/Ascend/driver/version.info").exists()


def test_root_is_needed(ascend: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "ERR_NO:0x0093" in ascend.run_file(driver(V), "--full").err


@pytest.mark.parametrize("file", ["Ascend-hdk-A3-npu-driver_25.5.0_linux-x86-64.run"])
def test_a_package_for_another_chip_is_refused(ascend: FakeHost, file: str) -> None:
    assert "the package is for A3, the device is 910b" in ascend.run_file(file, "--full").err


@pytest.mark.parametrize("option", ["--frobnicate", "--full=yes", "quiet"])
def test_an_unknown_option_is_refused(ascend: FakeHost, option: str) -> None:
    assert "Unrecognized parameters" in ascend.run_file(driver(V), option).err


def test_files_logs_and_records_are_where_the_vendor_puts_them(ascend: FakeHost) -> None:
    install(ascend)
    info = (ascend.root / "usr/local/Ascend/driver/version.info").read_text()
    assert "Version=25.5.0\n" in info
    assert "compatible_version_fw=[7.0.0,8.9.9]\n" in info
    record = (ascend.root / "etc/ascend_install.info").read_text()
    assert "UserName=HwHiAiUser\n" in record
    assert "Driver_Install_Path_Param=/usr/local/Ascend\n" in record
    log = (ascend.root / "var/log/ascend_seclog/operation.log").read_text().splitlines()
    assert log[0].endswith(f"{driver(V)} success install_type=full; cmdlist=--full --install-for-all --quiet")
    assert ascend.run_file(driver(V), "--uninstall").status == 0
    assert not (ascend.root / "usr/local/Ascend/driver").exists()
    assert not (ascend.root / "usr/local/sbin/npu-smi").exists()


def test_an_open_device_stops_driver_and_firmware_unless_forced(ascend: FakeHost) -> None:
    install(ascend)
    ascend.hold("/dev/davinci0")
    refused = ascend.run_file(driver("25.5.2"), "--upgrade")
    assert refused.status == 1
    assert "The davinci nodes are occupied by some processes" in refused.err
    assert "vllm(4242)" in refused.err
    assert ascend.run_file(flash("7.8.0.7.220"), "--full").status == 1
    assert ascend.run_file(driver("25.5.2"), "--upgrade", "--force").status == 0


def test_a_second_driver_asks_before_it_overwrites(ascend: FakeHost) -> None:
    install(ascend)
    assert ascend.run_file(driver(V), "--full", answer="").status == 1
    assert ascend.run_file(driver(V), "--full", answer="y\n").status == 0


def test_the_table_has_the_rows_of_the_domain_facts(ascend: FakeHost) -> None:
    install(ascend)
    lines = smi(ascend, "info").out.splitlines()
    assert {len(line) for line in lines} == {98}
    assert lines[:8] == [
        "+------------------------------------------------------------------------------------------------+",
        "| npu-smi 25.5.0                   Version: 25.5.0                                               |",
        "+---------------------------+---------------+----------------------------------------------------+",
        "| NPU   Name                | Health        | Power(W)    Temp(C)           Hugepages-Usage(page)|",
        "| Chip                      | Bus-Id        | AICore(%)   Memory-Usage(MB)  HBM-Usage(MB)        |",
        "+===========================+===============+====================================================+",
        "| 0     910B3               | OK            | 99.1        41                0    / 0             |",
        "| 0                         | 0000:81:00.0  | 7           0    / 0          2048 / 65536         |",
    ]
    assert "| No running processes found in NPU 0" in lines[-4]


def test_two_dies_on_a_card_share_it_and_the_mcu_has_no_logic_id(ascend: FakeHost) -> None:
    for slot in list((ascend.root / "sys/bus/pci/devices").iterdir()):
        (slot / "device").write_text("0xd803\n")
    a3 = "Ascend-hdk-A3-npu-driver_25.5.0_linux-x86-64.run"
    assert ascend.run_file(a3, "--full", "--quiet").status == 0
    assert [line.split() for line in smi(ascend, "info", "-m").out.splitlines()[1:]] == [
        ["0", "0", "0", "Ascend", "910C"],
        ["0", "1", "1", "Ascend", "910C"],
        ["0", "2", "-", "Mcu"],
    ]


def test_the_chip_id_comes_last_in_usages_and_first_in_common(ascend: FakeHost) -> None:
    install(ascend)
    usages = [line.split(":")[0].strip() for line in smi(ascend, "info", "-t", "usages", "-i", "1").out.splitlines()]
    common = [line.split(":")[0].strip() for line in smi(ascend, "info", "-t", "common", "-i", "1").out.splitlines()]
    assert usages.index("Chip ID") > usages.index("HBM Usage Rate(%)")
    assert common.index("Chip ID") < common.index("HBM Usage Rate(%)")
    assert smi(ascend, "info", "-t", "usages", "-i", "9").status == 1
    assert smi(ascend, "info", "-t", "nonsense", "-i", "0").status == 1


def test_the_network_tool_keeps_addresses_and_shows_a_dead_link(ascend: FakeHost) -> None:
    install(ascend)
    set_ip = ("-i", "0", "-ip", "-s", "address", "10.21.1.1", "netmask", "255.255.0.0")
    assert ascend.call("ascend.hccn_tool", V, *set_ip).status == 0
    assert ascend.call("ascend.hccn_tool", V, "-i", "0", "-ip", "-g").out.split() == [
        "ipaddr:10.21.1.1",
        "netmask:255.255.0.0",
    ]
    ascend.faults(link_down=1)
    assert ascend.call("ascend.hccn_tool", V, "-i", "0", "-link", "-g").out == "link status: UP\n"
    assert ascend.call("ascend.hccn_tool", V, "-i", "1", "-link", "-g").out == "link status: DOWN\n"
    assert ascend.call("ascend.hccn_tool", V, "-i", "7", "-link", "-g").status == 1


@pytest.mark.parametrize(
    ("fault", "value", "health"),
    [("device_lost", 1, None), ("ecc_errors", "1:3", "Alarm"), ("link_down", 1, "Warning")],
)
def test_each_device_fault_shows_in_the_tool_and_in_the_state(
    ascend: FakeHost, fault: str, value: object, health: str | None
) -> None:
    install(ascend)
    ascend.faults(**{fault: value})
    rows = [line for line in smi(ascend, "info").out.splitlines() if "910B3" in line]
    assert [row.split("|")[2].strip() for row in rows] == ["OK", *([health] if health else [])]
    assert state.read(ascend.root).healthy == 1


@pytest.mark.parametrize("fault", ["install_fail", "build_fail", "module_in_use"])
def test_each_install_fault_ends_the_installer_with_status_1(ascend: FakeHost, fault: str) -> None:
    install(ascend)
    ascend.faults(**{fault: True})
    assert ascend.run_file(driver("25.5.2"), "--upgrade").status == 1


def test_a_module_that_does_not_load_leaves_the_driver_waiting_for_a_reboot(ascend: FakeHost) -> None:
    ascend.faults(module_load_fail=True)
    done = ascend.run_file(driver(V), "--full", "--quiet")
    assert done.status == 0
    assert "Kernel modules were not loaded" in done.out
    assert state.read(ascend.root).loaded is False


FLASHER = """\
import sys
from pathlib import Path
from causeway.sandbox.standins.inhost.ascend import firmware
from causeway.sandbox.standins.inhost.machine import Machine
firmware.flash(Machine(Path(sys.argv[1])), "7.8.0.7.220", lambda done: None)
"""


def test_a_flash_that_is_cut_damages_its_chip_until_it_is_flashed_again(ascend: FakeHost) -> None:
    install(ascend)
    (ascend.root / "proc").rmdir()
    (ascend.root / "proc").symlink_to("/proc")
    ascend.faults(slow_flash=60)
    going = subprocess.Popen([sys.executable, "-c", FLASHER, str(ascend.root)], env=dict(os.environ, PYTHONPATH=""))
    try:
        deadline = time.monotonic() + 30
        while not any(not chip.complete for chip in firmware.flashed(ascend.machine).values()):
            assert time.monotonic() < deadline, "the flash did not begin"
            time.sleep(0.05)
        assert firmware.being_flashed(ascend.machine)
        assert firmware.damaged(ascend.machine) == frozenset()
        assert "another firmware upgrade is running" in ascend.run_file(flash("7.8.0.7.220"), "--full").err
    finally:
        going.send_signal(signal.SIGKILL)
        going.wait()
    assert firmware.damaged(ascend.machine) == {0}
    assert "| Critical " in smi(ascend, "info").out
    assert "Firmware Version               : NA" in smi(ascend, "info", "-t", "board", "-i", "0").out
    assert state.read(ascend.root).healthy == 1
    assert "boot status:0" in ascend.call("ascend.upgrade_tool", "", "--device_index", "-1", "--boot_status").out
    ascend.faults()
    assert ascend.run_file(flash("7.8.0.7.220"), "--full").status == 0
    assert state.read(ascend.root).healthy == 2


def test_cann_versions_lie_side_by_side_with_a_link_to_the_one_in_use(ascend: FakeHost) -> None:
    base = ascend.root / "usr/local/Ascend"
    for version in ("8.5.0", "8.5.1"):
        assert ascend.run_file(cann("toolkit", version), "--install", "--quiet").status == 0
    info = (base / "cann-8.5.0/x86_64-linux/ascend_toolkit_install.info").read_text()
    assert "version=8.5.0\n" in info
    assert str((base / "cann").readlink()) == "cann-8.5.1"
    done = ascend.run_file(cann("toolkit", "8.2.RC1"), "--full", "--quiet")
    assert "Ascend-cann-toolkit_8.2.RC1_linux-x86_64 install success" in done.out
    assert str((base / "ascend-toolkit/latest").readlink()) == "8.2.RC1"
    assert (base / "ascend-toolkit/set_env.sh").is_file()
    assert ascend.run_file(cann("toolkit", "8.5.1"), "--uninstall").status == 0
    assert not (base / "cann-8.5.1").exists()


def test_operators_want_the_toolkit_of_their_version(ascend: FakeHost) -> None:
    assert ascend.run_file(cann("toolkit", "8.5.0"), "--install", "--quiet").status == 0
    assert "versions must be equal" in ascend.run_file(cann("910b-ops", "8.5.1"), "--install", "--quiet").err
    assert ascend.run_file(cann("910b-ops", "8.5.0"), "--install", "--quiet").status == 0


def test_cann_wants_its_licence_agreed_to(ascend: FakeHost) -> None:
    assert ascend.run_file(cann("toolkit", "8.5.0"), "--install").status == 1
    assert ascend.run_file(cann("toolkit", "8.5.0"), "--install", answer="y\n").status == 0


@pytest.mark.parametrize("scene", ["containerd", "docker", "crio"])
def test_the_container_runtime_enters_and_leaves_each_configuration(ascend: FakeHost, scene: str) -> None:
    file = "Ascend-docker-runtime_7.3.0_linux-x86-64.run"
    assert ascend.run_file(file, "--upgrade", f"--install-scene={scene}").status == 1
    assert ascend.run_file(file, "--install", f"--install-scene={scene}").status == 0
    binary = "/usr/local/Ascend/Ascend-Docker-Runtime/ascend-docker-runtime"
    if scene == "containerd":
        settings = tomllib.loads((ascend.root / "etc/containerd/config.toml").read_text())
        runtime = settings["plugins"]["io.containerd.grpc.v1.cri"]["containerd"]["runtimes"]["ascend"]
        assert runtime["options"]["BinaryName"] == binary
    if scene == "docker":
        docker = json.loads((ascend.root / "etc/docker/daemon.json").read_text())
        assert docker["runtimes"]["ascend"]["path"] == binary
    info = ascend.root / "usr/local/Ascend/Ascend-Docker-Runtime/ascend_docker_runtime_install.info"
    assert "version=7.3.0\n" in info.read_text()
    assert ascend.run_file(file, "--uninstall", f"--install-scene={scene}").status == 0
    left = [path.read_text() for path in (ascend.root / "etc").rglob("*") if path.is_file()]
    assert not any(binary in text for text in left)
    assert not Path(info).exists()
