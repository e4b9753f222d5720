"""`nvidia-smi --query-gpu=FIELD,... --format=csv[,noheader][,nounits]`: the fields and their layout."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .gpu import Gpu, cuda

NOT_AVAILABLE = "[N/A]"
# The man page's other name of a field.
ALIASES = {
    "gpu_name": "name", "gpu_uuid": "uuid", "gpu_bus_id": "pci.bus_id", "gpu_serial": "serial", "count": "count",
    "clocks.current.sm": "clocks.sm", "clocks.current.memory": "clocks.mem", "clocks.current.graphics": "clocks.gr",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Field:
    """One field: how it is read, its unit, what it means."""

    read: Callable[[Gpu], str]
    unit: str
    meaning: str


def _constant(value: str) -> Callable[[Gpu], str]:
    return lambda _gpu: value


FIELDS: dict[str, Field] = {
    "timestamp": Field(_constant("2026/01/01 00:00:00.000"), "", "when the query was made (constant in the sandbox)"),
    "driver_version": Field(lambda g: g.driver, "", "version of the installed display driver"),
    "count": Field(lambda g: str(g.count), "", "number of GPUs in the system"),
    "name": Field(lambda g: g.accelerator.model.name, "", "official product name"),
    "index": Field(lambda g: str(g.index), "", "zero-based index"),
    "serial": Field(lambda g: g.serial, "", "serial number of the board"),
    "uuid": Field(lambda g: g.uuid, "", "unique identifier of the GPU"),
    "pci.bus_id": Field(lambda g: g.bus_id, "", "PCI bus id, domain:bus:device.function"),
    "pci.domain": Field(lambda g: "0x" + g.bus_id[4:8], "", "PCI domain"),
    "pci.bus": Field(lambda g: "0x" + g.bus_id[9:11], "", "PCI bus"),
    "pci.device": Field(lambda g: "0x" + g.bus_id[12:14], "", "PCI device"),
    "pci.device_id": Field(
        lambda g: f"0x{(g.accelerator.pci.device + g.accelerator.pci.vendor).upper()}", "", "PCI ids"
    ),
    "pci.sub_device_id": Field(
        lambda g: f"0x{(g.accelerator.pci.subsystem_device + g.accelerator.pci.subsystem_vendor).upper()}",
        "", "PCI subsystem ids",
    ),
    "pcie.link.gen.current": Field(_constant("5"), "", "PCIe generation in use"),
    "pcie.link.gen.max": Field(_constant("5"), "", "highest PCIe generation"),
    "pcie.link.width.current": Field(_constant("16"), "", "PCIe lanes in use"),
    "pcie.link.width.max": Field(_constant("16"), "", "most PCIe lanes"),
    "vbios_version": Field(_constant("96.00.00.00.01"), "", "BIOS of the board (invented)"),
    "persistence_mode": Field(lambda g: "Enabled" if g.persistence else "Disabled", "", "persistence mode"),
    "display_active": Field(_constant("Disabled"), "", "whether a display is initialised"),
    "display_mode": Field(_constant("Disabled"), "", "whether a display is attached"),
    "fan.speed": Field(_constant(NOT_AVAILABLE), " %", "fan speed"),
    "pstate": Field(_constant("P0"), "", "performance state"),
    "memory.total": Field(lambda g: str(g.accelerator.model.memory_mib), " MiB", "installed memory"),
    "memory.reserved": Field(_constant("599"), " MiB", "memory reserved by driver and firmware"),
    "memory.used": Field(lambda g: str(g.memory_used), " MiB", "memory in use"),
    "memory.free": Field(lambda g: str(g.accelerator.model.memory_mib - g.memory_used), " MiB", "free memory"),
    "compute_mode": Field(_constant("Default"), "", "compute mode"),
    "compute_cap": Field(lambda g: g.accelerator.model.compute_capability, "", "compute capability"),
    "utilization.gpu": Field(_constant("0"), " %", "time with a kernel running"),
    "utilization.memory": Field(_constant("0"), " %", "time with memory read or written"),
    "temperature.gpu": Field(lambda g: str(g.temperature), "", "core temperature in degrees C"),
    "temperature.memory": Field(lambda g: str(g.temperature + 9), "", "memory temperature in degrees C"),
    "power.draw": Field(lambda g: f"{g.power:.2f}", " W", "power draw"),
    "power.draw.average": Field(lambda g: f"{g.power:.2f}", " W", "average power draw"),
    "power.draw.instant": Field(lambda g: f"{g.power + 0.4:.2f}", " W", "instant power draw"),
    "power.limit": Field(lambda g: f"{g.accelerator.model.cap_w:.2f}", " W", "power limit"),
    "power.max_limit": Field(lambda g: f"{g.accelerator.model.cap_w:.2f}", " W", "highest power limit"),
    "clocks.sm": Field(_constant("1980"), " MHz", "SM clock"),
    "clocks.gr": Field(_constant("1980"), " MHz", "graphics clock"),
    "clocks.mem": Field(_constant("2619"), " MHz", "memory clock"),
    "clocks_event_reasons.active": Field(_constant("0x0000000000000001"), "", "why clocks are held back"),
    "clocks_throttle_reasons.active": Field(_constant("0x0000000000000001"), "", "older name of the same"),
    "ecc.mode.current": Field(_constant("Enabled"), "", "ECC mode"),
    "ecc.mode.pending": Field(_constant("Enabled"), "", "ECC mode after the next reset"),
    "ecc.errors.corrected.volatile.total": Field(_constant("0"), "", "corrected errors since the driver was loaded"),
    "ecc.errors.uncorrected.volatile.total": Field(
        lambda g: str(g.ecc_uncorrected), "", "uncorrected errors since the driver was loaded"
    ),
    "ecc.errors.corrected.aggregate.total": Field(_constant("0"), "", "corrected errors over the GPU's life"),
    "ecc.errors.uncorrected.aggregate.total": Field(
        lambda g: str(g.ecc_uncorrected), "", "uncorrected errors over the GPU's life"
    ),
    "retired_pages.pending": Field(_constant(NOT_AVAILABLE), "", "pages waiting to be retired"),
    "mig.mode.current": Field(_constant("Disabled"), "", "MIG mode"),
    "mig.mode.pending": Field(_constant("Disabled"), "", "MIG mode after the next reset"),
    "fabric.state": Field(lambda g: g.fabric, "", "state of the NVLink fabric registration"),
    "fabric.status": Field(lambda g: "Success" if g.fabric == "Completed" else "N/A", "", "result of it"),
    "cuda_version": Field(lambda g: cuda(g.driver), "", "CUDA version of the driver (not in the vendor's list)"),
}  # fmt: skip


def unknown(names: list[str]) -> str | None:
    """The first word that is no field."""
    return next((name for name in names if ALIASES.get(name, name) not in FIELDS), None)


def header(names: list[str], *, units: bool) -> str:
    """The first line: field names, with the unit in brackets."""
    shown = []
    for name in names:
        unit = FIELDS[ALIASES.get(name, name)].unit.strip()
        shown.append(f"{name} [{unit}]" if unit and units else name)
    return ", ".join(shown)


def row(gpu: Gpu, names: list[str], *, units: bool) -> str:
    """One GPU's line."""
    values = []
    for name in names:
        field = FIELDS[ALIASES.get(name, name)]
        value = field.read(gpu)
        values.append(value + (field.unit if units and value != NOT_AVAILABLE else ""))
    return ", ".join(values)
