"""The stand-in `dkms`: keeps the real one's tree and rules, and "builds" a module from its description.

A source folder /usr/src/NAME-VERSION holds dkms.conf and one NAME.modinfo file per module (`key=value` lines). A build
needs the headers of the kernel it builds for and a compiler, as with the real one.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from . import elf
from .machine import Machine, complain, say
from .modules import depmod

TREE = "var/lib/dkms"
NO_HEADERS = 10
BAD_BUILD = 10
TOOLS = ("gcc", "make")


@dataclass(frozen=True, slots=True)
class Request:
    """One call of dkms."""

    action: str
    name: str
    version: str
    kernel: str


def main(arguments: list[str], version: str, machine: Machine) -> int:
    """`dkms ACTION [-m NAME[/VERSION]] [-v VERSION] [-k KERNEL] [--all] [--force]`."""
    if arguments[:1] == ["--version"]:
        say(f"dkms-{version}")
        return 0
    request = _parse(arguments, machine)
    if request.action == "status":
        return _status(machine, request)
    if request.action == "autoinstall":
        return max((_install(machine, _for(request, each)) for each in _added(machine)), default=0)
    actions = {"add": _add, "build": _build, "install": _install, "remove": _remove, "uninstall": _remove}
    if request.action not in actions:
        complain(f"Error! Unknown action specified: {request.action!r}")
        return 1
    if not request.name or not request.version:
        complain(
            f"Error! Arguments <module> and <module-version> are not specified.\nUsage: {request.action} -m M -v V"
        )
        return 1
    return actions[request.action](machine, request)


def _parse(arguments: list[str], machine: Machine) -> Request:
    found = {"-m": "", "-v": "", "-k": machine.release}
    words: list[str] = []
    rest = iter(arguments)
    for word in rest:
        if word in found:
            found[word] = next(rest, "")
        elif not word.startswith("-"):
            words.append(word)
    name = found["-m"] or (words[1] if len(words) > 1 else "")
    name, _, version = name.partition("/")
    action = words[0] if words else "status"
    return Request(action, name, found["-v"] or version, found["-k"].partition("/")[0])


def _for(request: Request, added: tuple[str, str]) -> Request:
    return Request("install", added[0], added[1], request.kernel)


def _added(machine: Machine) -> tuple[tuple[str, str], ...]:
    tree = machine.path(TREE)
    if not tree.is_dir():
        return ()
    return tuple(
        (name.name, version.name)
        for name in sorted(tree.iterdir())
        for version in sorted(name.iterdir())
        if version.is_dir()
    )


def _status(machine: Machine, request: Request) -> int:
    for name, version in _added(machine):
        if request.name not in {"", name} or request.version not in {"", version}:
            continue
        kernels = [entry.name for entry in sorted((machine.path(TREE) / name / version).iterdir()) if entry.is_dir()]
        if not kernels:
            say(f"{name}/{version}: added")
        for kernel in kernels:
            present = all(file.is_file() for file in _targets(machine, name, version, kernel))
            say(f"{name}/{version}, {kernel}, {os.uname().machine}: {'installed' if present else 'built'}")
    return 0


def _source(machine: Machine, name: str, version: str) -> Path:
    return machine.path(f"usr/src/{name}-{version}")


def _modules(source: Path) -> tuple[str, ...]:
    text = (source / "dkms.conf").read_text()
    return tuple(re.findall(r'^BUILT_MODULE_NAME\[\d+\]="([^"]+)"', text, re.MULTILINE))


def _targets(machine: Machine, name: str, version: str, kernel: str) -> tuple[Path, ...]:
    folder = machine.path(f"lib/modules/{kernel}/updates/dkms")
    built = machine.path(TREE) / name / version / kernel / "module"
    return tuple(folder / file.name for file in sorted(built.glob("*.ko")))


def _add(machine: Machine, request: Request) -> int:
    source = _source(machine, request.name, request.version)
    if not (source / "dkms.conf").is_file():
        complain(f"Error! Could not find module source directory.\nDirectory: {source} does not exist.")
        return 2
    (machine.path(TREE) / request.name / request.version).mkdir(parents=True, exist_ok=True)
    return 0


def _build(machine: Machine, request: Request) -> int:
    if status := _add(machine, request):
        return status
    headers = machine.path(f"lib/modules/{request.kernel}/build")
    if not headers.exists():
        complain(
            f"Error! Your kernel headers for kernel {request.kernel} cannot be found at "
            f"/lib/modules/{request.kernel}/build or /lib/modules/{request.kernel}/source.\n"
            f"Please install the linux-headers-{request.kernel} package or use the --kernelsourcedir option "
            "to tell DKMS where it's located."
        )
        return NO_HEADERS
    place = machine.path(TREE) / request.name / request.version / request.kernel
    missing = [tool for tool in TOOLS if not machine.path(f"usr/bin/{tool}").exists()]
    make_log = place / "log" / "make.log"
    make_log.parent.mkdir(parents=True, exist_ok=True)
    if missing or machine.faults().on("build_fail"):
        reason = f"{missing[0]}: command not found" if missing else "sandbox fault build_fail"
        make_log.write_text(f"make: *** {reason}\n")
        complain(
            f"Error! Bad return status for module build on kernel: {request.kernel} ({os.uname().machine})\n"
            f"Consult /{make_log.relative_to(machine.root)} for more information."
        )
        shutil.rmtree(place / "module", ignore_errors=True)
        return BAD_BUILD
    source = _source(machine, request.name, request.version)
    module_folder = place / "module"
    module_folder.mkdir(parents=True, exist_ok=True)
    for module in _modules(source):
        fields = elf.parse((source / f"{module}.modinfo").read_text().splitlines())
        full = (*fields, ("name", module.replace("-", "_")), ("vermagic", f"{request.kernel} SMP mod_unload "))
        (module_folder / f"{module}.ko").write_bytes(elf.module_object(full))
    make_log.write_text(f"DKMS make.log for {request.name}-{request.version} for kernel {request.kernel}\n")
    return 0


def _install(machine: Machine, request: Request) -> int:
    place = machine.path(TREE) / request.name / request.version / request.kernel / "module"
    if not place.is_dir() and (status := _build(machine, request)):
        return status
    for target in _targets(machine, request.name, request.version, request.kernel):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(place / target.name, target)
    depmod(machine)
    return 0


def _remove(machine: Machine, request: Request) -> int:
    place = machine.path(TREE) / request.name / request.version
    if not place.is_dir():
        complain(f"Error! The module/version combo: {request.name}-{request.version} is not located in the DKMS tree.")
        return 3
    for kernel in [entry.name for entry in place.iterdir() if entry.is_dir()]:
        for target in _targets(machine, request.name, request.version, kernel):
            target.unlink(missing_ok=True)
    shutil.rmtree(place)
    if not any(place.parent.iterdir()):
        place.parent.rmdir()
    depmod(machine)
    return 0
