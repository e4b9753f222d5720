"""Where a tool is on this machine, and whether it is good enough.

Looked through in the order in which a shell with `causeway env` does: the environment's own folder first, then PATH.
The first that is good is used; one that is too old or too new never hides a good one behind it.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from causeway.errors import Permanent
from causeway.toolchain.buildinfo import module_versions
from causeway.toolchain.manifest import Tool, tools
from causeway.toolchain.version import Version

_PRINTED = re.compile(r"\bv?\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?")
_PATIENCE_S = 20  # the first start of a freshly written 250 MB binary on a slow disk


class Verdict(StrEnum):
    """What is to be said of one file that has a tool's name."""

    GOOD = "good"
    UNFIT = "unfit version"
    UNREADABLE = "prints no version"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file that has a tool's name."""

    path: Path
    verdict: Verdict
    version: Version | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Located:
    """Every candidate of one tool, in the order of the search."""

    tool: Tool
    candidates: tuple[Candidate, ...]

    @property
    def chosen(self) -> Candidate | None:
        """The first good one."""
        return next((each for each in self.candidates if each.verdict is Verdict.GOOD), None)


def search_path(own: Path, environ: Mapping[str, str]) -> tuple[Path, ...]:
    """The environment's own folder of programs, then each absolute folder of PATH, each once."""
    on_path = (Path(part) for part in environ.get("PATH", "").split(os.pathsep) if part)
    return tuple(dict.fromkeys([own, *(folder for folder in on_path if folder.is_absolute())]))


def locate(tool: Tool, folders: Iterable[Path]) -> Located:
    """Look for one tool in the folders and judge each file that has its name."""
    seen: set[Path] = set()
    candidates = []
    for file in _executables(tool.name, folders):
        if (real := file.resolve()) not in seen:
            seen.add(real)
            candidates.append(_judge(tool, file))
    return Located(tool, tuple(candidates))


def locate_all(wanted: Iterable[Tool], folders: tuple[Path, ...]) -> tuple[Located, ...]:
    """Look for several tools at once; the answer keeps their order."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        return tuple(pool.map(lambda tool: locate(tool, folders), wanted))


def require(name: str, folders: Iterable[Path]) -> Path:
    """The path of a good tool.

    Raises:
        Permanent: there is none; the hint tells how to get it.
    """
    tool = next(each for each in tools() if each.name == name)
    located = locate(tool, folders)
    if located.chosen:
        return located.chosen.path
    raise Permanent("tool-missing", shortcoming(located), subject=name, hint="make tools (causeway doctor tells more)")


def shortcoming(located: Located) -> str:
    """Why no candidate is good, for people."""
    if not located.candidates:
        return f"not found; {located.tool.accepts} is needed"
    return "; ".join(f"{each.path}: {each.why}" for each in located.candidates)


def printed_version(tool: Tool, file: Path) -> Version | None:
    """The version that a binary tells of itself, None when it tells none."""
    if tool.version_module:
        found = module_versions(file).get(tool.version_module, "")
    else:
        match = _PRINTED.search(_output([str(file), *tool.version_args]))
        found = match[0] if match else ""
    try:
        return Version.parse(found)
    except ValueError:
        return None


def _executables(name: str, folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        file = folder / name
        if file.is_file() and os.access(file, os.X_OK):
            yield file


def _judge(tool: Tool, file: Path) -> Candidate:
    version = printed_version(tool, file) or _version_of_its_distribution(tool, file)
    if version is None:
        return Candidate(file, Verdict.UNREADABLE, why="does not tell its version")
    if version not in tool.accepts:
        return Candidate(file, Verdict.UNFIT, version, f"is {version}; {tool.accepts} is needed")
    # A link to a tool elsewhere keeps its companions there.
    homes = (file.parent, file.resolve().parent)
    for companion in tool.companions:
        if not any(os.access(home / companion.name, os.X_OK) for home in homes):
            return Candidate(file, Verdict.INCOMPLETE, version, f"{companion.name} is not beside it")
    return Candidate(file, Verdict.GOOD, version)


def _version_of_its_distribution(tool: Tool, file: Path) -> Version | None:
    """The version of the tool it was shipped with, when that one lies beside it."""
    main = next((each for each in tools() if each.name == tool.ships_with), None)
    if main is None:
        return None
    beside = file.resolve().parent / main.name
    if not os.access(beside, os.X_OK):
        return None
    return printed_version(main, beside)


def _output(command: list[str]) -> str:
    """What a program prints, or nothing when it fails or does not end."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE_S,
            stdin=subprocess.DEVNULL,
            check=False,
            env={**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout + done.stderr if done.returncode == 0 else ""
