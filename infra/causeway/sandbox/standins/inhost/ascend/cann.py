"""The CANN packages: toolkit, ops (from 8.5) or kernels (before), nnal. Files only; versions lie side by side."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from .. import guard
from ..machine import Machine
from .package import Journal, Options, Package, Refusal, base_path, confirm, copy_tree
from .survey import numbers

CANN_SINCE = (8, 5)
INSTALL = frozenset({"full", "install", "run", "devel"})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a version lies: its folder, and the link that names the version in use."""

    folder: str
    link: str

    @property
    def info(self) -> str:
        """The folder of the install records."""
        return f"{self.folder}/{os.uname().machine}-linux"


def place(base: str, kind: str, version: str) -> Place:
    """The layout of a version: `cann-VERSION` from 8.5 on, `ascend-toolkit/VERSION` before."""
    if kind == "nnal":
        return Place(f"{base}/nnal/atb/{version}", f"{base}/nnal/atb/latest")
    if numbers(version)[:2] >= CANN_SINCE:
        return Place(f"{base}/cann-{version}", f"{base}/cann")
    return Place(f"{base}/ascend-toolkit/{version}", f"{base}/ascend-toolkit/latest")


def run(machine: Machine, package: Package, options: Options, journal: Journal) -> None:
    """Install, upgrade or uninstall one package.

    Raises:
        Refusal: not agreed to the licence, no toolkit of this version, or a fault.
    """
    base = base_path(options)
    where = place(base, package.kind, package.version)
    record_file = machine.path(f"{where.info}/ascend_{package.kind}_install.info")
    if options.action == "uninstall":
        _uninstall(machine, package, where, record_file, journal)
        return
    if options.action not in INSTALL | {"upgrade"}:
        raise Refusal(f"ERR_NO:0x0004;ERR_DES: --{options.action} is not supported by this package")
    if options.action == "upgrade" and not machine.path(where.link).exists():
        raise Refusal(f"ERR_NO:0x0080;ERR_DES: no version is installed in {base}, upgrade failed")
    if not options.quiet:
        confirm("Do you accept the licence agreement of the software?")
    if failure := guard.install_fault(machine):
        raise Refusal(f"install failed: {failure}")
    toolkit = machine.path(f"{where.info}/ascend_toolkit_install.info")
    if package.kind in {"ops", "kernels"} and not toolkit.is_file() and not options.force:
        raise Refusal(
            f"ERR_NO:0x0080;ERR_DES: toolkit {package.version} is not installed in {base}; versions must be equal"
        )
    copy_tree(package.folder / "ascend", machine.path(where.folder))
    record_file.parent.mkdir(parents=True, exist_ok=True)
    record_file.write_text(_record(package, where))
    _point(machine.path(where.link), Path(where.folder).name)
    script = (
        machine.path(where.folder if where.link.endswith("/cann") else str(Path(where.folder).parent)) / "set_env.sh"
    )
    script.write_text(f"export ASCEND_TOOLKIT_HOME={where.link}\nexport ASCEND_HOME_PATH={where.link}\n")
    if package.kind == "toolkit" and "install-for-all" in options.flags:
        machine.path(where.folder).chmod(0o755)
    name = package.file.partition("_")[0]
    word = "upgrade" if options.action == "upgrade" else "install"
    journal.info(f"{name}_{package.version}_linux-{os.uname().machine} {word} success. The install path is {base}")


def _record(package: Package, where: Place) -> str:
    name = package.file.partition("_")[0]
    return (
        f"package_name={name}\nversion={package.version}\ninnerversion=V100R001SANDBOX\n"
        f"arch={os.uname().machine}\nos=linux\npath={where.info}\n"
    )


def _point(link: Path, target: str) -> None:
    aside = link.with_name(link.name + ".new")
    aside.unlink(missing_ok=True)
    aside.symlink_to(target)
    aside.rename(link)


def _uninstall(machine: Machine, package: Package, where: Place, record_file: Path, journal: Journal) -> None:
    if not record_file.is_file():
        raise Refusal(f"ERR_NO:0x0080;ERR_DES: {package.kind} {package.version} is not installed, uninstall failed")
    if package.kind in {"toolkit", "nnal"}:
        shutil.rmtree(machine.path(where.folder))
        link = machine.path(where.link)
        if link.is_symlink() and not link.exists():
            link.unlink()
    else:
        record_file.unlink()
    journal.info(f"{package.file.partition('_')[0]} uninstall success.")
