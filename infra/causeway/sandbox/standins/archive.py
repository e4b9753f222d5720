"""Archives whose bytes depend on nothing but their content: tar.gz and ar."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass

# One moment for every file: the date the domain facts were read.
MOMENT = 1795219200
COMPRESSION = 6


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of an archive, or a symbolic link when `link` is set. `name` is relative, without `./`."""

    name: str
    content: bytes = b""
    mode: int = 0o644
    link: str = ""


def tar_gz(entries: Iterable[Entry], *, prefix: str = "./") -> bytes:
    """A gzipped tar of the entries, sorted, with the folders above them, all owned by root."""
    by_name = {entry.name: entry for entry in entries}
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for folder in sorted(_folders(by_name)):
            tar.addfile(_info(prefix + folder, tarfile.DIRTYPE, 0o755))
        for name in sorted(by_name):
            entry = by_name[name]
            if entry.link:
                info = _info(prefix + name, tarfile.SYMTYPE, 0o777)
                info.linkname = entry.link
                tar.addfile(info)
            else:
                info = _info(prefix + name, tarfile.REGTYPE, entry.mode)
                info.size = len(entry.content)
                tar.addfile(info, io.BytesIO(entry.content))
    return gzip.compress(stream.getvalue(), COMPRESSION, mtime=0)


def _folders(names: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for name in names:
        parts = name.split("/")[:-1]
        found.update("/".join(parts[: end + 1]) for end in range(len(parts)))
    return found


def _info(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.mtime = kind, mode, MOMENT
    info.uname = info.gname = "root"
    return info


def ar(members: Iterable[tuple[str, bytes]]) -> bytes:
    """A Unix `ar` archive, the outer shape of a .deb."""
    parts = [b"!<arch>\n"]
    for name, content in members:
        parts.append(f"{name:<16}{MOMENT:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode())
        parts.append(content + (b"\n" if len(content) % 2 else b""))
    return b"".join(parts)
