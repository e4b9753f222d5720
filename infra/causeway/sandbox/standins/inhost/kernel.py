"""The simulated kernel's modules: load, unload, list, and who holds a device open.

A loaded module is a folder of /run/sandbox/sys/module (bound over /sys/module at boot), laid out as sysfs lays it
out. Its device nodes are plain files in /dev. A reboot loses both.
"""

from __future__ import annotations

import fnmatch
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from . import elf
from .machine import Machine, PciFunction

MODULES = "sys/module"
KERNEL_LOG = "kmsg"
NODES = "sandbox_nodes"
ProcFiles = Callable[[Machine, str], Mapping[str, str]]


class KernelRefusal(Exception):
    """The kernel would not load or unload a module; the text is what the tool prints."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A module that is in the kernel."""

    name: str
    version: str
    nodes: tuple[str, ...]
    used_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Holder:
    """A process with a device file open."""

    pid: int
    command: str
    node: str


def normal(name: str) -> str:
    """A module's name as the kernel writes it."""
    return name.replace("-", "_")


def find(machine: Machine, name: str) -> Path | None:
    """The file of a module for the running kernel."""
    base = machine.path(f"lib/modules/{machine.release}")
    for folder, _, files in os.walk(base):
        for file in files:
            if file.endswith(".ko") and normal(file[:-3]) == normal(name):
                return Path(folder) / file
    return None


def loaded(machine: Machine) -> tuple[Loaded, ...]:
    """The simulated modules that are in the kernel, by name."""
    base = machine.state(MODULES)
    if not base.is_dir():
        return ()
    folders = sorted(entry for entry in base.iterdir() if not entry.is_symlink() and (entry / "initstate").is_file())
    return tuple(_read(folder) for folder in folders)


def _read(folder: Path) -> Loaded:
    nodes = (folder / NODES).read_text().split()
    holders = folder / "holders"
    used_by = tuple(sorted(entry.name for entry in holders.iterdir())) if holders.is_dir() else ()
    return Loaded(folder.name, (folder / "version").read_text().strip(), tuple(nodes), used_by)


def version_of(machine: Machine, name: str) -> str | None:
    """The version of a loaded module, None where it is not loaded."""
    try:
        return (machine.state(MODULES) / name / "version").read_text().strip()
    except OSError:
        return None


def holders(machine: Machine, nodes: tuple[str, ...]) -> tuple[Holder, ...]:
    """The processes that hold one of the nodes (absolute names) open, by a scan of /proc."""
    wanted = set(nodes)
    found: list[Holder] = []
    for process in machine.path("proc").glob("[0-9]*"):
        held = wanted & {target for fd in _descriptors(process) if (target := _target(fd))}
        if held:
            command = machine.text(f"proc/{process.name}/comm") or "?"
            found.extend(Holder(int(process.name), command, node) for node in sorted(held))
    return tuple(sorted(found, key=lambda holder: (holder.pid, holder.node)))


def _descriptors(process: Path) -> tuple[Path, ...]:
    try:
        return tuple((process / "fd").iterdir())
    except OSError:
        return ()


def _target(descriptor: Path) -> str:
    try:
        return str(descriptor.readlink()).removesuffix(" (deleted)")
    except OSError:
        return ""


def load(machine: Machine, name: str, proc_files: Mapping[str, ProcFiles]) -> None:
    """Put a module and those it depends on into the kernel.

    Raises:
        KernelRefusal: no such module, built for another kernel, no device, a foreign module in the way, or a fault.
    """
    name = normal(name)
    if version_of(machine, name) is not None:
        return
    file = find(machine, name)
    if file is None:
        raise KernelRefusal(f"FATAL: Module {name} not found in directory /lib/modules/{machine.release}")
    fields = elf.read_fields(file)
    _check(machine, name, fields)
    for needed in filter(None, elf.first(fields, "depends").split(",")):
        load(machine, needed, proc_files)
        holder = machine.state(MODULES) / normal(needed) / "holders" / name
        holder.mkdir(parents=True, exist_ok=True)
    _insert(machine, name, fields)
    if name in proc_files:
        _write_proc(machine, proc_files[name](machine, elf.first(fields, "version")))
    # A `softdep` line would do this, but modprobe then passes over the module's `install` line.
    for other in elf.every(fields, "sandbox_post"):
        load(machine, other, proc_files)


