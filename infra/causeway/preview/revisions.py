"""A folder as a git revision has it, in a private place: no checkout, no hook, nothing of the work tree is touched.

What a revision holds is somebody else's: a pull request of a stranger is read with this. Only blobs are read, links
stay links (loading a declaration refuses those that lead out of its folder), and no path leads out of the place.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from causeway.errors import Permanent
from causeway.fleet.problems import listed, nearest

MOST_BYTES = 256 * 1024 * 1024
"""Of a folder at a revision."""
_LINK = "120000"
_FILES = ("100644", "100755")
_NEVER = frozenset({"", ".", "..", ".git"})


@dataclass(frozen=True, slots=True)
class Revision:
    """A commit, and the folder that is looked at in it."""

    name: str
    """As the user named it."""
    commit: str
    repository: Path
    """A folder in which git finds the repository."""
    path: str
    """The folder from the repository's top; empty for the top itself."""

    @property
    def shown(self) -> str:
        """The folder as errors name it: `REV:path`."""
        return f"{self.name}:{self.path or '.'}"


@dataclass(frozen=True, slots=True)
class _Entry:
    mode: str
    blob: str
    size: int
    path: str
    """From the folder."""


def find(name: str, folder: Path) -> Revision:
    """The commit that a name stands for, in the repository of a folder that need not exist now.

    Raises:
        Permanent: there is no git, no repository, or no such revision.
    """
    near = _existing(folder)
    beyond = Path(os.path.abspath(folder)).relative_to(near)  # noqa: PTH100 - links stay as the user wrote them
    prefix = _git(near, "rev-parse", "--show-prefix")
    if prefix is None:
        raise Permanent(
            "no-repository",
            f"{name!r} is no folder, and {near} is in no git repository that could have such a revision",
            hint="name two folders, or run this inside the repository that holds the declaration",
        )
    # a name that begins with a hyphen would be an option to git
    commit = None if name.startswith("-") or "\0" in name else _git(near, "rev-parse", "--verify", f"{name}^{{commit}}")
    if commit is None:
        raise _unknown(name, near)
    path = "/".join(part for part in (prefix.decode().strip("\n/"), beyond.as_posix()) if part not in ("", "."))
    return Revision(name, commit.decode().strip(), near, path)


@contextmanager
def folder_at(revision: Revision) -> Iterator[Path | None]:
    """The folder as it is at a revision; None when it is not there. It is gone when the context ends.

    Raises:
        Permanent: the folder is too large, or git cannot read it.
    """
    entries = _entries(revision)
    if not entries:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="causeway-") as place:
        _write(revision, entries, Path(place))
        yield Path(place)


def _existing(folder: Path) -> Path:
    """The folder, or the nearest above it that exists."""
    absolute = Path(os.path.abspath(folder))  # noqa: PTH100 - links stay as the user wrote them
    return next(each for each in (absolute, *absolute.parents) if each.is_dir())


def _git(where: Path, *arguments: str, stdin: bytes | None = None) -> bytes | None:
    """What git prints; None when it refuses."""
    program = shutil.which("git")
    if program is None:
        raise Permanent("git-missing", "a revision is read with git, which is not installed", hint="install git")
    quiet = {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1"}
    done = subprocess.run(
        [program, "-C", str(where), *arguments],
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        env={**os.environ, **quiet},
        check=False,
    )
    return done.stdout if done.returncode == 0 else None


def _unknown(name: str, repository: Path) -> Permanent:
    found = _git(repository, "for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/tags", "refs/remotes")
    names = found.decode(errors="replace").split() if found else []
    meant = nearest(name, names)
    there = f"branches and tags: {listed(names)}" if names else "the repository has no branch and no tag"
    return Permanent(
        "unknown-revision",
        "there is no such folder, and the repository knows no such commit, branch or tag",
        subject=name,
        where=str(repository),
        hint=f"did you mean {meant}? {there}" if meant else there,
    )


def _entries(revision: Revision) -> tuple[_Entry, ...]:
    tree = f"{revision.commit}:{revision.path}"
    # a path that is missing, or is a file or a link, is no tree
    listing = _git(revision.repository, "ls-tree", "-r", "-l", "-z", "--full-tree", tree)
    found = []
    for line in (listing or b"").split(b"\0"):
        if not line:
            continue
        facts, _, path = line.partition(b"\t")
        mode, kind, blob, size = facts.decode().split()
        if kind == "blob" and not _NEVER.intersection(os.fsdecode(path).split("/")):
            found.append(_Entry(mode, blob, int(size), os.fsdecode(path)))
    if sum(entry.size for entry in found) > MOST_BYTES:
        raise Permanent(
            "too-large",
            f"the folder holds more than {MOST_BYTES >> 20} MB at this revision",
            where=revision.shown,
            hint="keep in the declaration's folder only what belongs to it",
        )
    return tuple(found)


def _write(revision: Revision, entries: tuple[_Entry, ...], place: Path) -> None:
    wanted = "".join(f"{entry.blob}\n" for entry in entries).encode()
    stream = _git(revision.repository, "cat-file", "--batch", stdin=wanted)
    start = 0
    for entry in entries:
        head = (stream or b"").find(b"\n", start) + 1
        content = (stream or b"")[head : head + entry.size]
        if not head or len(content) != entry.size:
            raise Permanent(
                "unreadable-revision",
                f"git cannot read {entry.path}",
                where=revision.shown,
                hint="look for missing objects with `git fsck`; a shallow or partial clone may lack them",
            )
        start = head + entry.size + 1
        target = place / entry.path
        target.parent.mkdir(parents=True, exist_ok=True)
        if entry.mode == _LINK:
            target.symlink_to(os.fsdecode(content))
        elif entry.mode in _FILES:
            target.write_bytes(content)
