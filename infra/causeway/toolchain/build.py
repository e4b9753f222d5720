"""Builds the tools that this machine lacks, from the Go modules under `tools/`, into the environment's `bin`.

A tool is built aside, made to print its version, and only then moved into place, so that no half-written binary is ever
found. What is already good is left alone: an interrupted build goes on where it was, with Go's own cache behind it.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from causeway.errors import Permanent, Retryable
from causeway.toolchain.golang import Go, needed_version, obtain_go
from causeway.toolchain.locate import locate_all, printed_version, search_path, shortcoming
from causeway.toolchain.lock import exclusive
from causeway.toolchain.manifest import Companion, Tool
from causeway.toolchain.progress import Progress, Tick
from causeway.toolchain.run import run_logged, tail

_NETWORK = re.compile(
    r"dial tcp|i/o timeout|connection reset|connection refused|no such host|TLS handshake timeout|unexpected EOF"
    r"|50[0234] |429 Too Many|context deadline exceeded"
)
_NO_SPACE = "no space left on device"
_DISK_GB = 11  # Go's two caches after a build of everything, as measured, and the tools
_FOREIGN_TARGET = ("GOOS", "GOARCH", "GOFLAGS", "GOBIN", "GOWORK")  # a user's cross-compiling would build for elsewhere


@dataclass(frozen=True, slots=True)
class Workshop:
    """Where a build happens: the checkout with `tools/`, and the environment whose `bin` gets the tools."""

    checkout: Path
    environment: Path
    environ: Mapping[str, str]

    @property
    def bin(self) -> Path:
        """Where finished tools go."""
        return self.environment / "bin"

    @property
    def staging(self) -> Path:
        """Where tools are built; on the same file system as `bin`, so that a rename puts them into place."""
        return self.environment / ".causeway-tools"

    @property
    def lock(self) -> Path:
        """Held during a build."""
        return self.environment / ".causeway-tools.lock"

    def family(self, name: str) -> Path:
        """The folder of a family's go.mod."""
        return self.checkout / "tools" / name

    def log(self, tool: str) -> Path:
        """What Go printed for a tool."""
        return self.checkout / ".causeway" / "logs" / "tools" / f"{tool}.log"


@dataclass(frozen=True, slots=True)
class Built:
    """A tool that was built now."""

    tool: Tool
    path: Path
    seconds: float


def build_missing(wanted: Sequence[Tool], workshop: Workshop, progress: Progress, *, install_go: bool) -> list[Built]:
    """Build each wanted tool that is not here in a good version.

    Raises:
        Permanent: Go is missing, or a tool cannot be built; what was finished before stays.
        Retryable: a module could not be fetched.
    """
    with exclusive(
        workshop.lock,
        lambda pid: progress.say(f"another build of the tools (process {pid}) is running: waiting for it"),
    ):
        lacking = _lacking(wanted, workshop, progress)
        if not lacking:
            progress.say(f"all {len(wanted)} command-line tools are here")
            return []
        families = {tool.family for tool in lacking} | {part.family for tool in lacking for part in tool.companions}
        needed = needed_version(workshop.checkout / "tools", families)
        go = obtain_go(needed, workshop.bin, workshop.checkout, workshop.environ, progress.say, install=install_go)
        if go.fetches:
            progress.say(f"Go {go.version} is older than {needed}: it fetches a newer one for itself")
        progress.say(
            f"building {len(lacking)} of {len(wanted)} command-line tools with {go.path}; the first time, all take 10 "
            "minutes or more on 2 processors"
        )
        progress.say(f"logs: {workshop.log('*')}")
        return [
            _build(tool, f"[{number}/{len(lacking)}] {tool.name} {tool.version}", go, workshop, progress)
            for number, tool in enumerate(lacking, 1)
        ]


def _lacking(wanted: Iterable[Tool], workshop: Workshop, progress: Progress) -> list[Tool]:
    """The tools to build; says what is used from elsewhere, and takes away what would hide it."""
    lacking = []
    for located in locate_all(wanted, search_path(workshop.bin, workshop.environ)):
        own = workshop.bin / located.tool.name
        if located.chosen is None:
            lacking.append(located.tool)
        elif located.chosen.path != own:
            progress.say(f"{located.tool.name}: using {located.chosen.path} ({located.chosen.version})")
            if own in (each.path for each in located.candidates):
                progress.say(f"{own}: removed, since it would hide the better one")
                own.unlink()
        if located.chosen is None and located.candidates:
            progress.say(f"{located.tool.name}: {shortcoming(located)}")
    return lacking


