"""From the list of stand-ins to packages in memory: fills the marks, reads the templates, packs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.resources.abc import Traversable

from . import deb, runfile
from .archive import Entry
from .inhost import elf
from .render import render, template
from .spec import Group, PackageSpec, RunSpec, Shelf, shelf

Values = Mapping[str, str]
DEBIAN_ARCH = {"x86_64": "amd64", "aarch64": "arm64"}
MACHINE = "causeway-sandbox-machine"
HDK_ARCH = {"x86_64": "x86-64", "aarch64": "aarch64"}


@dataclass(frozen=True, slots=True)
class Made:
    """One finished file and what it is."""

    repo: str
    file: str
    kind: str
    name: str
    version: str
    arch: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Target:
    """What the packages are for: a kernel release, a machine (`uname -m`), and files known only at build time."""

    kernel: str
    machine: str
    blobs: Mapping[str, bytes] = field(default_factory=dict)

    def values(self) -> dict[str, str]:
        """The marks that every template may use."""
        return {
            "KERNEL": self.kernel,
            "MACHINE": self.machine,
            "DEBARCH": DEBIAN_ARCH.get(self.machine, self.machine),
            "HDKARCH": HDK_ARCH.get(self.machine, self.machine),
            "TRIPLET": f"{self.machine}-linux-gnu",
            "BANNER": deb.BANNER,
        }


def make(shelf: Shelf, target: Target) -> Iterator[Made]:
    """All files of a shelf."""
    for group in shelf.groups:
        for values in _sets(group, target):
            for package in group.packages:
                built = _package(package, values, target)
                if built is not None:
                    yield Made(shelf.repo, built.file, "deb", built.name, built.version, built.arch, built.data)
            for run in group.runs:
                yield _run(shelf.repo, run, values)


def _sets(group: Group, target: Target) -> Iterator[dict[str, str]]:
    for one, other in itertools.product(group.each, group.also):
        values = {**target.values(), **one, **other}
        yield {key: render(value, values) for key, value in values.items()}


def _package(spec: PackageSpec, values: Values, target: Target) -> deb.Deb | None:
    if any(name not in target.blobs for name in spec.blobs.values()):
        return None
    fields = {
        "Package": render(spec.name, values),
        "Version": render(spec.version, values),
        "Architecture": render(spec.architecture, values),
        **{
            key: render(", ".join(words), values)
            for key, words in (
                ("Pre-Depends", spec.pre_depends), ("Depends", spec.depends), ("Conflicts", spec.conflicts),
                ("Replaces", spec.replaces), ("Provides", spec.provides),
            )
        },
    }  # fmt: skip
    values = {**values, "PACKAGE": fields["Package"]}
    scripts = {name: render(template(source), values) for name, source in spec.scripts.items()}
    if spec.conffiles:
        scripts["conffiles"] = "".join(render(name, values) + "\n" for name in spec.conffiles)
    return deb.build(fields, render(spec.summary, values), _entries(spec, values, target), scripts)


def _entries(spec: PackageSpec, values: Values, target: Target) -> Iterator[Entry]:
    def place(name: str) -> str:
        return render(name, values).lstrip("/")

    yield from _common(spec, values)
    for name, link in spec.links.items():
        yield Entry(place(name), link=render(link, values))
    for name, source in spec.modules.items():
        text = render(template(source), values)
        yield Entry(place(name), elf.module_object(elf.parse(text.splitlines())))
    for name, blob in spec.blobs.items():
        yield Entry(place(name), target.blobs[blob])
    if spec.python_tree:
        yield from _python(files("causeway.sandbox.standins") / "inhost", place(spec.python_tree))
    if spec.local_repository:
        held = [package for inner in spec.holds if (package := _package(inner, values, target))]
        folder = place(spec.local_repository)
        yield from (Entry(f"{folder}/{package.file}", package.data) for package in held)
        yield Entry(f"{folder}/Packages", deb.packages_index(held).encode())


def _common(spec: PackageSpec | RunSpec, values: Values) -> Iterator[Entry]:
    def place(name: str) -> str:
        return render(name, values).lstrip("/")

    for name, words in spec.commands.items():
        module, *first = words.split()
        inner = {**values, "MODULE": module, "FIRST": "".join(f', "{word}"' for word in first)}
        yield Entry(place(name), render(template("launch"), {"VERSION": "1", **inner}).encode(), 0o755)
    for mode, sources in ((0o644, spec.files), (0o755, spec.executables)):
        for name, source in sources.items():
            yield Entry(place(name), render(template(source), values).encode(), mode)
    for name, text in spec.texts.items():
        yield Entry(place(name), render(text, values).encode())


def _python(folder: Traversable, place: str) -> Iterator[Entry]:
    for entry in folder.iterdir():
        if entry.is_dir() and entry.name != "__pycache__":
            yield from _python(entry, f"{place}/{entry.name}")
        elif entry.name.endswith((".py", ".json")):
            yield Entry(f"{place}/{entry.name}", entry.read_bytes())


def _run(repo: str, spec: RunSpec, values: Values) -> Made:
    file = render(spec.file, values)
    description = {
        "kind": spec.kind,
        "version": values["VERSION"],
        "chip": values.get("CHIP", ""),
        "label": spec.label,
        "title": render(spec.title, values),
    }
    data = runfile.build(template("ascend/header.sh"), description, _common(spec, {**values, "FILE": file}))
    return Made(repo, file, "run", file.partition("_")[0], values["VERSION"], values["MACHINE"], data)


def machine_files(target: Target) -> tuple[str, tuple[Entry, ...]]:
    """The package `causeway-sandbox-machine` as its control paragraph and its files, for whoever makes hosts' disks."""
    for group in shelf("machine").groups:
        for values in _sets(group, target):
            for package in group.packages:
                if package.name == MACHINE and (built := _package(package, values, target)):
                    return built.control, tuple(_entries(package, values, target))
    raise LookupError(f"{MACHINE} is not in data/machine.yaml")
