"""The state of the Ascend stack: driver on disk and in memory, firmware range, each NPU's health."""

from __future__ import annotations

from .. import kernel
from ..machine import Faults, Machine
from ..survey import Device, Survey
from . import firmware

MODULE = "drv_pcie_host"
INSTALL_INFO = "etc/ascend_install.info"
DEFAULT_PATH = "/usr/local/Ascend"
FLASHING = "firmware is being flashed"
CUT = "firmware damaged by a flash that was cut: flash it again"


def survey(machine: Machine) -> Survey:
    """Look at the host. Reads files only."""
    faults = machine.faults()
    info = version_info(machine, "driver")
    driver, installed = kernel.version_of(machine, MODULE), info.get("Version")
    unfinished = firmware.unfinished(machine)
    flashing = CUT if unfinished and not firmware.being_flashed(machine) else FLASHING
    devices = tuple(
        Device(a, (*_reasons(faults, a.index), *((flashing,) if a.index in unfinished else ())))
        for a in machine.accelerators(firmware.PCI_VENDOR)
    )
    return Survey(driver, installed, _problem(machine, faults, driver, info), devices)


def _problem(machine: Machine, faults: Faults, driver: str | None, info: dict[str, str]) -> str:
    if driver is None:
        return "the Ascend driver is not loaded"
    if "Version" not in info:
        return "the Ascend driver is not installed"
    if driver != info["Version"] or faults.on("version_mismatch"):
        return f"driver {info['Version']} is installed, {driver} is in memory: reboot"
    wrong = sorted({c.version for c in firmware.active(machine).values() if not fits(c.version, info)})
    if wrong:
        wanted = info.get("compatible_version_fw", "unknown")
        return f"firmware {', '.join(wrong)} is outside the driver's range {wanted}"
    return ""


def _reasons(faults: Faults, index: int) -> tuple[str, ...]:
    found = []
    if index in faults.devices("device_lost"):
        found.append("lost from the bus")
    if index in faults.devices("ecc_errors"):
        found.append(f"{faults.devices('ecc_errors')[index] or '8'} HBM double bit errors")
    if index in faults.devices("link_down"):
        found.append("network link down")
    return tuple(found)


def install_params(machine: Machine) -> dict[str, str]:
    """/etc/ascend_install.info."""
    return pairs(machine.text(INSTALL_INFO) or "")


def install_path(machine: Machine, part: str) -> str:
    """Where a part (`driver`, `firmware`) is installed, or would be by default."""
    return install_params(machine).get(f"{part.capitalize()}_Install_Path_Param", DEFAULT_PATH)


def version_info(machine: Machine, part: str) -> dict[str, str]:
    """A part's version.info; empty where it is not installed."""
    return pairs(machine.text(f"{install_path(machine, part)}/{part}/version.info") or "")


def pairs(text: str) -> dict[str, str]:
    """The `key=value` lines of one of the vendor's files."""
    rows = (line.partition("=") for line in text.splitlines())
    return {key.strip(): value.strip() for key, mark, value in rows if mark}


def fits(version: str, info: dict[str, str]) -> bool:
    """Whether a firmware lies in a driver's `compatible_version_fw=[low,high]`; no range, no objection."""
    low, _, high = info.get("compatible_version_fw", "").strip("[]").partition(",")
    if not low or not high:
        return True
    return numbers(low) <= numbers(version) <= numbers(high)


def numbers(version: str) -> tuple[int, ...]:
    """A dotted version as numbers; a part that is none counts as 0."""
    return tuple(int(part) if part.isdigit() else 0 for part in version.strip().split("."))