def _build(tool: Tool, title: str, go: Go, workshop: Workshop, progress: Progress) -> Built:
    started = time.monotonic()
    log = workshop.log(tool.name)
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_bytes(b"")
    shutil.rmtree(workshop.staging, ignore_errors=True)  # what a killed build left
    workshop.staging.mkdir(parents=True)
    try:
        with progress.step(title) as tick:
            staged = _compile(tool, go, workshop, tick)
            companions = [_fetch(part, tool, go, workshop, tick) for part in tool.companions]
        _verify(tool, staged, log)
        for file in (*companions, staged):
            file.replace(workshop.bin / file.name)
    finally:
        shutil.rmtree(workshop.staging, ignore_errors=True)
    seconds = time.monotonic() - started
    progress.say(f"{title} built in {seconds:.0f} s")
    return Built(tool, workshop.bin / tool.name, seconds)


def _compile(tool: Tool, go: Go, workshop: Workshop, tick: Tick) -> Path:
    staged = workshop.staging / tool.name
    flags = ["-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", tool.ldflags]
    _go(["build", *flags, "-o", str(staged), tool.package], tool, tool.family, go, workshop, tick)
    return staged


def _fetch(part: Companion, tool: Tool, go: Go, workshop: Workshop, tick: Tick) -> Path:
    """A companion, copied out of the module that its family pins."""
    log = workshop.log(f"{tool.name}.{part.name}")
    log.unlink(missing_ok=True)
    _go(["mod", "download", "-json", part.module], tool, part.family, go, workshop, tick, log=log)
    tree = json.loads(_json_part(log.read_text("utf-8")))["Dir"]
    staged = workshop.staging / part.name
    shutil.copyfile(Path(tree) / part.path, staged)
    staged.chmod(0o755)
    return staged


def _json_part(text: str) -> str:
    """The document in what Go printed; lines on downloads may stand around it."""
    return text[text.index("{") : text.rindex("}") + 1]


def _go(
    arguments: list[str], tool: Tool, family: str, go: Go, workshop: Workshop, tick: Tick, log: Path | None = None
) -> None:
    log = log or workshop.log(tool.name)
    status = run_logged(
        [str(go.path), *arguments], cwd=workshop.family(family), environ=_environment(go, workshop), log=log, tick=tick
    )
    if status == 0:
        return
    printed = tail(log, 12)
    ended = (
        f"go {arguments[0]} ended with {status}" if status > 0 else f"go {arguments[0]} was ended by signal {-status}"
    )
    reason = "\n".join([f"{ended}:", *(f"    {line}" for line in printed)])
    if any(_NETWORK.search(line) for line in printed):
        raise Retryable(
            "tool-fetch-failed",
            reason,
            subject=tool.name,
            where=str(log),
            hint="run the same command again: what is built and fetched is kept",
        )
    if any(_NO_SPACE in line for line in printed):
        raise Permanent(
            "disk-full", reason, subject=tool.name, where=str(log), hint=f"free {_DISK_GB} GB and run it again"
        )
    raise Permanent(
        "tool-build-failed",
        reason,
        subject=tool.name,
        where=str(log),
        hint=f"see the log; or put {tool.name} {tool.accepts} on PATH ({tool.official}) and run it again",
    )


def _environment(go: Go, workshop: Workshop) -> dict[str, str]:
    environ = {key: value for key, value in workshop.environ.items() if key not in _FOREIGN_TARGET}
    environ |= {"CGO_ENABLED": "0", "GOWORK": "off"}
    if go.fetches:
        environ["GOTOOLCHAIN"] = "auto"
    return environ


def _verify(tool: Tool, staged: Path, log: Path) -> None:
    version = printed_version(tool, staged)
    if version != tool.version:
        raise Permanent(
            "tool-build-wrong",
            f"what was built says it is {version or 'nothing at all'}, not {tool.version}",
            subject=tool.name,
            where=str(log),
            hint=f"compare tools/{tool.family}/go.mod with the version in tools.yaml",
        )
