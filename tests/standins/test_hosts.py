"""The stand-ins on hosts of a sandbox: installed by apt and by their own installers, over reboots, with each fault."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from causeway.sandbox import hosts as machines
from causeway.sandbox.standins import state
from causeway.sandbox.standins.state import AcceleratorState
from tests.sandbox.small_fleet import Sandbox

pytestmark = pytest.mark.sandbox
RELEASE = os.uname().release
MIRROR = "http://mirror.north.test/vendor"
APT = "DEBIAN_FRONTEND=noninteractive apt-get -qq -y --allow-downgrades -o Dpkg::Use-Pty=0"


@dataclass(frozen=True)
class Host:
    """One host, as root."""

    sandbox: Sandbox
    name: str

    def does(self, command: str, *, expect: int = 0) -> str:
        """A command's output, standard error included; it ends as expected."""
        done = self.sandbox.ssh(self.name, f"sudo bash -c {_quoted(command)} 2>&1")
        assert done.returncode == expect, f"{self.name}: {command}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def fault(self, *words: str) -> None:
        """Make these the host's faults, and no others."""
        self.sandbox.run("fault", self.name, "--clear")
        if words:
            self.sandbox.run("fault", self.name, *words)

    def reboot(self) -> None:
        self.sandbox.run("power", self.name, "off")
        self.sandbox.run("power", self.name, "on")

    def state(self) -> AcceleratorState:
        """As the clusters' controller sees it, from outside."""
        return state.read(Path(f"/proc/{machines.init_pid(self.sandbox.place, self.name)}/root"))

    def hold(self, node: str) -> None:
        """Keep a device file open, as a device plugin's pod does."""
        self.does(f"systemd-run -q --unit=hold bash -c 'exec 7<{node}; exec sleep infinity'; sleep 0.3")


def _quoted(command: str) -> str:
    return "'" + command.replace("'", "'\\''") + "'"


def _fresh(sandbox: Sandbox, name: str) -> Host:
    sandbox.run("reset", name)
    return Host(sandbox, name)


@pytest.fixture
def nvl(hosts: Sandbox) -> Iterator[Host]:
    """A fresh H20 host that knows NVIDIA's repository and has its kernel's headers."""
    host = _fresh(hosts, "nvl-01")
    host.does(
        f"""set -e
        python3 -c 'import urllib.request as r; r.urlretrieve("{MIRROR}/nvidia/key.gpg", "/usr/share/keyrings/nv.gpg")'
        echo 'deb [signed-by=/usr/share/keyrings/nv.gpg] {MIRROR}/nvidia /' > /etc/apt/sources.list.d/nv.list
        apt-get -qq update
        {APT} install linux-headers-{RELEASE}"""
    )
    yield host
    host.fault()


@pytest.fixture
def asc(hosts: Sandbox) -> Iterator[Host]:
    """A fresh 910B3 host with what the driver's installer asks for and the packages of two stacks."""
    host = _fresh(hosts, "asc-01")
    files = " ".join(
        [f"Ascend-hdk-910b-npu-driver_{version}_linux-x86-64.run" for version in ("25.5.0", "25.5.2")]
        + [f"Ascend-hdk-910b-npu-firmware_{version}.run" for version in ("7.8.0.5.216", "7.8.0.7.220")]
    )
    host.does(
        f"""set -e
        apt-get -qq update
        {APT} install linux-headers-{RELEASE} dkms gcc make net-tools pciutils
        groupadd -g 1001 HwHiAiUser && useradd -g HwHiAiUser -u 1001 HwHiAiUser
        cd /root
        for file in {files}; do
            python3 -c 'import sys; from urllib.request import urlretrieve as get; get(sys.argv[1], sys.argv[2])' \
                {MIRROR}/ascend/$file $file
            chmod +x $file
        done"""
    )
    yield host
    host.fault()


@pytest.fixture
def mlu(hosts: Sandbox) -> Iterator[Host]:
    """A fresh MLU590 host with the driver's packages in /root."""
    host = _fresh(hosts, "mlu-01")
    host.does(
        f"""set -e
        apt-get -qq update
        {APT} install linux-headers-{RELEASE} dkms
        cd /root
        driver=cambricon-mlu-driver-debian12-dkms
        for file in ${{driver}}_5.10.31_amd64.deb ${{driver}}_6.2.29_amd64.deb cntoolkit_4.6.2-1.debian12_amd64.deb; do
            python3 -c 'import sys; from urllib.request import urlretrieve as get; get(sys.argv[1], sys.argv[2])' \
                {MIRROR}/cambricon/$file $file
        done"""
    )
    yield host
    host.fault()


