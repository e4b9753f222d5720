"""The files under /proc/driver that the loaded module shows."""

from __future__ import annotations

from collections.abc import Mapping

from ..machine import Accelerator, Machine
from .survey import PCI_VENDOR


def files(machine: Machine, version: str) -> Mapping[str, str]:
    """Names below /proc/driver and their texts."""
    found = {
        "nvidia/version": (
            f"NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  {version}  Release Build  (sandbox stand-in)\n"
            "GCC version:  sandbox\n"
        )
    }
    for accelerator in machine.accelerators(PCI_VENDOR):
        found[f"nvidia/gpus/{accelerator.pci.slot}/information"] = _information(accelerator)
    return found


def _information(accelerator: Accelerator) -> str:
    return (
        f"Model: \t\t {accelerator.model.name}\n"
        f"GPU UUID: \t {uuid(accelerator)}\n"
        "Bus Type: \t PCIe\n"
        f"Bus Location: \t {accelerator.pci.slot}\n"
        f"Device Minor: \t {accelerator.index}\n"
    )


def uuid(accelerator: Accelerator) -> str:
    """A GPU's identity: made from its place, so that it outlives reboots."""
    slot = accelerator.pci.slot.replace(":", "").replace(".", "")
    return f"GPU-5a4d0000-{accelerator.pci.device}-{accelerator.pci.vendor}-0000-{slot.zfill(12)[-12:]}"