def _check(machine: Machine, name: str, fields: elf.Fields) -> None:
    release = elf.first(fields, "vermagic").split(" ")[0]
    if release and release != machine.release:
        raise KernelRefusal(f"ERROR: could not insert '{name}': Exec format error")
    if machine.faults().on("module_load_fail"):
        log(machine, f"{name}: module verification failed (sandbox fault module_load_fail)")
        raise KernelRefusal(f"ERROR: could not insert '{name}': Invalid argument")
    if elf.every(fields, "alias") and not _matched(machine, fields):
        raise KernelRefusal(f"ERROR: could not insert '{name}': No such device")
    for other in elf.every(fields, "sandbox_conflict"):
        if version_of(machine, other) is not None:
            log(machine, f"{name}: the devices are already bound to {other}, unload it first")
            raise KernelRefusal(f"ERROR: could not insert '{name}': No such device")


def _matched(machine: Machine, fields: elf.Fields) -> tuple[PciFunction, ...]:
    aliases = elf.every(fields, "alias")
    return tuple(p for p in machine.pci() if any(fnmatch.fnmatchcase(p.modalias, alias) for alias in aliases))


def _insert(machine: Machine, name: str, fields: elf.Fields) -> None:
    count = len(_matched(machine, fields))
    patterns = elf.every(fields, "sandbox_node")
    nodes = [f"/dev/{p.format(index=i)}" for p in patterns for i in range(count if "{index}" in p else 1)]
    for node in nodes:
        path = machine.path(node)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        path.chmod(0o666)
    folder = machine.state(MODULES) / name
    (folder / "holders").mkdir(parents=True, exist_ok=True)
    for file, text in {
        "version": elf.first(fields, "version"),
        "srcversion": "SANDBOX",
        "refcnt": "0",
        NODES: " ".join(nodes),
        "initstate": "live",
    }.items():
        (folder / file).write_text(text + "\n")
    log(machine, f"{name}: loaded version {elf.first(fields, 'version')} for {count} device(s)")


def _write_proc(machine: Machine, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = machine.state(f"proc/driver/{name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def unload(machine: Machine, name: str, proc_folders: Mapping[str, str]) -> None:
    """Take a module out of the kernel, with its device nodes and /proc files.

    Raises:
        KernelRefusal: it is not there, another module needs it, or a process holds one of its devices.
    """
    name = normal(name)
    module = next((m for m in loaded(machine) if m.name == name), None)
    if module is None:
        raise KernelRefusal(f"ERROR: Module {name} is not currently loaded")
    if module.used_by:
        raise KernelRefusal(f"ERROR: Module {name} is in use by: {' '.join(module.used_by)}")
    if machine.faults().on("module_in_use") or holders(machine, module.nodes):
        raise KernelRefusal(f"ERROR: Module {name} is in use")
    for node in module.nodes:
        machine.path(node).unlink(missing_ok=True)
    shutil.rmtree(machine.state(MODULES) / name)
    for other in loaded(machine):
        if name in other.used_by:
            (machine.state(MODULES) / other.name / "holders" / name).rmdir()
    if name in proc_folders:
        shutil.rmtree(machine.state(f"proc/driver/{proc_folders[name]}"), ignore_errors=True)
    log(machine, f"{name}: unloaded")


def log(machine: Machine, text: str) -> None:
    """Add a line to the simulated kernel log, which `dmesg` prints."""
    path = machine.state(KERNEL_LOG)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as stream:
        stream.write(text + "\n")
