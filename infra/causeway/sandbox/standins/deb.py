"""Debian packages and the index of a flat repository, without dpkg-deb: quick, and the same bytes always."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .archive import Entry, ar, tar_gz

MAINTAINER = "Causeway sandbox <sandbox@causeway.invalid>"
BANNER = "stand-in for the Causeway sandbox, not the vendor's software"
# deb-control's order, so that a reader of the package finds what he looks for.
ORDER = (
    "Package", "Version", "Architecture", "Maintainer", "Installed-Size", "Pre-Depends", "Depends", "Recommends",
    "Conflicts", "Breaks", "Replaces", "Provides", "Section", "Priority", "Multi-Arch", "Description",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Deb:
    """A built package."""

    file: str
    name: str
    version: str
    arch: str
    control: str
    data: bytes


def build(fields: Mapping[str, str], summary: str, entries: Iterable[Entry], scripts: Mapping[str, str]) -> Deb:
    """A package.

    Args:
        fields: Package, Version, Architecture, and the relations that there are.
        summary: the description's first line; the banner is put under it.
        entries: the files, names relative to `/`.
        scripts: maintainer scripts by name (`preinst`, ...), and `conffiles`.
    """
    files = tuple(entries)
    size = max(1, sum(len(entry.content) for entry in files) // 1024)
    known = {
        "Maintainer": MAINTAINER,
        "Section": "misc",
        "Priority": "optional",
        "Installed-Size": str(size),
        "Description": f"{summary} ({BANNER})\n It imitates the package of this name; see docs/sandbox/stand-ins.md.",
        **fields,
    }
    control = "".join(f"{key}: {known[key]}\n" for key in ORDER if known.get(key))
    inside = [Entry("control", control.encode())]
    inside += [Entry(name, text.encode(), 0o644 if name == "conffiles" else 0o755) for name, text in scripts.items()]
    data = ar((
        ("debian-binary", b"2.0\n"),
        ("control.tar.gz", tar_gz(inside)),
        ("data.tar.gz", tar_gz(files)),
    ))  # fmt: skip
    version = known["Version"]
    file = f"{known['Package']}_{version.rpartition(':')[2]}_{known['Architecture']}.deb"
    return Deb(file, known["Package"], version, known["Architecture"], control, data)


def packages_index(debs: Iterable[Deb]) -> str:
    """The `Packages` file of a flat repository that holds the packages beside it."""
    return "\n".join(_stanza(deb) for deb in sorted(debs, key=lambda deb: deb.file))


def _stanza(deb: Deb) -> str:
    digest = hashlib.sha256(deb.data).hexdigest()
    head, _, description = deb.control.partition("Description:")
    return f"{head}Filename: ./{deb.file}\nSize: {len(deb.data)}\nSHA256: {digest}\nDescription:{description}"
