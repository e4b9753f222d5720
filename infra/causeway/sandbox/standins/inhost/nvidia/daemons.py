"""What NVIDIA's daemons check before they start: `persistenced`, `fabricmanager`, `hostengine`, `imex`."""

from __future__ import annotations

from ..machine import Machine, complain, say
from ..modules import load_as_root
from .gpu import set_persistence
from .survey import PCI_VENDOR, survey


def main(arguments: list[str], _version: str, machine: Machine) -> int:
    """`DAEMON VERSION [OPTION...]`: 0 when it may start (its unit then holds the device files open)."""
    daemon, version = arguments[0], arguments[1]
    if "--version" in arguments or "-v" in arguments:
        say(f"{daemon} version {version}")
        return 0
    checks = {"persistenced": _persistenced, "fabricmanager": _fabric_manager, "hostengine": _host_engine}
    return checks[daemon](version, machine)


def _persistenced(_version: str, machine: Machine) -> int:
    load_as_root(machine)
    state = survey(machine)
    if state.driver is None:
        complain(
            "nvidia-persistenced: Failed to query NVIDIA devices. Please ensure that the NVIDIA device files exist"
        )
        return 1
    for device in state.devices:
        set_persistence(machine, device.index, on=True)
    return 0


def _fabric_manager(version: str, machine: Machine) -> int:
    state = survey(machine)
    if not any(accelerator.model.nvswitch for accelerator in machine.accelerators(PCI_VENDOR)):
        complain("nv-fabricmanager: no NVSwitch device found on this system")
        return 1
    if state.driver is None:
        complain("nv-fabricmanager: the NVIDIA driver is not loaded")
        return 1
    if state.driver != version:
        complain(
            f"fabric manager NVIDIA GPU driver interface version {version} don't match with driver version "
            f"{state.driver}. Please update with matching NVIDIA driver package."
        )
        return 1
    if machine.faults().on("fabric_down"):
        complain("nv-fabricmanager: NVSwitch fabric configuration failed (sandbox fault fabric_down)")
        return 1
    return 0


def _host_engine(_version: str, machine: Machine) -> int:
    if survey(machine).driver is None:
        complain("nv-hostengine: the NVIDIA driver is not loaded")
    return 0
