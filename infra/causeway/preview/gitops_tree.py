"""Keeps a folder as a rendered tree says: writes what differs, removes what it wrote before and nothing else.

`.causeway-render` in the folder lists what was written, with digests. It is written before the files, with old and
new ones, and after them, with those that are left: however a run ends, the next one knows every file that is ours.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from causeway.errors import CausewayError, Permanent, Problems, Retryable

LIST = ".causeway-render"
"""JSON, without an ending by which kubectl or a controller would take it for an object."""
_SCHEMA = "causeway/render-files/v1"
_ASIDE = ".causeway-render.new"


@dataclass(frozen=True, slots=True)
class Difference:
    """What a folder lacks to be the tree; paths with slashes, sorted.

    Args:
        removed: files that were written before and are no longer part of it.
    """

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: int

    @property
    def stale(self) -> bool:
        """Whether there is any."""
        return bool(self.added or self.changed or self.removed)


def compare(folder: Path, files: Mapping[str, str], clusters: Collection[str] | None) -> Difference:
    """How a folder differs from the tree. Reads only.

    Args:
        clusters: those that were rendered, so that files of others are left alone; None for all there are.

    Raises:
        Permanent: the list of files cannot be read, or is of a newer Causeway.
    """
    listed = _listed(folder)
    added, changed, same = [], [], 0
    for path, text in files.items():
        there = _content(folder / path)
        if there is None:
            added.append(path)
        elif there == text.encode():
            same += 1
        else:
            changed.append(path)
    gone = (path for path in listed if path not in files and _concerned(path, clusters))
    removed = [path for path in gone if _content(folder / path) is not None]
    return Difference(tuple(sorted(added)), tuple(sorted(changed)), tuple(sorted(removed)), same)


def write(folder: Path, files: Mapping[str, str], clusters: Collection[str] | None) -> Difference:
    """Make a folder the tree; returns what that took.

    Raises:
        Problems: files of somebody else lie where the tree's go, or a link leads out of the folder.
        Permanent: the folder cannot be written.
        Retryable: another run is writing it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            return _written(folder, files, clusters)
    except OSError as error:
        where = str(error.filename or folder)
        hint = "name a folder that you may write, with room left"
        raise Permanent("cannot-write", f"cannot write: {error.strerror}", where=where, hint=hint) from error


def _written(folder: Path, files: Mapping[str, str], clusters: Collection[str] | None) -> Difference:
    listed = _listed(folder)
    _refuse_foreign(folder, files, listed)
    difference = compare(folder, files, clusters)
    stays = {path: digest for path, digest in listed.items() if not _concerned(path, clusters)}
    wanted = dict(sorted((stays | {path: _digest(text) for path, text in files.items()}).items()))
    aside = folder / _ASIDE
    if difference.stale or wanted != listed:
        _put(folder / LIST, _document(dict(sorted((listed | wanted).items()))), aside)
        for path in (*difference.added, *difference.changed):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            _put(folder / path, files[path], aside)
        for path in difference.removed:
            (folder / path).unlink(missing_ok=True)
            _remove_empty(folder, PurePosixPath(path).parent)
        _put(folder / LIST, _document(wanted), aside)
    aside.unlink(missing_ok=True)
    return difference


def _refuse_foreign(folder: Path, files: Mapping[str, str], listed: Collection[str]) -> None:
    """Nothing is written through a link, and no file is overwritten that was not written by us."""
    errors: list[CausewayError] = []
    seen: set[PurePosixPath] = set()
    for path in files.keys() | listed:
        for above in PurePosixPath(path).parents:
            if above not in seen and (folder / above).is_symlink() and above != PurePosixPath("."):
                hint = "remove the link, or name another folder"
                where = str(folder / above)
                errors.append(Permanent("link-in-tree", "a link may lead out of the folder", where=where, hint=hint))
            seen.add(above)
    for path, text in files.items():
        there = _content(folder / path)
        if path not in listed and there is not None and there != text.encode():
            reason = "a file that causeway render did not write lies where one of its own goes"
            hint = "move it away, or name another folder"
            errors.append(Permanent("not-ours", reason, where=str(folder / path), hint=hint))
    if errors:
        raise Problems(tuple(sorted(errors, key=lambda each: each.where or "")))


def _concerned(path: str, clusters: Collection[str] | None) -> bool:
    """Whether a path belongs to one of the clusters: `clusters/NAME/...`, `argocd/NAME.yaml`, `flux/NAME/...`."""
    return clusters is None or PurePosixPath(path).parts[1].removesuffix(".yaml") in clusters


def _listed(folder: Path) -> dict[str, str]:
    file = folder / LIST
    try:
        document = json.loads(file.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        hint = f"remove {LIST}; what lies in the folder is then no longer known as ours"
        raise Permanent("bad-list", f"cannot be read: {error}", where=str(file), hint=hint) from error
    if not isinstance(document, dict) or document.get("schema") != _SCHEMA:
        hint = "use the Causeway that wrote it, or a newer one"
        raise Permanent("bad-list", f"is no list of the shape {_SCHEMA}", where=str(file), hint=hint)
    listed: dict[str, str] = document["files"]
    for path in listed:
        parts = PurePosixPath(path).parts
        if PurePosixPath(path).is_absolute() or ".." in parts or len(parts) < 2:
            raise Permanent("bad-list", f"names {path}, which is no place of a tree", where=str(file))
    return listed


def _document(files: Mapping[str, str]) -> str:
    return json.dumps({"schema": _SCHEMA, "files": files}, indent=1) + "\n"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _content(file: Path) -> bytes | None:
    """A file's bytes; None where there is no plain file."""
    if file.is_symlink():
        return b""
    with suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return file.read_bytes()
    return None


def _put(file: Path, text: str, aside: Path) -> None:
    """Write a file so that a reader sees the old one or the new one."""
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    with os.fdopen(descriptor, "wb") as sink:
        sink.write(text.encode())
    aside.replace(file)


def _remove_empty(folder: Path, path: PurePosixPath) -> None:
    """Remove folders that a removed file left empty, below the top."""
    for above in (path, *path.parents):
        if above == PurePosixPath("."):
            return
        try:
            (folder / above).rmdir()
        except OSError:
            return


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder; the system lets go of it when this process dies, however it dies."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            hint = "wait for it, then run the same command again"
            raise Retryable("busy", "another causeway render writes it", where=str(folder), hint=hint) from None
        yield
    finally:
        os.close(descriptor)
