"""The state of NVIDIA's stack: module and library versions, the fabric manager, and each GPU's health."""

from __future__ import annotations

import re
from pathlib import Path

from .. import kernel
from ..machine import Accelerator, Faults, Machine
from ..survey import Device, Survey

PCI_VENDOR = "10de"
LIBRARY_FOLDERS = ("usr/lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu")
FABRIC_READY = "run/nvidia-fabricmanager/ready"
NO_DRIVER = "the NVIDIA driver is not loaded"
MISMATCH = "Driver/library version mismatch"


def survey(machine: Machine) -> Survey:
    """Look at the host. Reads files only."""
    faults = machine.faults()
    driver, library = kernel.version_of(machine, "nvidia"), userspace(machine)
    problem = ""
    if driver is None:
        problem = NO_DRIVER
    elif library is None:
        problem = "the NVIDIA user-space libraries are not installed"
    elif driver != library or faults.on("version_mismatch"):
        problem = f"{MISMATCH}: module {driver}, library {library}"
    fabric = fabric_ready(machine)
    devices = tuple(Device(a, _reasons(faults, a, fabric=fabric)) for a in machine.accelerators(PCI_VENDOR))
    return Survey(driver, library, problem, devices)


def userspace(machine: Machine) -> str | None:
    """The version of the NVML library on disk."""
    for folder in LIBRARY_FOLDERS:
        try:
            target = machine.path(f"{folder}/libnvidia-ml.so.1").readlink()
        except OSError:
            continue
        found = re.fullmatch(r"libnvidia-ml\.so\.(\d[\d.]*)", Path(target).name)
        if found:
            return found.group(1)
    return None


def fabric_ready(machine: Machine) -> bool:
    """Whether the fabric manager runs and has brought the NVSwitch fabric up."""
    return machine.path(FABRIC_READY).exists() and not machine.faults().on("fabric_down")


def lost(faults: Faults) -> frozenset[int]:
    """The GPUs that fell off the bus."""
    fallen = {index for index, code in faults.devices("xid").items() if code in {"", "79"}}
    return frozenset(faults.devices("device_lost")) | frozenset(fallen)


def _reasons(faults: Faults, accelerator: Accelerator, *, fabric: bool) -> tuple[str, ...]:
    index = accelerator.index
    found = []
    if index in lost(faults):
        found.append("lost from the bus")
    if index in faults.devices("ecc_errors"):
        found.append(f"{faults.devices('ecc_errors')[index] or '8'} uncorrected ECC errors")
    if index in faults.devices("xid") and index not in lost(faults):
        found.append(f"Xid {faults.devices('xid')[index]}")
    if index in faults.devices("link_down"):
        found.append("NVLink down")
    if accelerator.model.nvswitch and not fabric:
        found.append("NVSwitch fabric not up (fabric manager)")
    return tuple(found)