def test_nvidia_goes_from_bare_to_a_newer_branch_to_an_older_one(nvl: Host) -> None:
    assert nvl.state() == AcceleratorState("nvidia", None, loaded=False, healthy=0, reasons=nvl.state().reasons)
    nvl.does(f"{APT} install nvidia-driver-pinning-580.95.05 && {APT} install nvidia-open nvidia-fabricmanager")
    assert nvl.does("modinfo -F version nvidia") == "580.95.05\n"
    assert nvl.does("nvidia-smi --query-gpu=driver_version --format=csv,noheader").split() == ["580.95.05"] * 8
    assert nvl.does("cat /sys/module/nvidia/version /proc/driver/nvidia/version").startswith("580.95.05\nNVRM")
    assert nvl.state().healthy == 0
    nvl.does("systemctl enable --now nvidia-fabricmanager")
    assert nvl.state() == AcceleratorState("nvidia", "580.95.05", loaded=True, healthy=8, reasons=())

    nvl.does(f"{APT} install nvidia-driver-pinning-595 && {APT} dist-upgrade")
    assert "Driver/library version mismatch" in nvl.does("nvidia-smi", expect=18)
    assert nvl.does("systemctl restart nvidia-fabricmanager", expect=1)
    assert "don't match with driver version 580.95.05" in nvl.does("journalctl -u nvidia-fabricmanager -n 20")
    nvl.reboot()
    assert nvl.state() == AcceleratorState("nvidia", "595.91.07", loaded=True, healthy=8, reasons=())

    nvl.does(f"{APT} install nvidia-driver-pinning-570 && {APT} dist-upgrade")
    nvl.reboot()
    assert nvl.state() == AcceleratorState("nvidia", "570.133.20", loaded=True, healthy=8, reasons=())


def test_nvidia_without_headers_installs_and_builds_nothing(nvl: Host) -> None:
    nvl.does(f"{APT} remove linux-headers-{RELEASE}")
    said = nvl.does(f"{APT} install nvidia-driver-pinning-580.95.05 && {APT} install nvidia-open")
    assert "Module build for kernel" in said
    nvl.does("modinfo nvidia", expect=1)
    nvl.does("nvidia-smi", expect=9)
    nvl.does(f"{APT} install linux-headers-{RELEASE} && dkms autoinstall && modprobe nvidia && nvidia-smi")


def test_nvidia_is_not_exchanged_or_unloaded_under_an_open_device(nvl: Host) -> None:
    nvl.does(f"{APT} install nvidia-driver-pinning-580.95.05 && {APT} install nvidia-open && modprobe nvidia")
    nvl.hold("/dev/nvidia3")
    assert "the devices are in use" in nvl.does(
        f"{APT} install nvidia-driver-pinning-580.105.08 && {APT} dist-upgrade", expect=100
    )
    nvl.does("systemctl stop nvidia-persistenced; modprobe -r nvidia_drm nvidia_modeset nvidia_uvm")
    assert "in use" in nvl.does("modprobe -r nvidia", expect=1)
    nvl.does(f"systemctl stop hold && {APT} --fix-broken install && {APT} dist-upgrade")
    nvl.does(
        "systemctl stop nvidia-persistenced; modprobe -r nvidia_drm nvidia_modeset nvidia_uvm nvidia; modprobe nvidia"
    )
    assert nvl.does("cat /sys/module/nvidia/version") == "580.105.08\n"


def test_nvidia_faults_reach_apt_modprobe_and_the_boot(nvl: Host) -> None:
    nvl.fault("nouveau")
    nvl.reboot()
    assert "nouveau" in nvl.does("lsmod")
    nvl.fault("install_fail")
    nvl.does(f"{APT} install nvidia-driver-pinning-580.95.05; {APT} install nvidia-open", expect=100)
    nvl.fault("nouveau", "xid=2:63")
    nvl.does(f"{APT} --fix-broken install && {APT} install nvidia-open")
    assert "could not insert 'nvidia'" in nvl.does("modprobe nvidia", expect=1)
    nvl.reboot()
    assert "nouveau" not in nvl.does("lsmod")
    assert "NVRM: Xid (PCI:0000:12:00): 63" in nvl.does("dmesg")
    nvl.fault("module_load_fail")
    nvl.does("systemctl stop nvidia-persistenced; modprobe -r nvidia_drm nvidia_modeset nvidia_uvm nvidia")
    assert "could not insert 'nvidia'" in nvl.does("modprobe nvidia", expect=1)
    assert nvl.state().loaded is False
    nvl.does("nvidia-smi", expect=9)


