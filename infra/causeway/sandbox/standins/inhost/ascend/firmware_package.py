"""The firmware package: flashes the boards through the loaded driver."""

from __future__ import annotations

import shutil

from .. import guard, kernel
from ..machine import Machine
from . import firmware
from .driver import as_root, check_chip
from .package import INSTALL_LOG, Journal, Options, Package, Refusal, copy_tree, record
from .survey import MODULE, install_path, version_info


def run(machine: Machine, package: Package, options: Options, journal: Journal) -> None:
    """Flash, or take the files away (the boards keep what they have).

    Raises:
        Refusal: no working driver, another flash running, devices in use, or a fault.
    """
    as_root()
    if options.action == "uninstall":
        _uninstall(machine, journal)
        return
    check_chip(machine, package)
    _check_driver(machine)
    if firmware.being_flashed(machine):
        raise Refusal("ERR_NO:0x0080;ERR_DES:another firmware upgrade is running on this host")
    if failure := guard.install_fault(machine):
        raise Refusal(f"Firmware upgrade failed: {failure}")
    held = guard.in_use(machine, "huawei")
    if held and not options.force:
        raise Refusal(
            f"The davinci nodes are occupied by some processes, please stop them, details in : /{INSTALL_LOG} ({held})"
        )
    journal.warning("Do not power off or restart the system during the installation/upgrade")
    count = firmware.flash(machine, package.version, lambda done: journal.info(f"upgradePercentage: {done}%"))
    journal.info(f"The firmware of [{count}] chips are successfully upgraded.")
    _put(machine, package, options)
    word = "upgraded" if options.action == "upgrade" else "installed"
    journal.info(
        f"Firmware package {word} successfully! Reboot now or after driver installation for the installation/upgrade "
        "to take effect."
    )


def _check_driver(machine: Machine) -> None:
    installed, active = version_info(machine, "driver").get("Version"), kernel.version_of(machine, MODULE)
    if installed is None:
        raise Refusal("ERR_NO:0x0080;ERR_DES:the driver is not installed: on a fresh host install the driver first")
    if active is None:
        raise Refusal("ERR_NO:0x0080;ERR_DES:the driver is not loaded, the boards cannot be reached")
    if installed != active:
        raise Refusal(
            f"ERR_NO:0x0080;ERR_DES:driver {installed} is installed but {active} is in memory: "
            "in an upgrade the firmware comes first; reboot, then flash"
        )


def _put(machine: Machine, package: Package, options: Options) -> None:
    base = options.values.get("install-path", install_path(machine, "firmware"))
    copy_tree(package.folder / "ascend", machine.path(base))
    record(machine, {"Firmware_Install_Type": "full", "Firmware_Install_Path_Param": base})


def _uninstall(machine: Machine, journal: Journal) -> None:
    if not version_info(machine, "firmware"):
        raise Refusal("ERR_NO:0x0080;ERR_DES:Firmware package is not installed on this device, uninstall failed")
    shutil.rmtree(machine.path(install_path(machine, "firmware")) / "firmware", ignore_errors=True)
    record(machine, dict.fromkeys(("Firmware_Install_Type", "Firmware_Install_Path_Param")))
    journal.info("Firmware package uninstalled successfully! Uninstallation takes effect immediately.")
