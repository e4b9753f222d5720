"""The firmware of the NPUs: a memory on the board that outlives reboots, written by a flash that must not be cut.

`flashed` is what is on the board, `active` what runs since the last power-on. A flash that was killed leaves its chip
marked as being flashed by nobody: that chip is damaged until it is flashed again.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from ..machine import Machine

PCI_VENDOR = "19e5"
BOARD = "var/lib/causeway-sandbox/ascend-firmware.json"
ACTIVE = "ascend/firmware.json"
FLASHING = "ascend/flashing"
FACTORY = "7.1.0.3.220"
USUAL_SECONDS = 0.4


@dataclass(frozen=True, slots=True)
class Chip:
    """The firmware of one NPU. `complete` is false while a flash of it runs, and after one was cut."""

    version: str
    complete: bool = True


def flashed(machine: Machine) -> dict[int, Chip]:
    """What is on the boards; a chip that was never flashed has the factory's firmware."""
    return _chips(machine, machine.json(BOARD))


def active(machine: Machine) -> dict[int, Chip]:
    """What the chips run since the last power-on."""
    found = machine.json(f"run/sandbox/{ACTIVE}")
    return _chips(machine, found) if found else flashed(machine)


def _chips(machine: Machine, raw: object) -> dict[int, Chip]:
    entries = raw if isinstance(raw, dict) else {}
    chips = {}
    for accelerator in machine.accelerators(PCI_VENDOR):
        entry = entries.get(str(accelerator.index))
        version, complete = (entry["version"], entry["complete"]) if isinstance(entry, dict) else (FACTORY, True)
        chips[accelerator.index] = Chip(str(version), bool(complete))
    return chips


def _write(machine: Machine, name: str, chips: dict[int, Chip]) -> None:
    path = machine.path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".new")
    aside.write_text(
        json.dumps({str(i): {"version": c.version, "complete": c.complete} for i, c in chips.items()}) + "\n"
    )
    aside.rename(path)


def power_on(machine: Machine) -> None:
    """What the boards do at power-on: run what was flashed last."""
    if machine.accelerators(PCI_VENDOR) and not machine.state(ACTIVE).exists():
        _write(machine, f"run/sandbox/{ACTIVE}", flashed(machine))


def being_flashed(machine: Machine) -> bool:
    """Whether a flash is running now."""
    pid, _, started = (machine.text(f"run/sandbox/{FLASHING}") or "").partition(" ")
    return bool(pid and started) and _started(machine, pid) == started


def _started(machine: Machine, pid: str) -> str:
    """When a process began, in ticks since boot: tells it from a later one of the same number."""
    fields = (machine.text(f"proc/{pid}/stat") or "").rpartition(")")[2].split()
    return fields[19] if len(fields) > 19 else ""


def damaged(machine: Machine) -> frozenset[int]:
    """The chips whose flash was cut."""
    if being_flashed(machine):
        return frozenset()
    return unfinished(machine)


def unfinished(machine: Machine) -> frozenset[int]:
    """The chips whose flash runs or was cut."""
    return frozenset(index for index, chip in flashed(machine).items() if not chip.complete)


def flash(machine: Machine, version: str, progress: Callable[[int], None]) -> int:
    """Write a firmware to every chip, one after the other; the number of chips written.

    Takes as long as the fault `slow_flash` says. `progress` is told the percentage after each chip.
    """
    power_on(machine)
    seconds = machine.faults().seconds("slow_flash", 30.0) or USUAL_SECONDS
    mark = machine.state(FLASHING)
    mark.parent.mkdir(parents=True, exist_ok=True)
    pid = str(os.getpid())
    mark.write_text(f"{pid} {_started(machine, pid)}")
    chips = flashed(machine)
    for count, index in enumerate(sorted(chips), start=1):
        chips[index] = Chip(version, complete=False)
        _write(machine, BOARD, chips)
        time.sleep(seconds / len(chips))
        chips[index] = Chip(version)
        _write(machine, BOARD, chips)
        progress(count * 100 // len(chips))
    mark.unlink()
    return len(chips)