def test_nvidias_installation_that_hangs_can_be_killed_and_mended(nvl: Host) -> None:
    nvl.does(f"{APT} install nvidia-driver-pinning-580.95.05")
    nvl.fault("install_hang")
    nvl.does(f"timeout --kill-after=2 6 env {APT} install nvidia-open", expect=124)
    nvl.fault()
    nvl.does(
        "pkill -x guard; sleep 1; "
        f"dpkg --configure -a; {APT} --fix-broken install; {APT} install nvidia-open && modprobe nvidia"
    )
    assert nvl.state().driver_version == "580.95.05"


def test_ascend_goes_from_bare_to_the_next_stack(asc: Host) -> None:
    run = "cd /root && ./Ascend-hdk-910b-npu"
    asc.fault("bad_checksum")
    assert "Error in SHA256 checksums" in asc.does(f"{run}-driver_25.5.0_linux-x86-64.run --check", expect=2)
    asc.does(f"{run}-driver_25.5.0_linux-x86-64.run --full --quiet", expect=2)
    asc.does("test ! -e /usr/local/Ascend")
    asc.fault()
    assert "install the driver first" in asc.does(f"{run}-firmware_7.8.0.5.216.run --full", expect=1)
    asc.does(f"{run}-driver_25.5.0_linux-x86-64.run --full --install-for-all --quiet")
    assert asc.does("npu-smi info").count("910B3") == 8
    asc.does(f"{run}-firmware_7.8.0.5.216.run --full")
    asc.reboot()
    assert asc.state() == AcceleratorState("huawei", "25.5.0", loaded=True, healthy=8, reasons=())
    assert "Firmware Version               : 7.8.0.5.216" in asc.does("npu-smi info -t board -i 7")
    asc.hold("/dev/davinci3")
    assert "occupied by some processes" in asc.does(f"{run}-driver_25.5.2_linux-x86-64.run --upgrade --quiet", expect=1)
    asc.does("systemctl stop hold")
    asc.does(f"{run}-firmware_7.8.0.7.220.run --upgrade && {run}-driver_25.5.2_linux-x86-64.run --upgrade --quiet")
    assert "-8005" in asc.does("npu-smi info", expect=1)
    asc.reboot()
    assert asc.state() == AcceleratorState("huawei", "25.5.2", loaded=True, healthy=8, reasons=())
    assert asc.does("lsmod").count("drv_") >= 4


def test_ascends_flash_that_is_cut_shows_until_it_is_flashed_again_even_over_a_reboot(asc: Host) -> None:
    run = "cd /root && ./Ascend-hdk-910b-npu"
    asc.does(f"{run}-driver_25.5.0_linux-x86-64.run --full --install-for-all --quiet")
    asc.fault("slow_flash=40")
    asc.does("systemd-run -q --unit=flash /root/Ascend-hdk-910b-npu-firmware_7.8.0.5.216.run --full; sleep 3")
    assert "firmware is being flashed" in " ".join(asc.state().reasons)
    asc.does("systemctl kill --signal=KILL flash; sleep 0.5")
    assert "| Critical " in asc.does("npu-smi info")
    asc.reboot()
    assert asc.state().healthy == 7
    asc.fault()
    asc.does(f"{run}-firmware_7.8.0.5.216.run --full")
    asc.reboot()
    assert asc.state().healthy == 8


def test_cambricon_goes_from_bare_to_the_next_driver_and_leaves_its_mark_on_apt(mlu: Host) -> None:
    package = "/root/cambricon-mlu-driver-debian12-dkms"
    mlu.does(f"{APT} install {package}_5.10.31_amd64.deb")
    assert mlu.does("cat /etc/apt/apt.conf.d/10sandbox") == 'APT::Sandbox::User "root";\n'
    assert mlu.state() == AcceleratorState("cambricon", "5.10.31", loaded=True, healthy=8, reasons=())
    assert "reboot the system" in mlu.does(f"{APT} install {package}_6.2.29_amd64.deb")
    assert "| CNMON v6.2.29                                                Driver v5.10.31 |" in mlu.does("cnmon")
    mlu.reboot()
    assert mlu.state() == AcceleratorState("cambricon", "6.2.29", loaded=True, healthy=8, reasons=())
    assert mlu.does("cat /proc/driver/cambricon/mlus/*/information").count("v6.2.29") == 8
    mlu.hold("/dev/cambricon_dev0")
    assert "the devices are in use" in mlu.does(f"dpkg -i {package}_5.10.31_amd64.deb", expect=1)
    mlu.fault("device_lost=1", "ecc_errors=2:5")
    assert mlu.state().healthy == 6
    assert mlu.does("cnmon info | grep -c ^Card") == "7\n"
    mlu.does(f"{APT} install /root/cntoolkit_4.6.2-1.debian12_amd64.deb && apt-get -qq update")
    mlu.does(f"{APT} install cncc cnas cnbin cndrv cndev cnrt")
    assert mlu.does("/usr/local/neuware/bin/cncc --version") == "cncc v4.6.2\n"
