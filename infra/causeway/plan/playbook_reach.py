"""Which files of the playbooks the plays of one pool really reach: plays, roles, tasks, variables, templates, files.

What the pool's own context decides is decided; what only a run could decide counts as reached. Documents, tests and
texts of argument specifications never count.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from causeway.errors import Location, Permanent
from causeway.plan.playbook_conditions import ANY, addressed, pattern, possible
from causeway.plan.playbook_files import Mapped, PlaybookFiles, meaning
from causeway.plan.playbook_tasks import action, called, lookups, mapping, undocumented

_SECTIONS = ("pre_tasks", "tasks", "post_tasks", "handlers")
_BLOCKS = ("block", "rescue", "always")
_LOOPS = ("loop", "with_items", "with_fileglob")
_ROLE_VALUES = ("defaults", "vars")
_ROLE_PLUGINS = ("library", "module_utils", "action_plugins", "filter_plugins", "lookup_plugins", "test_plugins")
_SHARED_PLUGINS = ("filter", "lookup", "test", "vars")
_MODULE_PLUGINS = ("modules", "action")
_TEMPLATES = frozenset({"template"})
_FILES = frozenset({"copy", "unarchive", "script", "assemble"})
_META = ("dependencies", "allow_duplicates", "collections")
_INCLUDED = re.compile(rb"""\{%[-+]?\s*(?:include|import|extends|from)\s+['"]([^'"]+)['"]""")
_UTILITY = re.compile(r"module_utils\.([A-Za-z_0-9]+)")
_UNNEEDED = frozenset({"name", "hosts"})


@dataclass(slots=True)
class Reach:
    """One walk. `parts` is its result: the meaning of each part of a file that is reached, by the part's name.

    Args:
        files: the playbooks and roles.
        known: variables that are the same for every host of the pool, whatever a run finds.
        groups: the pool's Ansible groups.
    """

    files: PlaybookFiles
    known: Mapping[str, Any]
    groups: tuple[str, ...]
    parts: dict[str, str] = field(default_factory=dict)
    lacking: set[str] = field(default_factory=set)
    """Roles that the declaration names and these playbooks do not have."""
    used: set[str] = field(default_factory=set)
    """Known variables that the reached YAML names: nothing else of the pool's context can have decided anything."""
    asked: list[tuple[Any, bool]] = field(default_factory=list)
    """`hosts` of each play that was met, and whether they can include the pool."""
    group_values: set[Path] = field(default_factory=set)
    """Folders of groups' variables that were looked into."""
    _plays: int = 0
    _importing: list[Path] = field(default_factory=list)

    def playbook(self, path: Path) -> None:
        """Follow a playbook.

        Raises:
            Permanent: a file is named that does not exist, lies elsewhere or cannot be read.
        """
        self.used |= self.files.known_names(path)
        for play in self.files.mappings(path):
            place = _Place(path, play, None)
            imported = action(play, "import_playbook")
            includes = addressed(play.get("hosts"), frozenset(self.groups))
            self.asked.append((play.get("hosts"), includes))
            if not includes or not possible(play.get("when"), self.known):
                continue
            self._plays += 1
            self._enter(path, {k: v for k, v in play.items() if k not in _UNNEEDED}, f"#{self._plays}")
            if imported is None:
                self._play(place, play)
                continue
            for other in self._find(place, [path.parent], str(imported)):
                if other in self._importing:
                    raise Permanent("playbook-imports-itself", f"{imported} imports itself", where=self._at(place))
                self._importing.append(other)
                self.playbook(other)
                self._importing.pop()

    def _play(self, place: _Place, play: Mapped) -> None:
        self.group_values.add(place.file.parent / "group_vars")
        self._values(self.files.of_groups(place.file.parent / "group_vars", self.groups))
        for kind in _SHARED_PLUGINS:
            self._all(self.files.root / "plugins" / kind)
        for entry in play.get("vars_files") or ():
            first_found = isinstance(entry, list)
            for name in entry if first_found else [entry]:
                self._values(self._find(place, [place.file.parent], str(name), optional=first_found))
        for given in play.get("roles") or ():
            entry = given if isinstance(given, Mapping) else {"role": given}
            if possible(entry.get("when"), self.known):
                self._role(place.at(place.file, entry if isinstance(entry, Mapped) else play), entry)
        for section in _SECTIONS:
            self._tasks(place, play.get(section))

    def _role(self, place: _Place, given: Mapping[str, Any]) -> None:
        named = str(given.get("role", given.get("name", "")))
        for name in self._role_names(place, named):
            folder = next((each for each in self._role_folders(place, name) if each.is_dir()), None)
            if folder is not None:
                self._role_parts(place.within(folder), given)
            elif "{" in named:
                self.lacking.add(name)
            elif name.count(".") < 2:  # a role of a collection lies elsewhere, and its name is part of the play
                raise self._missing(place, f"role {name}", "write the role, or correct its name")

    def _role_names(self, place: _Place, named: str) -> Iterable[str]:
        for wanted in place.patterns(named, self.known):
            if ANY in wanted:
                folders = [folder for folder in self.files.roles if folder.is_dir()]
                every = sorted({each.name for folder in folders for each in folder.iterdir() if each.is_dir()})
                yield from (each for each in every if fnmatchcase(each, wanted))
            elif wanted:
                yield wanted

    def _role_folders(self, place: _Place, name: str) -> Iterator[Path]:
        yield from (folder / name for folder in self.files.roles)
        yield (place.role.parent if place.role else place.file.parent / "roles") / name

    def _role_parts(self, place: _Place, given: Mapping[str, Any]) -> None:
        role = place.role
        assert role is not None  # noqa: S101 - `within` gave it
        for path in self.files.of_part(role / "meta", "argument_specs"):
            self._enter(path, undocumented(self.files.parse(path)))
        for path in self.files.of_part(role / "meta", "main"):
            meta = self.files.mapping(path)
            if self._enter(path, {key: meta[key] for key in _META if meta.get(key)}):
                for each in meta.get("dependencies") or ():
                    self._role(place.at(path, each), each if isinstance(each, Mapping) else {"role": each})
        for kind in _ROLE_PLUGINS:
            self._all(role / kind)
        for part in _ROLE_VALUES:
            self._values(self._role_part(place, part, given))
        for part in ("handlers", "tasks"):
            for path in self._role_part(place, part, given):
                self._task_file(place, path)

    def _role_part(self, place: _Place, part: str, given: Mapping[str, Any]) -> list[Path]:
        """Files of a part of a role: those of `<part>_from`, or `main`, which may be missing."""
        role, asked = place.role, given.get(f"{part}_from")
        assert role is not None  # noqa: S101 - as above
        if asked is None:
            return self.files.of_part(role / part, "main")
        found = [
            path
            for wanted in place.patterns(str(asked), self.known)
            for path in self.files.of_part(role / part, wanted)
        ]
        if not found and "{" not in str(asked):
            raise self._missing(place, f"{part} {asked} of the role {role.name}", "correct the name")
        return found

    def _task_file(self, place: _Place, path: Path) -> None:
        tasks = self.files.mappings(path)
        if self._enter(path, tasks):
            self._tasks(place.at(path, None), tasks)

    def _tasks(self, place: _Place, tasks: Any) -> None:
        for task in tasks or ():
            if not isinstance(task, Mapped) or not possible(task.get("when"), self.known):
                continue
            here = place.at(place.file, task)
            for section in _BLOCKS:
                self._tasks(here, task.get(section))
            for key, value in task.items():
                module, given = called(str(key), value)
                self._called(here, module, {**mapping(task.get("args")), **given})
            for kind, name in lookups({key: value for key, value in task.items() if key not in _BLOCKS}):
                self._content(here, f"{kind}s", name, optional=True)

    def _called(self, place: _Place, module: str, given: Mapping[str, Any]) -> None:
        source = given.get("src", given.get("file", given.get("_plain")))
        if module in ("include_tasks", "import_tasks"):
            for path in self._find(place, [place.file.parent, *place.below("tasks"), place.play], str(source)):
                self._task_file(place, path)
        elif module in ("include_role", "import_role"):
            self._role(place, given)
        elif module == "include_vars":
            name = str(given.get("dir", source))
            self._values(self._find(place, [*place.below("vars"), *place.below(""), place.file.parent], name))
        elif module in _TEMPLATES and source is not None:
            self._content(place, "templates", str(source))
        elif module in _FILES and source is not None and str(given.get("remote_src")).lower() not in ("true", "yes"):
            self._content(place, "files", str(source))
        else:
            self._module(module.rpartition(".")[2])

    def _module(self, name: str) -> None:
        for kind in _MODULE_PLUGINS:
            path = self.files.plugin(kind, name)
            if path is not None:
                self._python(path)

    def _python(self, path: Path) -> None:
        """A module with the shared code that it imports, and what that imports."""
        if not self._bytes(path):
            return
        for used in dict.fromkeys(_UTILITY.findall(path.read_text(encoding="utf-8", errors="replace"))):
            beside = self.files.root / "plugins" / "module_utils" / used
            for each in self.files.below(beside) if beside.is_dir() else [beside.with_suffix(".py")]:
                if each.is_file():
                    self._python(each)

    def _content(self, place: _Place, kind: str, name: str, *, optional: bool = False) -> None:
        """A template or file, and the templates that a template includes."""
        folders = [*place.below(kind), *place.below(""), *place.below("tasks"), place.play / kind, place.play]
        for path in self._find(place, folders, name, optional=optional):
            if self._bytes(path) and kind == "templates":
                for included in _INCLUDED.findall(path.read_bytes()):
                    self._content(place, kind, included.decode(errors="replace"))

    def _find(self, place: _Place, folders: list[Path], name: str, *, optional: bool = False) -> list[Path]:
        """Files that a name can mean: in the first folder that has one; all of those below a folder that it names."""
        found: list[Path] = []
        for wanted in place.patterns(name, self.known):
            if not wanted or self._elsewhere(wanted):
                continue
            # where only a run knows the name, it can be any that fits in the folder where such files belong
            looked_in = folders[:1] if ANY in wanted else folders
            matches = next(filter(None, (self.files.matching(folder, wanted) for folder in looked_in)), [])
            if not matches and ANY not in wanted and not optional:
                raise self._missing(place, f"file {wanted}", "write the file, or correct its name")
            found += matches
        return [self._inside(place, path) for path in found]

    def _elsewhere(self, wanted: str) -> bool:
        """Whether a path lies on the machine that runs Ansible, and not in the playbooks."""
        return Path(wanted).is_absolute() and not self.files.holds(Path(wanted))

    def _inside(self, place: _Place, path: Path) -> Path:
        real = path.resolve()
        if not self.files.holds(real):
            hint = "keep it below the folder of the playbooks, or of the role"
            raise self._missing(place, f"file {path.name} within the playbooks", hint)
        return real

    def _missing(self, place: _Place, what: str, hint: str) -> Permanent:
        return Permanent("playbook-file-missing", f"there is no {what}", where=self._at(place), hint=hint)

    def _at(self, place: _Place) -> Location:
        return self.files.at(place.file, place.line)

    def _values(self, paths: Iterable[Path]) -> None:
        for path in paths:
            self._enter(path, self.files.parse(path))

    def _all(self, folder: Path) -> None:
        for path in self.files.below(folder):
            self._bytes(path)

    def _enter(self, path: Path, content: Any, part: str = "") -> bool:
        """Enter what a piece of YAML means; False when it was entered before."""
        name = self.files.name(path) + part
        known = name in self.parts
        if not known:
            self.parts[name] = meaning(content)
            self.used |= self.files.known_names(path)
        return not known

    def _bytes(self, path: Path) -> bool:
        """Enter a file as it is; False when it was entered before."""
        name = self.files.name(path)
        known = name in self.parts
        if not known:
            self.parts[name] = self.files.digest(path)
        return not known


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the walk is: a file, the play or task in it, and the role that it belongs to."""

    file: Path
    entry: Any
    role: Path | None
    top: Path | None = None
    """Folder of the playbook, where `file` is not the playbook itself."""

    @property
    def play(self) -> Path:
        return self.top or self.file.parent

    @property
    def line(self) -> int:
        return self.entry.line if isinstance(self.entry, Mapped) else 0

    def within(self, role: Path) -> _Place:
        return _Place(self.file, self.entry, role, self.play)

    def at(self, file: Path, entry: Any) -> _Place:
        return _Place(file, entry, self.role, self.play)

    def below(self, kind: str) -> list[Path]:
        return [self.role / kind if kind else self.role] if self.role is not None else []

    def patterns(self, name: str, known: Mapping[str, Any]) -> list[str]:
        """What a name can come to: for each entry of a loop that is written out, and once without one."""
        folders = {"playbook_dir": str(self.play), "role_path": str(self.role or "")}
        task = self.entry if isinstance(self.entry, Mapping) else {}
        variable = str(mapping(task.get("loop_control")).get("loop_var", "item"))
        entries = next((task[key] for key in _LOOPS if isinstance(task.get(key), list)), None)
        if entries is None or variable not in name:
            return [pattern(name, {**known, **folders})]
        made = [pattern(name, {**known, **folders, variable: _filled(entry, known)}) for entry in entries]
        return list(dict.fromkeys(made))


def _filled(entry: Any, known: Mapping[str, Any]) -> Any:
    if isinstance(entry, Mapping):
        return {key: _filled(value, known) for key, value in entry.items()}
    return pattern(entry, known) if isinstance(entry, str) else entry
