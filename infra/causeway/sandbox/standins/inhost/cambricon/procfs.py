"""The files under /proc/driver that the loaded module shows."""

from __future__ import annotations

from collections.abc import Mapping

from ..machine import Accelerator, Machine

PCI_VENDOR = "cabc"
FIRMWARE = {"mlu590": "1.5.0", "mlu370": "1.1.6", "mlu290": "1.1.4"}


def files(machine: Machine, version: str) -> Mapping[str, str]:
    """Names below /proc/driver and their texts: one file per card, `key : value`."""
    return {
        f"cambricon/mlus/{a.pci.slot}/information": _information(a, version) for a in machine.accelerators(PCI_VENDOR)
    }


def firmware(accelerator: Accelerator) -> str:
    """The card's firmware version; it comes with the driver and has no package of its own."""
    return FIRMWARE.get(accelerator.model.family, "1.0.0")


def serial(accelerator: Accelerator) -> str:
    """A serial number made from the card's place, so that it outlives reboots."""
    return f"SANDBOX{accelerator.pci.device.upper()}{accelerator.pci.slot.replace(':', '').replace('.', '').upper()}"


def _information(accelerator: Accelerator, version: str) -> str:
    rows = {
        "Device name": accelerator.model.name,
        "Device inode path": f"/dev/cambricon_dev{accelerator.index}",
        "Driver Version": f"v{version}",
        "MCU Version": f"v{firmware(accelerator)}",
        "Board Serial Number": serial(accelerator),
        "MLU Firmware Version": firmware(accelerator),
        "Bus Location": accelerator.pci.slot,
    }
    return "".join(f"{key:<22}: {value}\n" for key, value in rows.items())
