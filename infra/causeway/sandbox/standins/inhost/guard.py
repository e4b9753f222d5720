"""What every stand-in driver package asks before it changes anything: the faults, and who holds the devices."""

from __future__ import annotations

import time

from . import kernel
from .kernel import Holder
from .machine import Machine, complain

MODULE_PREFIXES = {"nvidia": ("nvidia",), "huawei": ("drv_",), "cambricon": ("cambricon",)}
# The vendor's own daemons: their packages stop them, so they are in nobody's way. Names as /proc/PID/comm cuts them.
OWN_DAEMONS = frozenset({"nvidia-persiste", "nv-fabricmanage", "nv-hostengine"})
A_DAY = 86400.0


def main(arguments: list[str], _version: str, machine: Machine) -> int:
    """`guard VENDOR install|upgrade [OLD] [NEW]`, called by a driver package's preinst."""
    vendor, action = arguments[0], arguments[1] if len(arguments) > 1 else "install"
    if action not in {"install", "upgrade"}:
        return 0
    if failure := install_fault(machine):
        complain(f"{vendor} driver: {failure}")
        return 1
    held = in_use(machine, vendor)
    if not held:
        return 0
    complain(f"{vendor} driver: the devices are in use, stop these processes and try again: {held}")
    return 1


def install_fault(machine: Machine) -> str:
    """Hang as long as `install_hang` says; the reason of `install_fail`, empty where it is not set."""
    faults = machine.faults()
    if (seconds := faults.seconds("install_hang", A_DAY)) is not None:
        time.sleep(seconds)
    return "installation failed (sandbox fault install_fail)" if faults.on("install_fail") else ""


def loaded_nodes(machine: Machine, vendor: str) -> tuple[str, ...]:
    """The device nodes of a vendor's loaded modules."""
    return tuple(node for m in kernel.loaded(machine) if m.name.startswith(MODULE_PREFIXES[vendor]) for node in m.nodes)


def foreign_holders(machine: Machine, vendor: str) -> tuple[Holder, ...]:
    """The processes that hold the vendor's devices open, its own daemons left out."""
    found = kernel.holders(machine, loaded_nodes(machine, vendor))
    return tuple(holder for holder in found if holder.command not in OWN_DAEMONS)


def in_use(machine: Machine, vendor: str) -> str:
    """Who is in the way of a driver's exchange, as one line; empty when nobody is."""
    if machine.faults().on("module_in_use") and loaded_nodes(machine, vendor):
        return "unknown (sandbox fault module_in_use)"
    held: dict[int, str] = {holder.pid: holder.command for holder in foreign_holders(machine, vendor)}
    return ", ".join(f"{command}({pid})" for pid, command in held.items())
