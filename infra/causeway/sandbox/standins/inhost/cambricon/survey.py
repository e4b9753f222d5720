"""The state of Cambricon's stack: the module's version and each card's health."""

from __future__ import annotations

from .. import kernel
from ..machine import Faults, Machine
from ..survey import Device, Survey
from .procfs import PCI_VENDOR

INSTALLED = "usr/share/cambricon/driver.version"


def survey(machine: Machine) -> Survey:
    """Look at the host. Reads files only.

    The vendor's tool works with a module of another version (both are printed), so a difference is no problem in
    itself, unless the fault `version_mismatch` is set.
    """
    faults = machine.faults()
    driver, installed = kernel.version_of(machine, "cambricon_drv"), machine.text(INSTALLED)
    problem = ""
    if driver is None:
        problem = "the Cambricon driver is not loaded"
    elif installed is None:
        problem = "the Cambricon driver package is not installed"
    elif faults.on("version_mismatch"):
        problem = f"version mismatch: module {driver}, package {installed}"
    devices = tuple(Device(a, _reasons(faults, a.index)) for a in machine.accelerators(PCI_VENDOR))
    return Survey(driver, installed, problem, devices)


def _reasons(faults: Faults, index: int) -> tuple[str, ...]:
    found = []
    if index in faults.devices("device_lost"):
        found.append("lost from the bus")
    if index in faults.devices("ecc_errors"):
        found.append(f"{faults.devices('ecc_errors')[index] or '8'} ECC errors")
    if index in faults.devices("link_down"):
        found.append("MLU-Link down")
    return tuple(found)
