"""The files under /sys that a host's simulated hardware consists of: PCI devices, network cards, kernel settings."""

from __future__ import annotations

from pathlib import Path

from causeway.sandbox.spec import Fabric, PciDevice

SYSCTL_NET_CORE = Path("/proc/sys/net/core")
CONFIG_BYTES = 256


def write_pci(tree: Path, devices: tuple[PciDevice, ...]) -> None:
    """Write what lies under /sys/bus/pci, so that plain `lspci` shows the devices."""
    (tree / "drivers").mkdir(parents=True)
    (tree / "slots").mkdir()
    (tree / "devices").mkdir()
    for device in devices:
        folder = tree / "devices" / device.slot
        folder.mkdir()
        (folder / "config").write_bytes(_config(device))
        for name, text in _attributes(device).items():
            (folder / name).write_text(text + "\n")


def _attributes(device: PciDevice) -> dict[str, str]:
    return {
        "vendor": f"0x{device.vendor}",
        "device": f"0x{device.device}",
        "class": f"0x{device.class_code}",
        "subsystem_vendor": f"0x{device.subsystem_vendor}",
        "subsystem_device": f"0x{device.subsystem_device}",
        "revision": "0x00",
        "numa_node": str(device.numa_node),
        "irq": "0",
        "enable": "1",
        "resource": "\n".join(["0x0000000000000000 0x0000000000000000 0x0000000000000000"] * 7),
        "uevent": f"PCI_CLASS={device.class_code.lstrip('0').upper()}\n"
        f"PCI_ID={device.vendor.upper()}:{device.device.upper()}\nPCI_SLOT_NAME={device.slot}",
    }


def _config(device: PciDevice) -> bytes:
    """The standard configuration header (PCI Local Bus Specification 3.0, 6.1), all numbers little-endian."""
    config = bytearray(CONFIG_BYTES)
    config[0:2] = int(device.vendor, 16).to_bytes(2, "little")
    config[2:4] = int(device.device, 16).to_bytes(2, "little")
    config[4:6] = (0x0406).to_bytes(2, "little")  # memory access and bus mastering on, INTx off
    config[9:12] = int(device.class_code, 16).to_bytes(3, "little")
    config[0x2C:0x2E] = int(device.subsystem_vendor, 16).to_bytes(2, "little")
    config[0x2E:0x30] = int(device.subsystem_device, 16).to_bytes(2, "little")
    return bytes(config)


def write_infiniband(tree: Path, fabric: Fabric) -> None:
    """Write what lies under /sys/class/infiniband: one card with one port that is up, per port of the fabric."""
    layer = "InfiniBand" if fabric.kind == "infiniband" else "Ethernet"
    for index in range(fabric.ports):
        port = tree / f"mlx5_{index}" / "ports" / "1"
        port.mkdir(parents=True)
        (port / "link_layer").write_text(layer + "\n")
        (port / "state").write_text("4: ACTIVE\n")
        (port / "phys_state").write_text("5: LinkUp\n")
        (port / "rate").write_text(f"{fabric.speed_gbps} Gb/sec\n")


def write_sysctl(tree: Path) -> None:
    """Copy the machine's net.core settings: a network namespace shows its hosts only some of them."""
    tree.mkdir(parents=True)
    for entry in sorted(SYSCTL_NET_CORE.iterdir()):
        if entry.is_file() and entry.stat().st_mode & 0o400:
            (tree / entry.name).write_bytes(entry.read_bytes())
