"""The driver package: checks, files, kernel modules, and what it says of a needed reboot."""

from __future__ import annotations

import os
import pwd
import shutil
from pathlib import Path

from .. import dkms, guard, kernel
from ..machine import Machine
from ..modules import load_by_tool
from . import firmware
from .package import INSTALL_LOG, Journal, Options, Package, Refusal, confirm, copy_tree, record
from .survey import MODULE, fits, install_params, install_path, pairs, version_info

DKMS = ("davinci_ascend", "1.0")
MODULES = ("drv_pcie_host", "drv_devmm_host", "drv_vascend_stub", "drv_vascend")
TOOLS = {"lspci": ("usr/bin/lspci", "usr/sbin/lspci"), "ifconfig": ("usr/sbin/ifconfig", "sbin/ifconfig")}
SYSTEM_FILES = (
    "usr/local/sbin/npu-smi", "usr/local/dcmi", f"usr/src/{DKMS[0]}-{DKMS[1]}", "etc/modprobe.d/ascend.conf",
    "etc/modules-load.d/ascend.conf",
)  # fmt: skip


def run(machine: Machine, package: Package, options: Options, journal: Journal) -> None:
    """Install, upgrade or uninstall.

    Raises:
        Refusal: the installer stopped; what was installed before is untouched unless the text says otherwise.
    """
    as_root()
    if options.action == "uninstall":
        uninstall(machine, options, journal)
        return
    if options.action == "upgrade" and not version_info(machine, "driver"):
        raise Refusal("ERR_NO:0x0080;ERR_DES:Driver package is not installed on this device, upgrade failed")
    _check_host(machine, package, options, journal)
    before = version_info(machine, "driver").get("Version", "none")
    journal.info(f"base version is {before}.")
    if before != "none" and not options.quiet and options.action != "upgrade":
        confirm(
            f"Driver package has been installed, the version is {before}, "
            f"the version of this package is {package.version}, continue?"
        )
    _check_holders(machine, options)
    _check_firmware(machine, package, options)
    _put(machine, package, options, journal)
    _build(machine, journal)
    _activate(machine, options, journal)


def as_root() -> None:
    """Stop everybody else.

    Raises:
        Refusal: not root.
    """
    if os.geteuid() != 0:
        raise Refusal(
            "ERR_NO:0x0093;ERR_DES:do not have root permission, operation failed, please use root permission!"
        )


def check_chip(machine: Machine, package: Package) -> None:
    """Stop where the package is for other chips than those of the host.

    Raises:
        Refusal: no NPU, or another one.
    """
    found = {accelerator.model.family for accelerator in machine.accelerators(firmware.PCI_VENDOR)}
    if not found:
        raise Refusal("ERR_NO:0x0080;ERR_DES:no NPU device of class 1200 was found on this host")
    if package.chip not in found:
        raise Refusal(
            f"ERR_NO:0x0080;ERR_DES:the package is for {package.chip}, the device is {', '.join(sorted(found))}"
        )


def _check_host(machine: Machine, package: Package, options: Options, journal: Journal) -> None:
    user = options.values.get("install-username", install_params(machine).get("UserName", "HwHiAiUser"))
    if not any(line.startswith(f"{user}:") for line in (machine.text("etc/passwd") or "").splitlines()):
        raise Refusal(f"ERR_NO:0x0091;ERR_DES:{user} not exists! Please create the user first")
    journal.info(f"set username and usergroup, {user}:{options.values.get('install-usergroup', user)}")
    missing = [tool for tool, places in TOOLS.items() if not any(machine.path(place).exists() for place in places)]
    if missing:
        raise Refusal(f"The list of missing tools: {','.join(missing)},")
    check_chip(machine, package)
    if failure := guard.install_fault(machine):
        raise Refusal(f"Failed to install driver package, please retry after uninstall and reboot! {failure}")


def _check_holders(machine: Machine, options: Options) -> None:
    held = guard.in_use(machine, "huawei")
    if held and not options.force:
        raise Refusal(
            "The davinci nodes are occupied by some processes, please stop processes and install or uninstall again, "
            f"details in : /{INSTALL_LOG} ({held})"
        )


