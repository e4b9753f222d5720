"""What the kernel of a real host does at boot: shows its modules, and loads the drivers of the devices it finds."""

from __future__ import annotations

import subprocess

from . import kernel
from .ascend import firmware
from .machine import Machine, complain


def main(_arguments: list[str], _version: str, machine: Machine) -> int:
    """Mount the simulated parts of /sys and /proc, then load drivers. Runs before sysinit.target."""
    _sys_module(machine)
    _proc_driver(machine)
    firmware.power_on(machine)
    kernel.log(
        machine, f"Linux version {machine.release} (Causeway sandbox: accelerators and their modules are simulated)"
    )
    coldplug(machine)
    _xid(machine)
    return 0


def coldplug(machine: Machine) -> None:
    """Ask modprobe for a driver for each device, as udev does on hardware."""
    if machine.faults().on("nouveau"):
        _run("modprobe", "-b", "nouveau")
    # By alias modprobe would pass over the `install` lines of the configuration: ask for the names first.
    aliases = sorted({function.modalias for function in machine.pci()})
    names = {name for alias in aliases for name in _output("modprobe", "-R", "-b", alias).split()}
    for name in sorted(names):
        _run("modprobe", "-b", name)


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def _sys_module(machine: Machine) -> None:
    """Show the simulated modules, and none of the machine below. The folder is missing in systemd-nspawn's /sys."""
    simulated, shown = machine.state("sys/module"), machine.path("sys/module")
    if simulated.is_dir():
        return
    simulated.mkdir(parents=True)
    if not shown.is_dir():
        _run("mount", "-o", "remount,bind,rw", "/sys")
        shown.mkdir()
        _run("mount", "-o", "remount,bind,ro", "/sys")
    _run("mount", "--bind", str(simulated), str(shown))


def _proc_driver(machine: Machine) -> None:
    simulated = machine.state("proc/driver")
    if not simulated.is_dir() and machine.path("proc/driver").is_dir():
        simulated.mkdir(parents=True)
        _run("mount", "--bind", str(simulated), "/proc/driver")


def _xid(machine: Machine) -> None:
    """The kernel log of a host with the fault `xid`: the lines that NVIDIA's driver would have left."""
    codes = machine.faults().devices("xid")
    for accelerator in machine.accelerators("10de"):
        if accelerator.index in codes:
            code = codes[accelerator.index] or "79"
            slot = accelerator.pci.slot.rpartition(".")[0]
            kernel.log(machine, f"NVRM: Xid (PCI:{slot}): {code}, pid='<unknown>', name=<unknown>")


def _run(*command: str) -> bool:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0 and done.stderr:
        complain(f"{command[0]}: {done.stderr.strip()}")
    return done.returncode == 0
