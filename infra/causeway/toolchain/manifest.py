"""The list of tools (tools.yaml) and of system programs (programs.yaml), as typed models."""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from causeway.toolchain.version import Range, Version


class Purpose(StrEnum):
    """What a tool or a program is needed for; the groups of `causeway doctor`."""

    DECLARATION = "declaration"
    PULUMI_UP = "pulumi up"
    SANDBOX = "sandbox"


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, arbitrary_types_allowed=True)


def _version(value: Any) -> Any:
    return Version.parse(value) if isinstance(value, str) else value


def _range(value: Any) -> Any:
    return Range.parse(value) if isinstance(value, str) else value


class Companion(_Entry):
    """A file that must lie beside a tool, taken from a Go module's tree."""

    name: str
    module: str
    """The Go module that holds it; its version is pinned by `family`."""
    family: str
    """Folder under `tools/` whose go.mod pins the module."""
    path: str
    """Inside the module."""


class Tool(_Entry):
    """A command-line tool that Causeway or its sandbox runs."""

    name: str
    purpose: Purpose
    what: str
    """What it is used for."""
    family: str
    """Folder under `tools/` whose go.mod builds it."""
    module: str
    """Go module that carries it."""
    package: str
    """Import path of its main package."""
    version: Annotated[Version, BeforeValidator(_version)]
    """The version that is built, and that the tests run with."""
    accepts: Annotated[Range, BeforeValidator(_range)]
    """What is good enough when it is found on this machine."""
    version_args: tuple[str, ...] = ()
    """Arguments that make it print its version; none when the build information tells (`version_module`)."""
    version_module: str = ""
    """Module whose version in the binary's build information is the tool's version."""
    stamps: tuple[str, ...] = ()
    """Go variables that carry the version, each `path.name=value` with `{version}`, `{major}` and `{minor}`."""
    ships_with: str = ""
    """Another tool in whose official distribution this one lies: it then has that tool's version."""
    companions: tuple[Companion, ...] = ()
    needed: bool = True
    """False where the same is done without it, in more time."""
    official: str
    """Where the project's own binaries are found, in words."""

    @property
    def ldflags(self) -> str:
        """The linker's flags: no symbol tables, and the version stamped in."""
        major, minor, _ = self.version.release
        stamped = [stamp.format(version=self.version, major=major, minor=minor) for stamp in self.stamps]
        return " ".join(["-s", "-w", *(f"-X {stamp}" for stamp in stamped)])


class Program(_Entry):
    """A program of the operating system."""

    name: str
    purpose: Purpose
    what: str
    package: str
    """Debian and Ubuntu package that carries it."""
    needed: bool = True
    """False: all but something small works without it."""
    file: str = ""
    """For what is no program: the file whose presence tells."""


def _data(name: str) -> Any:
    return yaml.safe_load(files("causeway.toolchain").joinpath(name).read_text("utf-8"))


class _Tools(_Entry):
    tools: Annotated[tuple[Tool, ...], Field(min_length=1)]


class _Programs(_Entry):
    programs: Annotated[tuple[Program, ...], Field(min_length=1)]


@cache
def tools() -> tuple[Tool, ...]:
    """Every tool, in the order in which they are built."""
    return _Tools.model_validate(_data("tools.yaml")).tools


@cache
def programs() -> tuple[Program, ...]:
    """Every program of the operating system."""
    return _Programs.model_validate(_data("programs.yaml")).programs
