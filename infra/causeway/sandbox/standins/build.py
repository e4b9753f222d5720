"""Builds the stand-ins into a folder, through a cache whose key is the digest of everything that makes them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from .recipe import Made, Target, machine_files, make
from .spec import shelves

MANIFEST = "standins.json"
HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Artifact:
    """A finished package file.

    `repo` names the repository of the mirror that serves it (`debian`, `nvidia`, `ascend`, `cambricon`), `kind` is
    `deb` or `run`, `arch` is as the package names it (`amd64`, `all`, `x86_64`).
    """

    path: Path
    repo: str
    kind: str
    name: str
    version: str
    arch: str
    sha256: str


def build(
    out: Path, kernel: str, *, machine: str = "", cache: Path | None = None, blobs: Mapping[str, bytes] | None = None
) -> list[Artifact]:
    """Put every stand-in package below `out`, one folder per repository. A second call does nothing.

    Args:
        out: the folder to fill; files of an older build are removed.
        kernel: the hosts' kernel, as `uname -r` says it.
        machine: the hosts' machine as `uname -m` says it; this one's by default.
        cache: where builds are kept for the next sandbox, shared by all; safe for two builds at once.
        blobs: files known only now, by name: `vendor_key` (the repository's public key) adds `cuda-keyring`.
    """
    target = Target(kernel, machine or os.uname().machine, dict(blobs or {}))
    digest = recipe_digest(target)
    if (done := _read(out, digest)) is not None:
        return done
    if cache is None:
        _replace(out, digest, target)
    else:
        shelf = cache / "standins" / digest
        if _read(shelf, digest) is None:
            _replace(shelf, digest, target)
        _link(shelf, out)
    return _read(out, digest) or []


def unpack_machine(root: Path, kernel: str) -> str:
    """Put the files of `causeway-sandbox-machine` below `root`, where a host's disk is made.

    Returns the package's control paragraph, for dpkg's status file.
    """
    control, entries = machine_files(Target(kernel, os.uname().machine))
    for entry in entries:
        path = root / entry.name
        path.parent.mkdir(parents=True, exist_ok=True)
        if entry.link:
            path.symlink_to(entry.link)
        else:
            path.write_bytes(entry.content)
            path.chmod(entry.mode)
    return control


def recipe_digest(target: Target) -> str:
    """A digest of this package's files and of what the build is for."""
    digest = hashlib.sha256(repr((target.kernel, target.machine, sorted(target.blobs.items()))).encode())
    for path in sorted(path for path in HERE.rglob("*") if path.is_file() and path.suffix != ".pyc"):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(HERE)}:{len(content)}\n".encode() + content)
    return digest.hexdigest()[:32]


def _read(folder: Path, digest: str) -> list[Artifact] | None:
    """The artifacts of a finished build, None where the folder holds no such build."""
    try:
        raw = json.loads((folder / MANIFEST).read_text())
    except (OSError, ValueError):
        return None
    if raw.get("digest") != digest:
        return None
    artifacts = [Artifact(**{**each, "path": folder / each["path"]}) for each in raw["artifacts"]]
    return artifacts if all(artifact.path.is_file() for artifact in artifacts) else None


def _replace(folder: Path, digest: str, target: Target) -> None:
    """Build beside the folder and move it into place; where another build was faster, its result stays."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        _write(aside, digest, [made for shelf in shelves() for made in make(shelf, target)])
        aside.chmod(0o755)
        if _read(folder, digest) is None:
            shutil.rmtree(folder, ignore_errors=True)
            aside.rename(folder)
    except OSError:
        if _read(folder, digest) is None:
            raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _write(folder: Path, digest: str, made: list[Made]) -> None:
    artifacts = []
    for each in made:
        path = folder / each.repo / each.file
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(each.data)
        path.chmod(0o755 if each.kind == "run" else 0o644)
        sha256 = hashlib.sha256(each.data).hexdigest()
        artifacts.append(Artifact(path, each.repo, each.kind, each.name, each.version, each.arch, sha256))
    listed = [{**asdict(artifact), "path": str(artifact.path.relative_to(folder))} for artifact in artifacts]
    (folder / MANIFEST).write_text(json.dumps({"digest": digest, "artifacts": listed}, indent=1) + "\n")


def _link(shelf: Path, out: Path) -> None:
    """Give a build of the cache another name, by hard links where the file system allows it."""
    out.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        shutil.copytree(shelf, aside, copy_function=_link_file, dirs_exist_ok=True)
        shutil.rmtree(out, ignore_errors=True)
        aside.rename(out)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _link_file(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