def _check_firmware(machine: Machine, package: Package, options: Options) -> None:
    """The firmware on the boards must suit the new driver: this is why an upgrade flashes before."""
    if not version_info(machine, "firmware") or options.force:
        return
    info = pairs((package.folder / "ascend/driver/version.info").read_text())
    wrong = sorted({c.version for c in firmware.flashed(machine).values() if not fits(c.version, info)})
    if wrong:
        raise Refusal(
            f"ERR_NO:0x0080;ERR_DES:firmware {', '.join(wrong)} is outside compatible_version_fw="
            f"{info['compatible_version_fw']} of driver {package.version}: install the matching firmware first"
        )


def _put(machine: Machine, package: Package, options: Options, journal: Journal) -> None:
    base = options.values.get("install-path", install_path(machine, "driver"))
    target = machine.path(base)
    (target / "driver/version.info").unlink(missing_ok=True)
    journal.info("driver install type: DKMS")
    for percentage in (10, 30, 40):
        journal.info(f"upgradePercentage:{percentage}%")
    copy_tree(package.folder / "ascend", target)
    copy_tree(package.folder / "root", machine.root)
    user = options.values.get("install-username", install_params(machine).get("UserName", "HwHiAiUser"))
    record(machine, {
        "UserName": user,
        "UserGroup": options.values.get("install-usergroup", user),
        "Driver_Install_Type": options.action if options.action != "upgrade" else "full",
        "Driver_Install_Path_Param": base,
        "Driver_Install_For_All": "yes" if "install-for-all" in options.flags else "no",
    })  # fmt: skip
    _permit(target / "driver", user, for_all="install-for-all" in options.flags)


def _permit(folder: Path, user: str, *, for_all: bool) -> None:
    folder.chmod(0o755 if for_all else 0o750)
    try:
        group = pwd.getpwnam(user).pw_gid
    except KeyError:
        return
    os.chown(folder, 0, group)


def _build(machine: Machine, journal: Journal) -> None:
    name, version = DKMS
    if machine.path(f"{dkms.TREE}/{name}/{version}").is_dir():
        dkms.main(["remove", "-m", name, "-v", version, "--all"], "", machine)
    if not machine.path("usr/sbin/dkms").exists() or dkms.main(["install", "-m", name, "-v", version], "", machine):
        version_file = machine.path(f"{install_path(machine, 'driver')}/driver/version.info")
        version_file.unlink(missing_ok=True)
        raise Refusal(f"Dkms install failed, details in : /{INSTALL_LOG}. Failed to install driver package")
    journal.info("upgradePercentage:90%")


def _activate(machine: Machine, options: Options, journal: Journal) -> None:
    word = "upgraded" if options.action == "upgrade" else "installed"
    journal.info("upgradePercentage:100%")
    if kernel.version_of(machine, MODULE) is not None:
        journal.info(f"Driver package {word} successfully! Reboot needed for installation/upgrade to take effect!")
        return
    if failure := load_by_tool(machine, *MODULES):
        journal.warning(f"Kernel modules were not loaded: {failure}")
        journal.info(f"Driver package {word} successfully! Reboot needed for installation/upgrade to take effect!")
        return
    journal.info(f"Driver package {word} successfully! The new version takes effect immediately.")


def uninstall(machine: Machine, options: Options, journal: Journal) -> None:
    """Remove the driver; modules that are in memory stay there until the next reboot.

    Raises:
        Refusal: not installed, or in use.
    """
    if not install_params(machine).get("Driver_Install_Path_Param"):
        raise Refusal("ERR_NO:0x0080;ERR_DES:Driver package is not installed on this device, uninstall failed")
    _check_holders(machine, options)
    dkms.main(["remove", "-m", DKMS[0], "-v", DKMS[1], "--all"], "", machine)
    shutil.rmtree(machine.path(install_path(machine, "driver")) / "driver", ignore_errors=True)
    for name in SYSTEM_FILES:
        path = machine.path(name)
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    record(machine, dict.fromkeys(("Driver_Install_Type", "Driver_Install_Path_Param", "Driver_Install_For_All")))
    journal.info("Driver package uninstalled successfully! Reboot needed for uninstallation to take effect!")
