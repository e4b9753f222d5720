"""Programs of the operating system: which are missing, which packages carry them, and installing those as root."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from causeway.errors import Retryable
from causeway.toolchain.manifest import Program, programs

_ROOT_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")  # not on every user's PATH, and yet where some programs are


def find_program(program: Program, environ: Mapping[str, str]) -> Path | None:
    """Where a program is, on PATH or in the folders of the administrator's programs."""
    if program.file:
        return Path(program.file) if Path(program.file).is_file() else None
    path = os.pathsep.join([environ.get("PATH", ""), *_ROOT_FOLDERS])
    found = shutil.which(program.name, path=path)
    return Path(found) if found else None


def absent_programs(environ: Mapping[str, str]) -> tuple[Program, ...]:
    """The programs that are not here, needed or not."""
    return tuple(program for program in programs() if find_program(program, environ) is None)


def missing_programs(environ: Mapping[str, str]) -> tuple[Program, ...]:
    """The needed programs that are not here."""
    return tuple(program for program in absent_programs(environ) if program.needed)


def install_command(lacking: Iterable[Program], *, root: bool) -> str:
    """The command for a person who installs the packages of these programs."""
    packages = sorted({program.package for program in lacking})
    return f"{'' if root else 'sudo '}apt-get install -y --no-install-recommends {' '.join(packages)}"


def provide_programs(environ: Mapping[str, str], say: Callable[[str], None], *, root: bool) -> None:
    """Install what is missing when that is possible here; else say which command would, and what is left out.

    Raises:
        Retryable: apt-get failed.
    """
    lacking = absent_programs(environ)
    if not lacking:
        return
    apt = shutil.which("apt-get", path=environ.get("PATH", ""))
    if root and apt:
        say(f"installing system packages: {', '.join(sorted({program.package for program in lacking}))}")
        _apt_get(apt, ["update"], environ)
        _apt_get(apt, install_command(lacking, root=True).split()[1:], environ)
        return
    for program in lacking:
        say(f"{program.name} is missing ({program.purpose}): it {program.what}")
    say("going on without; what needs them is left out. They are installed by:")
    say(f"  {install_command(lacking, root=root)}" if apt else "  your system's package manager (names above)")


def _apt_get(apt: str, arguments: list[str], environ: Mapping[str, str]) -> None:
    command = [apt, "-qq", "-o", "Dpkg::Use-Pty=0", *arguments]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**environ, "DEBIAN_FRONTEND": "noninteractive"},
    )
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-8:])
        raise Retryable(
            "system-packages-failed", f"apt-get {' '.join(arguments)} failed:\n{tail}", hint="mend it and run it again"
        )
