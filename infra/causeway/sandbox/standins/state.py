"""The state of a host's accelerators, read from its file system: nothing is run, cheap enough for every second."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .inhost.ascend import survey as ascend_survey
from .inhost.cambricon import survey as cambricon_survey
from .inhost.machine import Machine
from .inhost.nvidia import survey as nvidia_survey
from .inhost.survey import Survey

SURVEYS: Mapping[str, tuple[str, Callable[[Machine], Survey]]] = {
    "nvidia": ("10de", nvidia_survey.survey),
    "huawei": ("19e5", ascend_survey.survey),
    "cambricon": ("cabc", cambricon_survey.survey),
}


@dataclass(frozen=True, slots=True)
class AcceleratorState:
    """What a host can offer now.

    `vendor` is None on a host without accelerators. `driver_version` is that of the module in memory, `healthy` the
    number of accelerators that can take work, `reasons` why it is not all of them.
    """

    vendor: str | None
    driver_version: str | None
    loaded: bool
    healthy: int
    reasons: tuple[str, ...]


def read(root: Path) -> AcceleratorState:
    """The state of the host whose file system is at `root` (`/proc/<pid of its init>/root` from outside)."""
    machine = Machine(root)
    present = {function.vendor for function in machine.pci() if not function.class_code.startswith("02")}
    for vendor, (pci_vendor, survey) in SURVEYS.items():
        if pci_vendor in present:
            found = survey(machine)
            return AcceleratorState(vendor, found.driver, found.driver is not None, found.healthy, found.reasons)
    return AcceleratorState(None, None, loaded=False, healthy=0, reasons=())
