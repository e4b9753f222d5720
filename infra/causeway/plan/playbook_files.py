"""Reads the files of playbooks and roles, each once: YAML by its meaning and with its lines, the rest by bytes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from causeway.assets import Playbooks
from causeway.errors import Location, Permanent
from causeway.plan.fingerprint import canonical
from causeway.plan.playbook_conditions import ANY

_CONTEXT = re.compile(r"causeway__\w+")


class Mapped(dict[Any, Any]):
    """A mapping of a YAML file that knows its line, from 1."""

    line: int = 0


class _Loader(yaml.CSafeLoader):
    """YAML as Ansible writes it: its own tags (`!vault`, `!unsafe`) are kept as part of the value."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> Iterator[Mapped]:
    found = Mapped()
    found.line = node.start_mark.line + 1
    yield found
    found.update(loader.construct_mapping(node))


def _tagged(loader: _Loader, tag: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        return {"!": tag, "value": loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {"!": tag, "value": loader.construct_sequence(node, deep=True)}
    if isinstance(node, yaml.MappingNode):
        return {"!": tag, "value": loader.construct_mapping(node, deep=True)}
    return {"!": tag}


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
_Loader.add_multi_constructor("!", _tagged)


@lru_cache(maxsize=4096)
def _meant(text: str) -> Any:
    """What a YAML text means; equal texts, of roles that are alike and of later walks, are read once."""
    return yaml.load(text, _Loader)  # noqa: S506 - a safe loader


class PlaybookFiles:
    """The files of Causeway's playbooks, and of a fleet's own roles.

    Args:
        playbooks: where they are.

    Attributes:
        root: the folder that holds `site.yml` and `plugins/`.
        roles: the folders of roles, in the order in which Ansible looks.
    """

    def __init__(self, playbooks: Playbooks) -> None:
        self.root = playbooks.root.resolve()
        self.roles = tuple(folder.resolve() for folder in playbooks.roles)
        self._parsed: dict[Path, Any] = {}
        self._known_names: dict[Path, frozenset[str]] = {}
        self._digests: dict[Path, str] = {}
        self._below: dict[Path, list[Path]] = {}
        self._parts: dict[tuple[Path, str], list[Path]] = {}
        self._plugins: dict[tuple[str, str], Path | None] = {}

    def name(self, path: Path) -> str:
        """A file's name below the folder, with slashes; that of an own role is as if it lay among Causeway's."""
        own = self._own_roles(path)
        return f"roles/{path.relative_to(own).as_posix()}" if own else path.relative_to(self.root).as_posix()

    def holds(self, path: Path) -> bool:
        """Whether a file lies in one of the folders, without looking at it."""
        return path.is_relative_to(self.root) or self._own_roles(path) is not None

    def at(self, path: Path, line: int = 0) -> Location:
        """A place as errors show it."""
        name = self.name(path)
        return Location(name if self._own_roles(path) else f"{self.root.name}/{name}", line)

    def _own_roles(self, path: Path) -> Path | None:
        """The fleet's folder of roles that a file lies in; None for a file of Causeway's."""
        own = (folder for folder in self.roles if not folder.is_relative_to(self.root))
        return next((folder for folder in own if path.is_relative_to(folder)), None)

    def parse(self, path: Path) -> Any:
        """What a YAML file means; None when it is empty.

        Raises:
            Permanent: it cannot be read, or is not YAML.
        """
        if path not in self._parsed:
            try:
                text = path.read_text(encoding="utf-8")
                self._known_names[path] = frozenset(_CONTEXT.findall(text))
                self._parsed[path] = _meant(text)
            except (OSError, UnicodeDecodeError, yaml.YAMLError, ValueError) as error:
                mark = getattr(error, "problem_mark", None)
                where = self.at(path, mark.line + 1 if mark else 0)
                reason = f"cannot be read as YAML: {getattr(error, 'problem', None) or error}"
                raise Permanent("playbook-unreadable", reason, where=where, hint="mend the file") from error
        return self._parsed[path]

    def known_names(self, path: Path) -> frozenset[str]:
        """Variables of the context that a YAML file names anywhere."""
        self.parse(path)
        return self._known_names[path]

    def mappings(self, path: Path) -> list[Mapped]:
        """The entries of a list of plays or tasks.

        Raises:
            Permanent: the file is not such a list.
        """
        found = self.parse(path)
        if found is None:
            return []
        if not isinstance(found, list) or not all(isinstance(item, Mapped) for item in found):
            reason = "a list of mappings is expected here: plays or tasks"
            raise Permanent("playbook-shape", reason, where=self.at(path), hint="begin each entry with `- name:`")
        return found

    def mapping(self, path: Path) -> Mapping[str, Any]:
        """The content of a file of variables or settings; empty when the file is."""
        found = self.parse(path)
        return found if isinstance(found, Mapped) else {}

    def below(self, folder: Path) -> list[Path]:
        """Every file below a folder, sorted; none of Python's caches."""
        if folder not in self._below:
            every = folder.rglob("*") if folder.is_dir() else ()
            self._below[folder] = sorted(path for path in every if path.is_file() and "__pycache__" not in path.parts)
        return self._below[folder]

    def matching(self, folder: Path, wanted: str) -> list[Path]:
        """The file that a name means, or all below the folder that it means; with `ANY` in it, all that fit."""
        if ANY not in wanted:
            exact = folder / wanted
            return [exact] if exact.is_file() else self.below(exact)
        relative = wanted.removeprefix(f"{folder}/")
        return [path for path in self.below(folder) if fnmatchcase(path.relative_to(folder).as_posix(), relative)]

    def of_part(self, folder: Path, name: str) -> list[Path]:
        """The files that Ansible takes for a part's name: with an ending, without one, or all below a folder."""
        if (folder, name) not in self._parts:
            self._parts[folder, name] = self._of_part(folder, name)
        return self._parts[folder, name]

    def _of_part(self, folder: Path, name: str) -> list[Path]:
        if ANY in name:
            return self.matching(folder, f"{name.removesuffix('.yml').removesuffix('.yaml')}*")
        exact = [path for path in (folder / f"{name}.yml", folder / f"{name}.yaml", folder / name) if path.is_file()]
        return exact[:1] or [path for path in self.below(folder / name) if path.suffix in (".yml", ".yaml")]

    def of_groups(self, folder: Path, groups: Iterable[str]) -> list[Path]:
        """Files of variables that Ansible takes from a folder `group_vars` for hosts of some groups."""
        return [path for group in ("all", *groups) for path in self.of_part(folder, group)]

    def plugin(self, kind: str, name: str) -> Path | None:
        """The file of a plugin of these playbooks, None when it comes from elsewhere."""
        if (kind, name) not in self._plugins:
            path = self.root / "plugins" / kind / f"{name}.py"
            self._plugins[kind, name] = path if path.is_file() else None
        return self._plugins[kind, name]

    def digest(self, path: Path) -> str:
        """SHA-256 of a file's bytes."""
        if path not in self._digests:
            self._digests[path] = hashlib.sha256(path.read_bytes()).hexdigest()
        return self._digests[path]


def meaning(value: Any) -> str:
    """SHA-256 of what a piece of YAML means, whatever its comments, formatting and order of keys."""
    return hashlib.sha256(canonical(_comparable(value)).encode()).hexdigest()


def _comparable(value: Any) -> Any:
    """The value with keys as texts: YAML reads an unquoted `on:` as true, which sorts with no text."""
    if isinstance(value, Mapping):
        return {
            key if isinstance(key, str) else f"{type(key).__name__} {key}": _comparable(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple | set):
        return [_comparable(item) for item in (sorted(value, key=str) if isinstance(value, set) else value)]
    return value.hex() if isinstance(value, bytes) else value
