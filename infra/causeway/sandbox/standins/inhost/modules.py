"""The kernel-side commands: load and unload (called by modprobe's install and remove lines), lsmod, dmesg, rmmod."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping

from . import kernel
from .cambricon import procfs as cambricon
from .kernel import KernelRefusal, ProcFiles
from .machine import Machine, complain, say
from .nvidia import procfs as nvidia

PROC_FILES: Mapping[str, ProcFiles] = {"nvidia": nvidia.files, "cambricon_drv": cambricon.files}
PROC_FOLDERS: Mapping[str, str] = {"nvidia": "nvidia", "cambricon_drv": "cambricon"}


def main(arguments: list[str], _version: str, machine: Machine) -> int:
    """`load NAME...`, `unload NAME...`, `rmmod NAME...`, `lsmod` or `dmesg`."""
    command, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    names = [word for word in rest if not word.startswith("-")]
    if command == "lsmod":
        return _lsmod(machine)
    if command == "dmesg":
        return _dmesg(machine)
    if command == "load":
        return _each(names, "modprobe", lambda name: kernel.load(machine, name, PROC_FILES))
    if command == "unload":  # as `modprobe -r`: content with a module that is not there
        names = [name for name in names if kernel.version_of(machine, kernel.normal(name)) is not None]
        return _each(names, "modprobe", lambda name: kernel.unload(machine, name, PROC_FOLDERS))
    if command == "rmmod":
        return _each(names, "rmmod", lambda name: kernel.unload(machine, name, PROC_FOLDERS))
    complain("usage: kernel load|unload|rmmod|lsmod|dmesg [NAME...]")
    return 1


def load_by_tool(machine: Machine, *names: str) -> str:
    """Load modules as a vendor's script does, through modprobe where the machine is this one; empty when it worked."""
    if str(machine.root) == "/":
        done = subprocess.run(["modprobe", "-a", *names], capture_output=True, text=True, check=False)
        return "" if done.returncode == 0 else (done.stderr.strip() or "modprobe failed")
    try:
        for name in names:
            kernel.load(machine, name, PROC_FILES)
    except KernelRefusal as refusal:
        return str(refusal)
    return ""


def load_as_root(machine: Machine) -> None:
    """What nvidia-modprobe does for root's tools: load NVIDIA's modules when they are asked for and not there."""
    able = os.geteuid() == 0 and machine.path("usr/bin/nvidia-modprobe").exists()
    if able and kernel.version_of(machine, "nvidia") is None:
        load_by_tool(machine, "nvidia", "nvidia_uvm")


def _each(names: list[str], tool: str, action: Callable[[str], None]) -> int:
    status = 0
    for name in names:
        try:
            action(name)
        except KernelRefusal as refusal:
            complain(f"{tool}: {refusal}")
            status = 1
    return status


def _lsmod(machine: Machine) -> int:
    say(f"{'Module':<23} {'Size':>8}  Used by")
    for module in kernel.loaded(machine):
        count = len(module.used_by) + len({holder.pid for holder in kernel.holders(machine, module.nodes)})
        say(f"{module.name:<23} {16384:>8}  {count} {','.join(module.used_by)}".rstrip())
    real = machine.path("proc/modules")
    if real.is_file():
        for line in real.read_text().splitlines():
            name, size, used, by, *_ = line.split()
            if kernel.version_of(machine, name) is None:
                say(f"{name:<23} {size:>8}  {used} {by.strip(',-')}".rstrip())
    return 0


def _dmesg(machine: Machine) -> int:
    try:
        with machine.state(kernel.KERNEL_LOG).open() as stream:
            for line in stream:
                say(f"[    1.000000] {line.rstrip()}")
    except OSError:
        return 0
    return 0


def depmod(machine: Machine) -> None:
    """Write the module indexes of the running kernel with the real depmod, where there is one."""
    if shutil.which("depmod") is None:
        return
    base = ["-b", str(machine.root)] if str(machine.root) != "/" else []
    subprocess.run(["depmod", *base, machine.release], check=False, capture_output=True)
