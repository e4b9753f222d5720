"""Which files are a declaration, and reading them within bounds: the only place where this layer touches a disk."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from causeway.errors import Location, Permanent
from causeway.fleet.places import Source
from causeway.fleet.problems import Collector, listed, nearest

MAX_BYTES = 16 * 1024 * 1024
"""Size of all YAML files of a declaration together, and of each CSV file."""
MAIN = "fleet.yaml"
FOLDERS = ("sites", "clusters", "workloads", "catalog")
_MAX_FILES = 1_000
_SHOWN = 4_000  # bytes or characters of a line that an error may show
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(slots=True)
class Folder:
    """The folder of a declaration, and how its files are named to a user.

    Args:
        root: the folder.
        shown: its path as a user would write it.
        problems: receives what is wrong with its files.
    """

    root: Path
    shown: str
    problems: Collector
    _left: int = field(default=MAX_BYTES)

    def name(self, path: Path) -> str:
        """A file of the folder as a user would write it."""
        return f"{self.shown}/{path.relative_to(self.root).as_posix()}"

    def sources(self) -> tuple[list[Source], list[bytes]]:
        """The YAML files, `fleet.yaml` first, and their bytes; those that cannot be read are left out."""
        sources, contents = [], []
        for path in self._paths():
            content = self.read(path, self._left)
            if content is None:
                continue
            self._left -= len(content)
            text = self._text(path, content)
            if text is not None:
                sources.append(Source(self.name(path), text))
                contents.append(content)
        return sources, contents

    def read(self, path: Path, limit: int = MAX_BYTES) -> bytes | None:
        """The content of a file in the folder, None when it is not a readable file of at most `limit` bytes."""
        try:
            if not path.resolve(strict=True).is_relative_to(self.root.resolve()):
                self._wrong(
                    path,
                    "outside-folder",
                    "this is a link to a place outside the declaration's folder",
                    "copy the file into the folder",
                )
                return None
            with open(path, "rb", opener=_without_waiting) as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    self._wrong(path, "not-a-file", "this is not a regular file", "put a text file here")
                    return None
                content = file.read(limit + 1)
        except (OSError, RuntimeError) as error:  # pathlib tells links in a circle by a RuntimeError
            reason = error.strerror if isinstance(error, OSError) else "its links lead in a circle"
            hint = "mend the link" if stat.S_ISLNK(_mode(path.lstat) or 0) else "look at the path and its permissions"
            self._wrong(path, "unreadable-file", f"this file cannot be read: {reason}", hint)
            return None
        if len(content) > limit:
            self._wrong(
                path,
                "too-large",
                f"with this file the declaration is larger than {MAX_BYTES >> 20} MB",
                "use ranges for hosts, and keep everything else out of the declaration",
            )
            return None
        return content

    def _paths(self) -> Iterator[Path]:
        yield self.root / MAIN
        for folder in FOLDERS:
            directory = self.root / folder
            if not is_present(directory):
                continue
            try:
                names = sorted(entry.name for entry in os.scandir(directory) if not entry.name.startswith("."))
            except OSError as error:
                self._wrong(
                    directory,
                    "unreadable-file",
                    f"this folder cannot be read: {error.strerror}",
                    "look at its permissions",
                )
                continue
            for name in names[:_MAX_FILES]:
                if name.endswith(".yaml"):
                    yield directory / name
                elif name.endswith((".yml", ".json")):
                    self._wrong(
                        directory / name,
                        "wrong-ending",
                        "this file would not be read: files of a declaration end in .yaml",
                        f"rename it to {name.rsplit('.', 1)[0]}.yaml, or move it elsewhere",
                    )
            if len(names) > _MAX_FILES:
                self._wrong(
                    directory,
                    "too-many-files",
                    f"this folder holds more than {_MAX_FILES} files",
                    "put several entries into one file",
                )

    def _text(self, path: Path, content: bytes) -> str | None:
        return decode(content, self.name(path), self.problems)

    def _wrong(self, path: Path, code: str, reason: str, hint: str) -> None:
        self.problems.add(Permanent(code, reason, where=Location(self.name(path)), hint=hint))


def decode(content: bytes, name: str, problems: Collector) -> str | None:
    """A file's bytes as text, None when they are not plain UTF-8 text.

    Args:
        content: the bytes.
        name: the file as a user would write it.
        problems: receives what is wrong.
    """
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        _not_text(name, Location(name, 1, 1), "this file is UTF-16", problems)
        return None
    if content.startswith(b"\xef\xbb\xbf"):
        reason = "the file begins with a byte order mark"
        problems.add(
            Permanent("byte-order-mark", reason, where=Location(name, 1, 1), hint="save it as UTF-8 without one")
        )
        return None
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line, column = before.count(b"\n"), len(before[before.rfind(b"\n") + 1 :].decode())
        shown = content[before.rfind(b"\n") + 1 :][:_SHOWN].splitlines()[0].decode(errors="replace")
        reason = f"the byte 0x{content[error.start]:02x} is not UTF-8 text"
        _not_text(name, Location(name, line + 1, column + 1), reason, problems, Source(name, shown))
        return None
    found = _FORBIDDEN.search(text)
    if found:
        before_char = text[: found.start()]
        start = before_char.rfind("\n") + 1
        where = Location(name, before_char.count("\n") + 1, found.start() - start + 1)
        reason = f"the control character U+{ord(found[0]):04X} is not text"
        _not_text(name, where, reason, problems, Source(name, text[start : start + _SHOWN]))
        return None
    return text


def _not_text(name: str, where: Location, reason: str, problems: Collector, line: Source | None = None) -> None:
    at = where.column - 1
    excerpt = line.excerpt(at, where.line - 1, at) if line is not None and at < len(line.text) else ""
    hint = f"save {name.rsplit('/', 1)[-1]} as plain UTF-8 text"
    problems.add(Permanent("not-text", reason, where=where, hint=hint, excerpt=excerpt))


def find_root(path: Path) -> Path:
    """The folder of a declaration.

    Args:
        path: the folder, or its `fleet.yaml`.

    Raises:
        Permanent: when there is none; the hint names folders nearby that are one.
    """
    root = path.parent if path.name == MAIN and is_present(path) else path
    if is_present(root / MAIN):
        return root
    if _is_folder(root):
        other = next((name for name in ("fleet.yml", "fleet.json") if is_present(root / name)), None)
        hint = f"rename {other} to {MAIN}" if other else _hint(root)
        raise Permanent("no-declaration", f"this folder holds no {MAIN}", where=Location(str(path)), hint=hint)
    reason = "this is a file; name the folder of a declaration" if is_present(path) else "there is no such folder"
    raise Permanent("no-declaration", reason, where=Location(str(path)), hint=_hint(root))


def is_present(path: Path) -> bool:
    """Whether something lies at a path that this user may look at, be it a link to nothing."""
    return _mode(path.lstat) is not None


def _mode(look: Callable[[], os.stat_result]) -> int | None:
    """What kind of file there is, None where nothing can be seen; pathlib's own questions raise at closed folders."""
    try:
        return look().st_mode
    except (OSError, ValueError):
        return None


def _is_folder(path: Path) -> bool:
    return stat.S_ISDIR(_mode(path.stat) or 0)


def _hint(root: Path) -> str:
    """Folders beside or below that hold a declaration, the nearest name first."""
    near: dict[str, str] = {}
    for folder in (root, root.parent, Path("inventory")):
        try:
            found = {each.name: str(each) for each in sorted(folder.iterdir())[:200] if is_present(each / MAIN)}
        except (OSError, ValueError):
            continue
        near = found | near
    if not near:
        return f"name a folder with a {MAIN}: --fleet DIR"
    meant = nearest(root.name, near)
    there = f"declarations near here: {listed(near.values())}"
    return f"did you mean {near[meant]}? {there}" if meant else there


def _without_waiting(path: str, flags: int) -> int:
    """Open without waiting for a writer, should the file be a pipe."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)
