"""Loads a declaration: files, YAML, version, models, hosts, references. All errors come at once, with their places."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from causeway.fleet.checks import check_entries
from causeway.fleet.checks.context import Checked
from causeway.fleet.document import Fleet
from causeway.fleet.entries import without
from causeway.fleet.files import MAIN, Folder, decode, find_root, is_present
from causeway.fleet.host_table import build_hosts
from causeway.fleet.hosts import HostTable
from causeway.fleet.merge import merge
from causeway.fleet.migrations import migrate
from causeway.fleet.places import Branch, Marks
from causeway.fleet.places import Path as DeclarationPath
from causeway.fleet.problems import Collector
from causeway.fleet.words import explain
from causeway.fleet.yaml_tree import read_tree


@dataclass(frozen=True, slots=True)
class LoadedFleet:
    """A declaration that was loaded without an error.

    Args:
        fleet: the models.
        root: the declaration's folder.
        digest: SHA-256 over names and bytes of every file that was read.
        marks: where each part is written.
        hosts: every host.
    """

    fleet: Fleet
    root: Path
    digest: str
    marks: Marks = field(repr=False)
    hosts: HostTable = field(repr=False)


def load_fleet(path: Path, shown: str | None = None) -> LoadedFleet:
    """Load and check the declaration in a folder.

    Args:
        path: the folder, or its `fleet.yaml`.
        shown: the folder as errors name it; default the path as given, or from its repository's top when absolute.

    Raises:
        Permanent: when the folder holds no declaration.
        Problems: with everything that is wrong with it.
    """
    root = find_root(Path(path))
    problems = Collector()
    return _Loader(root, Folder(root, shown or _shown(root), problems), problems).load()


def _shown(root: Path) -> str:
    if root.is_absolute():
        repository = next((each for each in root.parents if is_present(each / ".git")), None)
        if repository is not None:
            return root.relative_to(repository).as_posix()
    return root.as_posix()


@dataclass(slots=True)
class _Loader:
    root: Path
    folder: Folder
    problems: Collector
    files: list[tuple[str, bytes]] = field(default_factory=list)

    def load(self) -> LoadedFleet:
        marks, document = self._read()
        fleet, left_out = self._validate(document, marks)
        if fleet is None:
            self._raise()
            raise AssertionError("a fleet that is missing has its error")
        hosts, incomplete = build_hosts(fleet, marks, self.problems, lambda file, path: self._csv(file, path, marks))
        checked = Checked(fleet, document, left_out, marks, hosts, incomplete, self.problems)
        check_entries(checked)
        self._raise()
        return LoadedFleet(fleet, self.root, _digest(self.files, len(self.folder.shown) + 1), marks, hosts)

    def _raise(self) -> None:
        self.problems.raise_any(name for name, _ in self.files)

    def _read(self) -> tuple[Marks, dict[str, Any]]:
        """The merged files in the newest version's shape. Whatever keeps that from being made is raised here."""
        sources, contents = self.folder.sources()
        self.files = [(source.name, content) for source, content in zip(sources, contents, strict=True)]
        lacking = self.problems.count > 0
        marks = Marks(tuple(sources), Branch(0, {}))
        trees = [read_tree(source.text, at, marks, self.problems) for at, source in enumerate(sources)]
        read = [tree for tree in trees if tree is not None]
        lacking = lacking or len(read) < len(trees)
        if lacking and not (sources and trees[0] and sources[0].name == self.folder.name(self.root / MAIN)):
            self._raise()  # nothing is known of the version
        merged = merge(read, marks, self.problems)
        if not isinstance(merged.mark, Branch) or not merged.value:
            self._raise()
            raise AssertionError("an empty declaration has its error")
        marks = Marks(tuple(sources), merged.mark)
        document = migrate(merged.value, marks, self.problems)
        if document is None:
            self._raise()
            raise AssertionError("a version that cannot be read has its error")
        if lacking:  # the shape of the other files can be told, what they refer to cannot
            self._validate(document, marks)
            self._raise()
        return marks, document

    def _validate(self, document: Mapping[str, Any], marks: Marks) -> tuple[Fleet | None, frozenset[DeclarationPath]]:
        try:
            return Fleet.model_validate(document), frozenset()
        except ValidationError as error:
            paths = explain(error, document, marks, self.problems)
            return without(document, paths) if paths is not None else (None, frozenset())

    def _csv(self, file: str, path: DeclarationPath, marks: Marks) -> tuple[str, str] | None:
        """Name and text of the file that `hosts_from` names."""
        wanted = Path(file)
        if wanted.is_absolute() or ".." in wanted.parts or not file.strip() or "\0" in file or len(file) > 200:
            reason = f"found {file[:80]!r}: the file lies in the declaration's folder"
            self.problems.add(
                marks.problem(
                    "bad-hosts-file", path, reason, "write its path from that folder, such as hosts/ascend.csv"
                )
            )
            return None
        if not is_present(self.root / wanted):
            there = sorted(each.name for each in (self.root / wanted).parent.glob("*.csv"))
            hint = (
                f"CSV files there: {', '.join(there[:12])}"
                if there
                else "put it there; its first line is name,address,rack,serial"
            )
            self.problems.add(
                marks.problem("bad-hosts-file", path, f"there is no file {file} in the declaration's folder", hint)
            )
            return None
        content = self.folder.read(self.root / wanted)
        if content is None:
            return None
        name = self.folder.name(self.root / wanted)
        self.files.append((name, content))
        text = decode(content.removeprefix(b"\xef\xbb\xbf"), name, self.problems)  # spreadsheets write the mark
        return None if text is None else (name, text)


def _digest(files: Iterable[tuple[str, bytes]], prefix: int) -> str:
    """SHA-256 over the files' names without the folder's (`prefix` characters), lengths and bytes."""
    digest = hashlib.sha256()
    for name, content in sorted(files):
        digest.update(f"{name[prefix:]}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()
