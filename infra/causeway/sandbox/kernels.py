"""Stand-in kernel packages: an image and headers for the running kernel, and for one newer than it."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from causeway.sandbox.command import run

MAINTAINER = "Causeway sandbox <sandbox@causeway.invalid>"
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
HOOKS = "/etc/kernel/header_postinst.d"


@dataclass(frozen=True, slots=True)
class Package:
    """A binary package to be built: control fields, and files by their path from the root."""

    name: str
    version: str
    depends: str
    description: str
    files: Mapping[str, str]
    links: Mapping[str, str]
    postinst: str = ""

    def control(self) -> str:
        """The control file."""
        depends = f"Depends: {self.depends}\n" if self.depends else ""
        return (
            f"Package: {self.name}\nVersion: {self.version}\nArchitecture: {ARCHITECTURE}\nMaintainer: {MAINTAINER}\n"
            f"Section: kernel\nPriority: optional\n{depends}Description: {self.description}\n"
        )


def newer(release: str) -> str:
    """The release after this one: the first three numbers counted on by one, the rest as it is."""
    found = re.match(r"(\d+\.\d+\.)(\d+)(.*)", release)
    if not found:
        return f"{release}.1"
    return f"{found[1]}{int(found[2]) + 1}{found[3]}"


def packages(release: str) -> tuple[Package, ...]:
    """All kernel packages of the mirror, those of the running kernel first."""
    return (
        *_pair(release),
        _meta(f"linux-image-{ARCHITECTURE}", release, f"linux-image-{release}"),
        _meta(f"linux-headers-{ARCHITECTURE}", release, f"linux-headers-{release}"),
        *_pair(newer(release)),
    )


def installed(release: str) -> tuple[Package, ...]:
    """Those that every host has from the start."""
    image, _ = _pair(release)
    return (image, _meta(f"linux-image-{ARCHITECTURE}", release, image.name))


def version(release: str) -> str:
    """The package version of a kernel release: its numbers, with a revision."""
    return re.split(r"[^0-9.]", release, maxsplit=1)[0].rstrip(".") + "-1"


def _pair(release: str) -> tuple[Package, Package]:
    modules, source = f"usr/lib/modules/{release}", f"usr/src/linux-headers-{release}"
    image = Package(
        name=f"linux-image-{release}",
        version=version(release),
        depends="kmod",
        description=f"Linux {release} (sandbox stand-in: holds no kernel)",
        files={
            f"boot/vmlinuz-{release}": "stand-in: the host runs the kernel of the machine it is on\n",
            f"boot/config-{release}": "CONFIG_MODULES=y\n",
            f"{modules}/modules.builtin": "",
            f"{modules}/modules.order": "",
        },
        links={},
    )
    headers = Package(
        name=f"linux-headers-{release}",
        version=version(release),
        depends="",
        description=f"Header files for Linux {release} (sandbox stand-in)",
        files={
            f"{source}/Makefile": "# stand-in\n",
            f"{source}/include/generated/utsrelease.h": f'#define UTS_RELEASE "{release}"\n',
        },
        links={f"{modules}/build": f"/{source}", f"{modules}/source": f"/{source}"},
        # As Debian's own: dkms builds for a kernel whose headers come after the driver.
        postinst=f"#!/bin/sh\nset -e\n[ ! -d {HOOKS} ] || run-parts --arg={release} {HOOKS}\n",
    )
    return image, headers


def _meta(name: str, release: str, depends: str) -> Package:
    return Package(
        name=name,
        version=version(release),
        depends=depends,
        description=f"{name} (sandbox stand-in)",
        files={},
        links={},
    )


def build(package: Package, work: Path, out: Path) -> Path:
    """Build the package below `work` and return its file in `out`."""
    tree = work / package.name
    unpack(package, tree)
    (tree / "DEBIAN").mkdir()
    (tree / "DEBIAN" / "control").write_text(package.control())
    if package.postinst:
        (tree / "DEBIAN" / "postinst").write_text(package.postinst)
        (tree / "DEBIAN" / "postinst").chmod(0o755)
    target = out / f"{package.name}_{package.version}_{ARCHITECTURE}.deb"
    run(["dpkg-deb", "--nocheck", "-Zgzip", "--root-owner-group", "--build", tree, target], where=package.name)
    return target


def unpack(package: Package, root: Path) -> None:
    """Put the package's files below `root`."""
    root.mkdir(parents=True, exist_ok=True)
    for name, text in package.files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    for name, target in package.links.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(target)


def register(name: str, control: str, files: Iterable[str], root: Path) -> str:
    """Write dpkg's list of an installed package's files below `root`; return its entry for dpkg's status file."""
    names = sorted({str(part) for file in files for part in (Path(file), *Path(file).parents)} - {"."})
    info = root / "var/lib/dpkg/info"
    info.mkdir(parents=True, exist_ok=True)
    (info / f"{name}.list").write_text("/.\n" + "".join(f"/{entry}\n" for entry in names))
    head, _, rest = control.strip().partition("\n")
    return f"\n{head}\nStatus: install ok installed\n{rest}\n"
