"""Each documented fault of NVIDIA's and Cambricon's stand-ins: that host alone fails, and says what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.roles.fleet import HERE, RoleFleet
from tests.roles.journey import Journey

pytestmark = [pytest.mark.sandbox, pytest.mark.slow]
NEXT = {"nvidia_driver__driver_version": "580.105.08", "cambricon_driver__driver_version": "6.2.29"}
HOLD = "hold"


@dataclass(frozen=True)
class Round:
    """One run with a fault on each of some hosts.

    Attributes:
        faults: the fault of each host, as `causeway sandbox fault` takes it; `hold DEVICE` opens a device; "" is none.
        says: how the failure of each host with a fault begins.
        variables: over the declared ones.
    """

    faults: Mapping[str, str]
    says: Mapping[str, str]
    variables: Mapping[str, Any] = field(default_factory=dict)


LOOKING = {
    "lost and failing devices": Round(
        {"h20-01": "device_lost=3", "l20-01": "ecc_errors=1:5", "b200-01": "", "mlu-01": "device_lost=2"},
        {
            "h20-01": "device-unhealthy: GPU at 0000:13:00.0: on the bus, and nvidia-smi does not list it; to do: ",
            "l20-01": "device-unhealthy: GPU 1 at 0000:11:00.0: 5 uncorrected memory errors; to do: ",
            "mlu-01": "device-unhealthy: MLU at 0000:12:00.0: on the bus, and cnmon does not list it; to do: ",
        },
    ),
    "what is around the devices": Round(
        {"h20-01": "fabric_down", "l20-01": "", "b200-01": "slow_diag=60", "mlu-01": "ecc_errors=0:2"},
        {
            "h20-01": "device-unhealthy: GPU 0 at 0000:10:00.0: NVSwitch fabric: In Progress, ",
            "b200-01": "diagnosis-slow: `dcgmi diag --run 1` did not end within 3 s; to do: ",
            "mlu-01": "device-unhealthy: MLU 0 at 0000:10:00.0: ",
        },
        {"nvidia_driver__diagnose_seconds": 3},
    ),
    "links and versions": Round(
        {"h20-01": "", "l20-01": "version_mismatch", "b200-01": "link_down=2:4", "mlu-01": "link_down=1"},
        {
            "l20-01": "device-unhealthy: GPU at 0000:10:00.0: on the bus, and nvidia-smi does not list it, ",
            "b200-01": "device-unhealthy: GPU 2 at 0000:12:00.0: an NVLink is down; to do: ",
            "mlu-01": "device-unhealthy: MLU 1 at 0000:11:00.0: ",
        },
    ),
    "ports that are declared": Round(
        {"h20-01": "", "l20-01": "", "mlu-01": ""},
        {
            "h20-01": "fabric-down: 8 of 9 declared infiniband ports are up; to do: ",
            "mlu-01": "fabric-down: 4 of 9 declared roce ports are up; to do: ",
        },
        {"nvidia_driver__fabric_ports": 9, "cambricon_driver__fabric_ports": 9},
    ),
    "Cambricon's versions": Round(
        {"l20-01": "", "mlu-01": "version_mismatch"},
        {"mlu-01": "device-unhealthy: MLU at 0000:10:00.0: on the bus, and cnmon does not list it, "},
    ),
}
INSTALLING = {
    "what does not build, load or let go": Round(
        {"h20-01": "build_fail", "l20-01": "module_in_use", "b200-01": "", "mlu-01": "install_fail"},
        {
            "h20-01": "module-not-built: DKMS did not build NVIDIA's modules 580.105.08 for kernel ",
            "l20-01": "module-in-use: the kernel does not let go of nvidia",
            "mlu-01": "installation-failed: dpkg ended with 1 on cambricon-mlu-driver-debian12-dkms_6.2.29_amd64.deb",
        },
        NEXT,
    ),
    "what is refused or stands still": Round(
        {
            "h20-01": "install_hang",
            "l20-01": f"{HOLD} /dev/nvidia1",
            "b200-01": "module_load_fail",
            "mlu-01": "build_fail",
        },
        {
            "h20-01": "nvidia-driver-silent: the driver's exchange has said nothing new for 20 s and goes on by itself",
            "l20-01": "device-in-use: sleep",
            "b200-01": "module-not-loaded: the kernel refuses nvidia 580.105.08; to do: ",
            "mlu-01": "module-not-built: DKMS did not build Cambricon's modules 6.2.29 for kernel ",
        },
        {**NEXT, "nvidia_driver__silence_seconds": 20},
    ),
    "the rest": Round(
        {"h20-01": "install_fail", "l20-01": "", "b200-01": "fabric_down", "mlu-01": "module_load_fail"},
        {
            "h20-01": "installation-failed: apt ended with 100; to do: ",
            "b200-01": "service-failed: nvidia-fabricmanager does not start; to do: ",
            "mlu-01": "module-not-loaded: the kernel refuses cambricon_drv 6.2.29; to do: ",
        },
        NEXT,
    ),
    "Cambricon's last": Round(
        {"l20-01": "", "mlu-01": "module_in_use"},
        {"mlu-01": "module-in-use: the kernel does not let go of cambricon_"},
        NEXT,
    ),
    "Cambricon's hang": Round(
        {"l20-01": "", "mlu-01": "install_hang"},
        {"mlu-01": "cambricon-driver-silent: the driver's exchange has said nothing new for 20 s"},
        {**NEXT, "cambricon_driver__silence_seconds": 20},
    ),
}


@pytest.fixture
def whole(journey: Journey) -> Iterator[RoleFleet]:
    """Hosts that are as declared, whatever came before; without faults again afterwards."""
    fleet = journey.fleet
    journey.ready()
    yield fleet
    for host in ("h20-01", "l20-01", "b200-01", "mlu-01"):
        fleet.fault(host)


def _arm(fleet: RoleFleet, faults: Mapping[str, str]) -> None:
    for host, fault in faults.items():
        if fault.startswith(HOLD):
            fleet.hold(host, fault.split()[1])
        else:
            fleet.fault(host, *fault.split())


def _disarm(fleet: RoleFleet, faults: Mapping[str, str]) -> None:
    """Do what the failures tell to do."""
    for host, fault in faults.items():
        fleet.fault(host)
        if fault.startswith(HOLD):
            fleet.release(host)
        if fault == "install_hang":
            fleet.does(host, "systemctl kill --signal=KILL 'causeway-*-driver.service'")


def _rounds(rounds: Mapping[str, Round], *sampled: str) -> list[Any]:
    return [
        pytest.param(one, id=name, marks=() if name in sampled else pytest.mark.slow) for name, one in rounds.items()
    ]


def _fails_as_said(fleet: RoleFleet, playbook: Any, one: Round) -> None:
    run = fleet.play(playbook, *one.faults, **one.variables)
    failures = run.failures()
    assert failures.keys() == one.says.keys(), run.output
    for host, begins in one.says.items():
        assert failures[host].startswith(begins), f"{host}: {failures[host]}"
        assert "; to do: " in failures[host]


@pytest.mark.parametrize("one", _rounds(LOOKING, "lost and failing devices", "what is around the devices"))
def test_a_fault_of_a_host_that_runs_is_named_with_its_device(whole: RoleFleet, one: Round) -> None:
    _arm(whole, one.faults)
    _fails_as_said(whole, HERE / "verify_role.yml", one)


@pytest.mark.parametrize("one", _rounds(INSTALLING, "what does not build, load or let go"))
def test_a_fault_of_an_installation_is_named_and_mended_by_what_it_tells_to_do(
    whole: RoleFleet, journey: Journey, one: Round
) -> None:
    journey.touched = True
    _arm(whole, one.faults)
    try:
        _fails_as_said(whole, "drivers.yml", one)
    finally:
        _disarm(whole, one.faults)
    run = whole.play("drivers.yml", *one.faults, **one.variables).worked()
    for host in one.faults:
        state = whole.state(host)
        assert (state.loaded, state.reasons) == (True, ()), f"{host}: {state}\n{run.output}"
        assert state.driver_version in one.variables.values()


@pytest.mark.slow
def test_a_host_that_boots_with_nouveau_reboots_once_and_has_it_no_more(role_fleet: RoleFleet) -> None:
    role_fleet.reset("h20-02")
    role_fleet.fault("h20-02", "nouveau")
    role_fleet.reboot("h20-02")
    assert "nouveau" in role_fleet.does("h20-02", "lsmod")
    try:
        run = role_fleet.play("site.yml", "h20-02").worked()
        reasons = run.said("h20-02", "Ask for a reboot where only that brings the driver in")["ansible_facts"]
        assert reasons["causeway__reboot_reasons"] == ["NVIDIA: nouveau has the devices"]
        assert "nouveau" not in role_fleet.does("h20-02", "lsmod")
        assert role_fleet.state("h20-02").healthy == 8
    finally:
        role_fleet.fault("h20-02")


@pytest.mark.slow
def test_an_xid_of_a_gpu_that_fell_off_the_bus_is_named(whole: RoleFleet) -> None:
    whole.fault("h20-01", "xid=2:79")
    whole.reboot("h20-01")
    run = whole.play(HERE / "verify_role.yml", "h20-01")
    assert "GPU at 0000:12:00.0: on the bus, and nvidia-smi does not list it" in run.failure("h20-01")
    whole.fault("h20-01")
    whole.reboot("h20-01")
