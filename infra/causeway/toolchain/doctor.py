"""Looks at everything that Causeway needs on this machine and says, for each, whether it is good and what mends it."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from causeway.assets import INSTALL_UP, checkout
from causeway.toolchain.locate import Located, Verdict, locate_all, search_path, shortcoming
from causeway.toolchain.manifest import Purpose, programs, tools
from causeway.toolchain.system import find_program, install_command

_PYTHON = (3, 11)
# What the extra `up` brings, by what it is used for.
_PACKAGES = {
    "pulumi": "the Python side of the engine",
    "ansible-core": "configures the hosts",
    "ansible-runner": "runs Ansible in a process of its own",
    "kubernetes": "talks to the clusters",
}


class Status(StrEnum):
    """What was found."""

    GOOD = "good"
    MISSING = "missing"
    UNFIT = "unfit"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `fix` is empty when nothing is to be done."""

    purpose: Purpose
    name: str
    what: str
    status: Status
    needed: bool = True
    version: str = ""
    path: str = ""
    detail: str = ""
    fix: str = ""

    @property
    def stops(self) -> bool:
        """Whether something needed is not good."""
        return self.needed and self.status is not Status.GOOD


def checks(environ: Mapping[str, str]) -> tuple[Check, ...]:
    """Every check of this module: Python, its packages, the shell, the tools and the system's programs."""
    own = Path(sys.prefix) / "bin"
    located = locate_all(tools(), search_path(own, environ))
    return (
        _python(),
        *(_package(name, what) for name, what in _PACKAGES.items()),
        _shell(own, environ),
        *(_tool(each) for each in located),
        *_programs(environ),
    )


def exit_status(found: Iterable[Check]) -> int:
    """0 when all that is needed is good, else 1."""
    return int(any(check.stops for check in found))


def _python() -> Check:
    good = sys.version_info >= _PYTHON
    wanted = ".".join(map(str, _PYTHON))
    return Check(
        Purpose.DECLARATION,
        "python",
        "runs Causeway",
        Status.GOOD if good else Status.UNFIT,
        version=platform.python_version(),
        path=sys.executable,
        detail="" if good else f"{wanted} or newer is needed",
        fix="" if good else f"make venv PYTHON=/path/to/python{wanted}",
    )


def _package(name: str, what: str) -> Check:
    shown = f"{name} (Python)"
    try:
        return Check(Purpose.PULUMI_UP, shown, what, Status.GOOD, version=version(name), path="Python package")
    except PackageNotFoundError:
        return Check(
            Purpose.PULUMI_UP,
            shown,
            what,
            Status.MISSING,
            detail="this Python has no such package",
            fix="make venv" if checkout() else INSTALL_UP,
        )


def _shell(own: Path, environ: Mapping[str, str]) -> Check:
    """Pulumi's language host takes `python3` from PATH; causeway's own commands set that for themselves."""
    python = shutil.which("python3", path=environ.get("PATH", ""))
    good = python is not None and Path(python).parent == own
    return Check(
        Purpose.PULUMI_UP,
        "shell",
        "lets plain pulumi find this environment",
        Status.GOOD if good else Status.UNFIT,
        needed=False,
        path=python or "",
        detail="" if good else "python3 on PATH is not this environment's; only plain pulumi minds",
        fix="" if good else 'eval "$(causeway env)"',
    )


def _tool(located: Located) -> Check:
    tool, chosen = located.tool, located.chosen
    if chosen:
        return Check(
            tool.purpose, tool.name, tool.what, Status.GOOD, version=str(chosen.version), path=str(chosen.path)
        )
    first = located.candidates[0] if located.candidates else None
    unfit = first is not None and first.verdict is not Verdict.INCOMPLETE
    elsewhere = f"put {tool.name} {tool.accepts} on PATH: {tool.official}" if tool.needed else ""
    return Check(
        tool.purpose,
        tool.name,
        tool.what,
        Status.UNFIT if unfit else Status.MISSING,
        needed=tool.needed,
        version=str(first.version) if first and first.version else "",
        path=str(first.path) if first else "",
        detail=shortcoming(located),
        fix="make tools" if checkout() else elsewhere,
    )


def _programs(environ: Mapping[str, str]) -> Iterator[Check]:
    root = os.geteuid() == 0
    for program in programs():
        found = find_program(program, environ)
        yield Check(
            program.purpose,
            program.name,
            program.what,
            Status.GOOD if found else Status.MISSING,
            needed=program.needed,
            path=str(found or ""),
            detail="" if found else f"not found; Debian and Ubuntu have it in {program.package}",
            fix="" if found else install_command([program], root=root),
        )
