"""The stand-in `cnmon`: the table, `version`, `info [-c N] [-t] [-u] [-e]`.

Layout of 5.10 and later, as in the domain facts; the tool's version and the module's are printed apart.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

from ..kernel import holders
from ..machine import Machine, say
from ..survey import Device, Survey
from .procfs import firmware, serial
from .survey import survey

RULE = "+-------------------------------+----------------------+-----------------------+"
NO_DRIVER = "ERROR: Failed to open /dev/cambricon_ctl: the driver is not loaded, no mlu device found"
NO_DEVICE = "ERROR: no device found"
Section = Callable[[Machine, Device, Survey], Iterator[str]]


def main(arguments: list[str], version: str, machine: Machine) -> int:
    """Answer one call."""
    state = survey(machine)
    if state.driver is None:
        say(NO_DRIVER)
        return 1
    if state.problem:
        say(f"ERROR: {state.problem}")
        return 1
    present = tuple(d for d in state.devices if d.index not in machine.faults().devices("device_lost"))
    if arguments[:1] == ["version"]:
        say(f"Driver version : {state.driver}")
        say(f"CNMON version : {version}")
        return 0
    if not present:
        say(NO_DEVICE)
        return 1
    if arguments[:1] == ["info"]:
        return _info(machine, state, present, arguments[1:], version)
    if arguments:
        say(f"ERROR: no such command in the stand-in: {' '.join(arguments)}")
        return 1
    for line in _table(machine, state, present, version):
        say(line)
    return 0


def _table(machine: Machine, state: Survey, present: tuple[Device, ...], version: str) -> Iterator[str]:
    yield "Thu Jan  1 00:00:00 2026"
    yield "+" + "-" * 78 + "+"
    left, right = f" CNMON v{version}", f"Driver v{state.driver} "
    yield f"|{left}{right:>{78 - len(left)}}|"
    yield RULE
    yield "| Card  VF  Name       Firmware |               Bus-Id | Util        Ecc-Error |"
    yield "| Fan   Temp      Pwr:Usage/Cap |         Memory-Usage | Mode     Compute-Mode |"
    yield "|===============================+======================+=======================|"
    for device in present:
        model = device.accelerator.model
        used = 1024 * len(holders(machine, (f"/dev/cambricon_dev{device.index}",)))
        name = f"{model.name:<11}{'v' + firmware(device.accelerator):>8}"
        slot, errors = device.accelerator.pci.slot.upper(), _ecc(machine, device)
        yield f"| {device.index:<5} /   {name} | {slot:>20} | 0%{errors:>19} |"
        watts = f"{model.idle_w:.0f} W/{model.cap_w:4.0f} W"
        memory = f"{used} MiB/{model.memory_mib:>6} MiB"
        yield f"|  0%   {33 + device.index % 4}C{watts:>20} |{memory:>21} | FULL          Default |"
        yield RULE
    yield ""
    yield "+" + "-" * 78 + "+"
    yield f"| {'Processes:':<77}|"
    yield f"|  {'Card  VF  PID    Command Line                             MLU Memory Usage':<76}|"
    yield "|" + "=" * 78 + "|"
    found = [(d.index, h) for d in present for h in holders(machine, (f"/dev/cambricon_dev{d.index}",))]
    if not found:
        yield f"|  {'No running processes found':<76}|"
    for index, holder in found:
        line = f"{index:<5} /   {holder.pid:<6} {holder.command:<40} 1024 MiB"
        yield f"|  {line:<76}|"
    yield "+" + "-" * 78 + "+"


def _ecc(machine: Machine, device: Device) -> str:
    errors = machine.faults().devices("ecc_errors").get(device.index)
    return "0" if errors is None else errors or "8"


def _info(machine: Machine, state: Survey, present: tuple[Device, ...], arguments: list[str], version: str) -> int:
    chosen = present
    if "-c" in arguments:
        wanted = arguments[arguments.index("-c") + 1 : arguments.index("-c") + 2]
        chosen = tuple(d for d in present if wanted == [str(d.index)])
        if not chosen:
            say(f"ERROR: no device found with card id {' '.join(wanted)}")
            return 1
    asked = [SECTIONS[word] for word in arguments if word in SECTIONS] or [_identity, _health, _load, _place, _errors]
    say(f"{'=' * 16}CNMON v{version}{'=' * 16}")
    for device in chosen:
        say(f"Card {device.index}")
        for section in asked:
            for line in section(machine, device, state):
                say("    " + line)
    return 0


def _pair(key: str, value: object, depth: int = 0) -> str:
    indent = " " * depth * 4
    return f"{indent}{key:<{31 - len(indent)}}: {value}".rstrip()


def _identity(_machine: Machine, device: Device, state: Survey) -> Iterator[str]:
    accelerator = device.accelerator
    yield _pair("Product Name", accelerator.model.name)
    yield _pair("UUID", uuid.uuid5(uuid.NAMESPACE_OID, serial(accelerator)))
    yield _pair("Driver", f"v{state.driver}")
    yield _pair("Firmware", f"v{firmware(accelerator)}")
    yield _pair("SN", serial(accelerator))


def _type(_machine: Machine, device: Device, _state: Survey) -> Iterator[str]:
    yield _pair("Product Name", device.accelerator.model.name)


def _health(_machine: Machine, device: Device, _state: Survey) -> Iterator[str]:
    yield _pair("Health State", "")
    yield _pair("Device", "Good" if device.healthy else "Bad", 1)
    yield _pair("Driver", "Running", 1)


def _utilization(_machine: Machine, _device: Device, _state: Survey) -> Iterator[str]:
    yield _pair("Utilization", "")
    yield _pair("MLU Average", "0 %", 1)


def _load(machine: Machine, device: Device, state: Survey) -> Iterator[str]:
    model = device.accelerator.model
    used = 1024 * len(holders(machine, (f"/dev/cambricon_dev{device.index}",)))
    yield from _utilization(machine, device, state)
    yield _pair("Temperature", "")
    yield _pair("Board", f"{33 + device.index % 4} C", 1)
    yield _pair("Chip", f"{36 + device.index % 4} C", 1)
    yield _pair("Physical Memory Usage", "")
    yield _pair("Total", f"{model.memory_mib} MiB", 1)
    yield _pair("Used", f"{used} MiB", 1)
    yield _pair("Free", f"{model.memory_mib - used} MiB", 1)
    yield _pair("Power", "")
    yield _pair("Usage", f"{model.idle_w:.0f} W", 1)
    yield _pair("Cap", f"{model.cap_w:.0f} W", 1)


def _place(_machine: Machine, device: Device, _state: Survey) -> Iterator[str]:
    domain, bus, rest = device.accelerator.pci.slot.split(":")
    number, function = rest.split(".")
    yield _pair("PCI", "")
    for key, value in (("Domain ID", domain), ("Bus num", bus), ("Device", number), ("Function", function)):
        yield _pair(key, value, 1)


def _errors(machine: Machine, device: Device, _state: Survey) -> Iterator[str]:
    yield _pair("ECC", "")
    yield _pair("Uncorrected", _ecc(machine, device), 1)
    down = device.index in machine.faults().devices("link_down")
    yield _pair("MLULink", "Down" if down else "Up")


SECTIONS: dict[str, Section] = {"-t": _type, "-u": _utilization, "-e": _errors}
