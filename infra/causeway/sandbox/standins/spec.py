"""The declarative list of stand-ins: data/*.yaml as frozen values. What a key means is told in data/README.md."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

import yaml
from pydantic import BaseModel, ConfigDict, Field

Strings = dict[str, str]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PackageSpec(_Strict):
    """A Debian package, with marks where versions go."""

    name: str
    summary: str
    version: str = "@DEB@"
    architecture: str = "@DEBARCH@"
    pre_depends: tuple[str, ...] = ()
    depends: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()
    commands: Strings = Field(default_factory=dict)
    files: Strings = Field(default_factory=dict)
    executables: Strings = Field(default_factory=dict)
    texts: Strings = Field(default_factory=dict)
    links: Strings = Field(default_factory=dict)
    modules: Strings = Field(default_factory=dict)
    blobs: Strings = Field(default_factory=dict)
    python_tree: str = ""
    scripts: Strings = Field(default_factory=dict)
    conffiles: tuple[str, ...] = ()
    local_repository: str = ""
    holds: tuple[PackageSpec, ...] = ()


class RunSpec(_Strict):
    """A `.run` file, with marks where versions go. File names are relative to the payload."""

    file: str
    kind: str
    label: str
    title: str
    commands: Strings = Field(default_factory=dict)
    files: Strings = Field(default_factory=dict)
    executables: Strings = Field(default_factory=dict)
    texts: Strings = Field(default_factory=dict)


class Group(_Strict):
    """Packages that are built once for each set of values."""

    each: tuple[Strings, ...]
    also: tuple[Strings, ...] = Field(default=({},))
    packages: tuple[PackageSpec, ...] = ()
    runs: tuple[RunSpec, ...] = ()


class Shelf(_Strict):
    """One file of the list: what a repository of the mirror holds."""

    repo: str
    groups: tuple[Group, ...]


class FaultSpec(_Strict):
    """One fault of the switch."""

    name: str
    value: str
    vendors: tuple[str, ...]
    effect: str


class _Faults(_Strict):
    faults: tuple[FaultSpec, ...]


SHELVES = ("machine", "nvidia", "ascend", "cambricon")


def shelves() -> tuple[Shelf, ...]:
    """Everything there is to build."""
    return tuple(shelf(name) for name in SHELVES)


def shelf(name: str) -> Shelf:
    """One file of the list."""
    return Shelf.model_validate(_read(name))


def faults() -> tuple[FaultSpec, ...]:
    """The faults that /etc/sandbox/faults.json may hold."""
    return _Faults.model_validate(_read("faults")).faults


def _read(name: str) -> Mapping[str, object]:
    text = (files("causeway.sandbox.standins") / "data" / f"{name}.yaml").read_text()
    found: Mapping[str, object] = yaml.load(text, Loader=yaml.CSafeLoader)
    return found
