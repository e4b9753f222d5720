"""The machine below the vendors' software: its root folder, PCI devices, record, kernel release and faults."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT_VARIABLE = "CAUSEWAY_SANDBOX_ROOT"
FAULTS = "etc/sandbox/faults.json"
RECORD = "etc/sandbox/host.json"
STATE = "run/sandbox"
NETWORK_CLASS = "02"


def say(text: str) -> None:
    """Print one line to standard output."""
    sys.stdout.write(text + "\n")


def complain(text: str) -> None:
    """Print one line to standard error."""
    sys.stderr.write(text + "\n")


@dataclass(frozen=True, slots=True)
class PciFunction:
    """One device of /sys/bus/pci. Ids are four hexadecimal digits, the class is six, without `0x`."""

    slot: str
    vendor: str
    device: str
    class_code: str
    subsystem_vendor: str
    subsystem_device: str
    numa_node: int

    @property
    def modalias(self) -> str:
        """The name by which the kernel asks for a driver."""
        ids = (self.vendor, self.device, self.subsystem_vendor, self.subsystem_device)
        vendor, device, subsystem_vendor, subsystem_device = (text.upper().zfill(8) for text in ids)
        base, sub, interface = (self.class_code[at : at + 2].upper() for at in (0, 2, 4))
        return f"pci:v{vendor}d{device}sv{subsystem_vendor}sd{subsystem_device}bc{base}sc{sub}i{interface}"


@dataclass(frozen=True, slots=True)
class Model:
    """What a chip says of itself. Figures are those of the catalog where it has one, otherwise invented."""

    vendor: str
    name: str
    memory_mib: int
    idle_w: float
    cap_w: float
    family: str = ""
    compute_capability: str = ""
    nvswitch: bool = False
    dies_per_card: int = 1


@dataclass(frozen=True, slots=True)
class Accelerator:
    """One accelerator that is plugged in; `index` counts in slot order."""

    index: int
    pci: PciFunction
    model: Model


@dataclass(frozen=True, slots=True)
class Faults:
    """The faults switched on for this host (docs/sandbox/stand-ins.md lists them)."""

    values: Mapping[str, object]

    def on(self, name: str) -> bool:
        """Whether the fault is set at all."""
        value = self.values.get(name)
        return value is not None and value is not False

    def seconds(self, name: str, default: float) -> float | None:
        """The fault's length in seconds, `default` where it is set without a number, None where it is not set."""
        if not self.on(name):
            return None
        value = self.values[name]
        if value is True:
            return default
        try:
            return float(str(value))
        except ValueError:
            return default

    def devices(self, name: str) -> dict[int, str]:
        """The devices that a fault of the form `N[:DETAIL],...` hits; set without a value it hits device 0."""
        if not self.on(name):
            return {}
        value = self.values[name]
        items = value if isinstance(value, list) else str(value).split(",")
        hit: dict[int, str] = {}
        for item in items:
            index, _, detail = str(item).partition(":")
            hit[int(index) if index.strip().isdigit() else 0] = detail
        return hit


@dataclass(frozen=True)  # no slots: `_functions` is kept in the instance
class Machine:
    """A host, seen through its root folder: `/` inside the host, another folder from outside or in a test.

    The bus is read once per object, so make a new one for each look.
    """

    root: Path

    @classmethod
    def here(cls) -> Machine:
        """The machine that this process runs on."""
        return cls(Path(os.environ.get(ROOT_VARIABLE, "/")))

    def path(self, name: str) -> Path:
        """A file of the host by its absolute name."""
        return self.root / name.lstrip("/")

    def state(self, name: str) -> Path:
        """A file of the simulated kernel, which a reboot loses."""
        return self.root / STATE / name

    @property
    def release(self) -> str:
        """The running kernel, as `uname -r` says it."""
        return os.uname().release

    def text(self, name: str) -> str | None:
        """A file's content without the last line end, None where it cannot be read."""
        try:
            return self.path(name).read_text().rstrip("\n")
        except OSError:
            return None

    def json(self, name: str) -> Mapping[str, object]:
        """A JSON object in a file; empty where there is none."""
        try:
            found = json.loads(self.path(name).read_text())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def faults(self) -> Faults:
        """The fault switch as it stands now."""
        return Faults(self.json(FAULTS))

    def pci(self) -> tuple[PciFunction, ...]:
        """The devices on the bus, in slot order."""
        return self._functions

    @cached_property
    def _functions(self) -> tuple[PciFunction, ...]:
        folder = self.path("sys/bus/pci/devices")
        try:
            slots = sorted(entry.name for entry in folder.iterdir())
        except OSError:
            return ()
        return tuple(self._function(slot) for slot in slots)

    def _function(self, slot: str) -> PciFunction:
        def field(name: str, digits: int) -> str:
            return (self.text(f"sys/bus/pci/devices/{slot}/{name}") or "").removeprefix("0x").zfill(digits)

        numa = self.text(f"sys/bus/pci/devices/{slot}/numa_node") or "-1"
        return PciFunction(
            slot=slot,
            vendor=field("vendor", 4),
            device=field("device", 4),
            class_code=field("class", 6),
            subsystem_vendor=field("subsystem_vendor", 4),
            subsystem_device=field("subsystem_device", 4),
            numa_node=int(numa) if numa.lstrip("-").isdigit() else -1,
        )

    def accelerators(self, vendor_id: str) -> tuple[Accelerator, ...]:
        """The accelerators of a PCI vendor. Network cards share Huawei's id, so their class is left out."""
        record = self.json(RECORD)
        found = [p for p in self.pci() if p.vendor == vendor_id and not p.class_code.startswith(NETWORK_CLASS)]
        known = [(function, _model(function, record)) for function in found]
        return tuple(
            Accelerator(index, function, model)
            for index, (function, model) in enumerate((f, m) for f, m in known if m is not None)
        )


@cache
def models() -> Mapping[str, Mapping[str, object]]:
    """The chips by `vendor:device`, from models.json beside this file."""
    found = json.loads((Path(__file__).parent / "models.json").read_text())
    return {key: value for key, value in found.items() if isinstance(value, dict)}


def _model(function: PciFunction, record: Mapping[str, object]) -> Model | None:
    raw = models().get(f"{function.vendor}:{function.device}")
    if raw is None:
        return None
    values = dict(raw)
    if record.get("tool_name"):
        values["name"] = str(record["tool_name"])
    if isinstance(record.get("memory_mib"), int):
        values["memory_mib"] = record["memory_mib"]
    return Model(**values)  # type: ignore[arg-type]  # models.json is ours; a wrong key fails its test
