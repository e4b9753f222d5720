"""Reads an accelerator host: versions, devices, health, kernel, modules, holders, links, stamp. It changes nothing.

One file for two callers. As Ansible's module it returns `ansible_facts.accelerator_facts`. As a probe,

    ssh HOST sudo python3 - < accelerator_facts.py

it prints the same as one line of JSON. It needs Python 3.7 and its own library alone. What cannot be read is null and
never a guess; why it could not be read stands in `problems`. A vendor's tool is only asked when the driver is loaded
already, since root's `nvidia-smi` would load it.

Layouts of the tools' outputs are those of the vendors' documents and of public field reports; `docs/playbooks.md`
describes every key.
"""

from __future__ import annotations

import glob
import json
import os
import platform
import re
import subprocess
import sys
import time
from collections import OrderedDict

DOCUMENTATION = """
module: accelerator_facts
short_description: Versions, devices, health and state of an accelerator host
description:
  - Reads a host with one call and changes nothing, in check mode as well. The schema C(causeway/host-facts/v1) is the
    same for NVIDIA, Huawei Ascend and Cambricon; docs/playbooks.md describes every key.
options:
  vendor:
    description:
      - Whose accelerators the host has, C(nvidia), C(huawei) or C(cambricon). By default that vendor of whom most
        devices are on the bus. Of another vendor the devices are listed, and nothing is known of their health.
    type: str
  pci_vendor:
    description: PCI vendor id of another vendor, four hexadecimal digits.
    type: str
"""

SCHEMA = "causeway/host-facts/v1"
STATE = "var/lib/causeway"
# PCI vendor, and the classes that its accelerators have; any but those below where that is not known.
PCI = {"nvidia": ("10de", ("0300", "0302")), "huawei": ("19e5", ("1200",)), "cambricon": ("cabc", ())}
NOT_ACCELERATORS = ("01", "02", "06", "0c")  # disks, network cards (of the same vendor, too), bridges, serial buses
NODES = {
    "nvidia": re.compile(r"^/dev/nvidia"),
    "huawei": re.compile(r"^/dev/(davinci|devmm_svm|hisi_hdc|vdavinci|uburma|ummu)"),
    "cambricon": re.compile(r"^/dev/(cambricon|cambr-|cmsg_ctrl|commu$)"),
}
MODULES = {
    "nvidia": ("nvidia", "nvidia_uvm", "nvidia_modeset", "nvidia_drm", "nvidia_peermem", "gdrdrv"),
    "huawei": ("drv_pcie_host", "drv_devmm_host", "drv_vascend", "drv_vascend_stub", "drv_davinci_intf_host"),
    "cambricon": ("cambricon_drv", "cambricon_util_drv", "cambricon_peermem", "cambricon_gdrdrv"),
}
IN_THE_WAY = ("nouveau", "nova_core")
PACKAGES = re.compile(
    r"^(nvidia|libnvidia|libnvsdm|nvlsm|cuda|datacenter-gpu-manager|libcuda|dkms$|cambricon|cntoolkit|cnnl|cncl"
    r"|cnvs|cncc$|cnas$|cnbin$|cndrv$|cndev$|cnrt|cngdb$|cnperf$|ascend|linux-image|linux-headers|kernel$|kernel-core$"
    r"|kernel-devel|kernel-headers|containerd|docker|runc|cri-o|chrony|ntp|systemd-timesyncd|gcc$|make$|net-tools$)",
    re.IGNORECASE,
)
SERVICES = (
    "containerd", "docker", "crio", "kubelet", "chrony", "chronyd", "systemd-timesyncd", "ntpsec",
    "nvidia-fabricmanager", "nvidia-persistenced", "nvidia-dcgm", "nvidia-imex",
)  # fmt: skip
QUERY = (
    "index,name,uuid,pci.bus_id,driver_version,memory.total,ecc.errors.uncorrected.volatile.total,mig.mode.current,"
    "persistence_mode"
)
FABRIC_QUERY = "fabric.state,fabric.status"  # only of newer drivers: a driver that does not know a field refuses all
# Xids after which the device or the host is of no more use until somebody acts. Those after which a reset helps are
# told and no more: nothing on the host says whether it was reset since.
XID_ACTION = {54: "isolate the host", 79: "reboot the host", 151: "reboot the host", 168: "reboot the host"}
XID_RESET = frozenset((48, 64, 74, 95, 109, 110, 119, 120, 136, 140, 143, 155, 156, 158))
UNKNOWN_WORDS = frozenset(("", "n/a", "na", "[n/a]", "not supported", "[not supported]", "unknown error", "-", "--"))
TOOL_SECONDS = 60
BATCH = 8
BDF = re.compile(r"(?:([0-9a-fA-F]{4,8}):)?([0-9a-fA-F]{2}):([0-9a-fA-F]{2})\.([0-7])")
VERSION = re.compile(r"[0-9][\w.+~-]*", re.ASCII)
DIGITS = re.compile(r"[0-9]{1,9}$")


class Host:
    """The host's files and commands. Tests give another root folder."""

    def __init__(self, root: str = "/") -> None:
        self.root = root
        self.problems = []

    def path(self, name: str) -> str:
        """A file's place; `name` without the leading slash."""
        return os.path.join(self.root, name)

    def text(self, name: str, limit: int = 1 << 20) -> str | None:
        """What a file holds; None when it cannot be read."""
        try:
            with open(self.path(name), "rb") as file:
                return file.read(limit).decode("utf-8", "replace")
        except OSError:
            return None

    def line(self, name: str) -> str | None:
        """A file of one line; None when it cannot be read or is empty."""
        text = self.text(name, 4096)
        return text.strip() or None if text is not None else None

    def names(self, folder: str) -> list[str]:
        """Names in a folder, sorted; none when it cannot be read."""
        try:
            return sorted(os.listdir(self.path(folder)))
        except OSError:
            return []

    def link(self, name: str) -> str | None:
        """What a symbolic link leads to; None when it is none."""
        try:
            return os.readlink(self.path(name))
        except OSError:
            return None

    def glob(self, pattern: str) -> list[str]:
        """Paths that match a pattern, sorted, each without the root."""
        return sorted(os.path.relpath(each, self.root) for each in glob.glob(self.path(pattern)))

    def exists(self, name: str) -> bool:
        """Whether something is there."""
        return os.path.exists(self.path(name))

    def free_mib(self, name: str) -> int | None:
        """Room on the disk of a folder; None when it cannot be told."""
        try:
            told = os.statvfs(self.path(name))
        except OSError:
            return None
        return told.f_bavail * told.f_frsize >> 20

    def problem(self, code: str, text: str) -> None:
        """Note what could not be read, or what is wrong without being a device's fault."""
        entry = {"code": code, "text": _short(text)}
        if entry not in self.problems:
            self.problems.append(entry)

    def run(self, *commands: list[str]) -> list[str | None]:
        """Outputs of commands that run at the same time; None for one that is missing or did not end."""
        outputs = []
        for first in range(0, len(commands), BATCH):
            outputs += self._batch(commands[first : first + BATCH])
        return outputs

    def _batch(self, commands: tuple[list[str], ...]) -> list[str | None]:
        deadline = time.monotonic() + TOOL_SECONDS
        started = [self._start(command) for command in commands]
        return [self._output(command, process, deadline) for command, process in zip(commands, started)]

    def _start(self, command: list[str]) -> subprocess.Popen | None:
        folders = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/Ascend/driver/tools"
        environment = dict(os.environ, LC_ALL="C", PATH=folders)
        try:
            return subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
        except OSError:
            self.problem("tool-missing", f"{command[0]} is not on this host")
            return None

    def _output(self, command: list[str], process: subprocess.Popen | None, deadline: float) -> str | None:
        if process is None:
            return None
        try:
            output = process.communicate(timeout=max(0.1, deadline - time.monotonic()))[0].decode("utf-8", "replace")
        except subprocess.TimeoutExpired:
            process.kill()  # and no wait for it: a process that the driver holds may never end
            self.problem("tool-hung", f"{' '.join(command)} did not end within {TOOL_SECONDS} s")
            return None
        if process.returncode:
            last = (output.strip().splitlines() or ["no output"])[-1]
            self.problem("tool-failed", f"{' '.join(command)} ended with {process.returncode}: {last}")
        return output


# --- parsers: text in, plain values out; they never fail, and what they do not understand is None or left out ---


def _short(text: str) -> str:
    return " ".join(text.split())[:400]


def known(value: str | None) -> str | None:
    """A field's value; None for the words with which tools say that they do not know."""
    text = (value or "").strip()
    return None if text.strip("[]").lower() in UNKNOWN_WORDS or text.lower() in UNKNOWN_WORDS else text


def number(value: str | None) -> int | None:
    """A whole number, with or without a unit behind it."""
    found = re.match(r"\s*(-?[0-9]{1,18})(?:\.[0-9]+)?\s*(?:[A-Za-z%/]+)?\s*$", value or "")
    return int(found.group(1)) if found else None


def bus_id(value: str | None) -> str | None:
    """A PCI address as the kernel writes it: four digits of domain, lower case."""
    found = BDF.search(value or "")
    if not found:
        return None
    domain, bus, slot, function = found.groups()
    return "{:04x}:{}:{}.{}".format(int(domain or "0", 16), bus.lower(), slot.lower(), function)


def version(value: str | None) -> str | None:
    """The version in a text such as `v6.2.29` or `580.95.05`; None when there is none."""
    found = VERSION.search(value or "")
    return found.group(0).rstrip(".-") if found else None


def upstream(value: str | None) -> str | None:
    """A Debian or rpm version without epoch and revision: `580.95.05` of `580.95.05-1`."""
    found = version((value or "").partition(":")[2] or value)
    return found.rpartition("-")[0] or found if found else None


def pairs(text: str | None, separator: str = "=") -> dict[str, str]:
    """Lines of `KEY=VALUE`, or of another separator; the first of a key counts."""
    found = {}
    for line in (text or "").splitlines():
        key, sign, value = line.partition(separator)
        if sign and key.strip() and not key.lstrip().startswith("#"):
            found.setdefault(key.strip(), value.strip().strip('"'))
    return found


def nvidia_rows(text: str | None, fields: str) -> list[dict[str, str | None]]:
    """Rows of `nvidia-smi --query-gpu=FIELDS --format=csv,noheader,nounits`. A line of another shape is no row."""
    names = fields.split(",")
    rows = []
    for line in (text or "").splitlines():
        values = [part.strip() for part in line.split(", ")]
        if len(values) == len(names) and DIGITS.match(values[0]):
            rows.append({name: known(value) for name, value in zip(names, values)})
    return rows


def nvlinks(text: str | None) -> list[dict[str, object]]:
    """Links of `nvidia-smi nvlink -s`: an inactive one is down, one with a rate is up."""
    found, device = [], None
    for line in (text or "").splitlines():
        title = re.match(r"\s*GPU ([0-9]{1,4}):", line)
        link = re.match(r"\s+Link ([0-9]{1,4}):\s*(.*)$", line)
        if title:
            device = int(title.group(1))
        elif link and device is not None:
            said = link.group(2).strip()
            rated = re.match(r"[0-9.]+ ?GB/s", said)
            state = "up" if rated else "down" if "inactive" in said.lower() else "unknown"
            found.append({"device": device, "link": int(link.group(1)), "kind": "nvlink", "state": state})
    return found


def xids(text: str | None) -> list[dict[str, object]]:
    """Xids of the kernel's log, each once for a device, in order."""
    found = OrderedDict()
    for match in re.finditer(r"NVRM: Xid \(PCI:([^)]{4,40})\): ([0-9]{1,4})\b,?([^\n]*)", text or ""):
        pci = bus_id(match.group(1)) or bus_id(f"{match.group(1)}.0")
        if pci:
            found.setdefault((pci, int(match.group(2))), match.group(3).strip())
    return [{"pci": pci, "code": code, "text": said} for (pci, code), said in found.items()]


def npu_table(text: str | None) -> dict[str, object]:
    """`npu-smi info`: versions of tool and driver, and one entry per chip with card, name, health and address."""
    banner = re.search(r"npu-smi\s+(\S+)\s+Version:\s*(\S+)", text or "")
    found = {"tool": banner.group(1) if banner else None, "driver": known(banner.group(2)) if banner else None}
    chips, card = [], None
    for line in (text or "").splitlines():
        if "Process id" in line:
            break  # what follows is a table of processes, whose rows look like cards
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        words = cells[0].split()
        first = int(words[0]) if words and DIGITS.match(words[0]) else None
        if not line.lstrip().startswith("|") or len(cells) < 3 or first is None:
            continue
        if bus_id(cells[1]):
            if card is not None:
                chips.append(dict(card, chip=first, pci=bus_id(cells[1])))
        elif len(words) > 1 and DIGITS.match(words[1]) is None:
            card = {"card": first, "name": " ".join(words[1:]), "health": known(cells[1])}
    found["chips"] = chips
    return found


def npu_map(text: str | None) -> dict[tuple[int, int], int]:
    """`npu-smi info -m`: card and chip to the number N of `/dev/davinciN`. Columns are found by their titles."""
    lines = [line for line in (text or "").splitlines() if line.strip()]
    titles = next((line for line in lines if "NPU ID" in line), None)
    if titles is None or "Chip Logic ID" not in titles:
        return {}
    columns = [name for name in re.split(r"\s{2,}", titles.strip()) if name]
    found = {}
    for line in lines[lines.index(titles) + 1 :]:
        row = dict(zip(columns, re.split(r"\s{2,}", line.strip())))
        logic, card, chip = (number(row.get(name)) for name in ("Chip Logic ID", "NPU ID", "Chip ID"))
        if logic is not None and card is not None and row.get("Chip Name", "").lower() != "mcu":
            found[(card, 0 if chip is None and "Chip ID" not in columns else chip)] = logic
    return found


def blocks(text: str | None) -> list[dict[str, str]]:
    """Blocks of `KEY : VALUE`, one a chip. A block ends at an empty line, or where its first key comes again."""
    found, block = [], {}
    for line in [*(text or "").splitlines(), ""]:
        key, sign, value = line.partition(":")
        key = key.strip()
        if block and (not line.strip() or (sign and key == next(iter(block)))):
            found.append(block)
            block = {}
        if sign and key:
            block.setdefault(key, value.strip())
    return found


def link_state(text: str | None) -> str:
    """`hccn_tool -i N -link -g`: up, down or unknown."""
    found = re.search(r"link status:\s*(\w+)", text or "", re.IGNORECASE)
    said = found.group(1).lower() if found else ""
    return said if said in ("up", "down") else "unknown"


def cnmon_table(text: str | None) -> dict[str, object]:
    """`cnmon`: versions of tool and driver (4.20 names no driver), and one entry per card."""
    tool = re.search(r"CNMON\s+v?([0-9][\w.]*)", text or "")
    driver = re.search(r"Driver\s+v?([0-9][\w.]*)", text or "")
    cards = []
    for line in (text or "").splitlines():
        if "Processes" in line:
            break
        row = re.match(
            r"\|\s*([0-9]{1,4})\s+\S+\s+(MLU\S*)\s+v?(\S+)\s*\|\s*([0-9a-fA-F:.]+)\s*\|([^|]*)\|", line.strip()
        )
        if row and bus_id(row.group(4)):
            errors = number((row.group(5).split() or [""])[-1])
            card = {"index": int(row.group(1)), "name": row.group(2), "firmware": known(row.group(3))}
            cards.append(dict(card, pci=bus_id(row.group(4)), uncorrected=errors))
    return {"tool": tool.group(1) if tool else None, "driver": driver.group(1) if driver else None, "cards": cards}


def cnmon_info(text: str | None) -> list[dict[str, object]]:
    """`cnmon info`: one entry per card, of what its indented sections say."""
    cards, section = [], ""
    for line in (text or "").splitlines():
        title = re.match(r"\s*Card\s+([0-9]{1,4})\s*$", line)
        if title:
            cards.append({"index": int(title.group(1))})
            section = ""
            continue
        key, sign, value = line.partition(":")
        if not sign or not cards:
            continue
        key, value = key.strip(), value.strip()
        deep = len(line) - len(line.lstrip()) > 4
        section = section if deep else key
        cards[-1].setdefault(f"{section}/{key}" if deep else key, value)
    return [_mlu(card) for card in cards]


def _mlu(card: dict[str, object]) -> dict[str, object]:
    parts = [str(card.get(f"PCI/{name}", "")) for name in ("Domain ID", "Bus num", "Device", "Function")]
    return {
        "index": card["index"],
        "name": known(card.get("Product Name")),
        "uuid": known(card.get("UUID")),
        "driver": version(card.get("Driver")),
        "firmware": version(card.get("Firmware")),
        "health": known(card.get("Health State/Device")),
        "driver_state": known(card.get("Health State/Driver")),
        "uncorrected": number(card.get("ECC/Uncorrected")),
        "link": known(card.get("MLULink")),
        "pci": bus_id("{}:{}:{}.{}".format(*parts)),
    }


def release_key(release: str) -> list[tuple[int, object]]:
    """Order of kernel releases: numbers as numbers, words as words."""
    return [(1, int(part)) if part.isdigit() else (0, part) for part in re.findall(r"[0-9]+|[a-zA-Z]+", release)]


# --- the operating system ---


def operating_system(host: Host) -> dict[str, object]:
    """Distribution, version, architecture, package manager."""
    said = pairs(host.text("etc/os-release"))
    managers = (("apt", "usr/bin/apt-get"), ("dnf", "usr/bin/dnf"), ("yum", "usr/bin/yum"))
    return {
        "id": known(said.get("ID")),
        "version": known(said.get("VERSION_ID")),
        "codename": known(said.get("VERSION_CODENAME")),
        "architecture": platform.machine() or None,
        "package_manager": next((name for name, path in managers if host.exists(path)), None),
    }


def kernel(host: Host) -> dict[str, object]:
    """The kernel that runs, the newest that is installed, and whether the next boot would bring another."""
    running = host.line("proc/sys/kernel/osrelease")
    releases = [os.path.basename(path)[len("vmlinuz-") :] for path in host.glob("boot/vmlinuz-*")]
    releases = [release for release in releases if "rescue" not in release]
    releases = releases or [
        name for name in host.names("lib/modules") if host.exists(f"lib/modules/{name}/modules.dep")
    ]
    newest = max(releases, key=release_key) if releases else None
    return {
        "running": running,
        "newest_installed": newest,
        "pending": newest != running if newest and running else None,
        "headers": host.exists(f"lib/modules/{running}/build") if running else None,
        "secure_boot": secure_boot(host),
        "iommu_groups": len(host.names("sys/kernel/iommu_groups")),
        "iommu_options": re.findall(r"(?:^|\s)((?:intel_|amd_)?iommu(?:\.\w+)?=\S+)", host.line("proc/cmdline") or ""),
    }


def secure_boot(host: Host) -> bool | None:
    """Whether UEFI's Secure Boot is on; None where there is no UEFI to say it."""
    for name in host.glob("sys/firmware/efi/efivars/SecureBoot-*"):
        said = host.text(name, 5) or ""  # four bytes of attributes, then the value
        if len(said) == 5:
            return said[4] == "\x01"
    return None


def packages(host: Host) -> dict[str, object]:
    """Packages that driver stacks are made of: versions, those that are held, those that are not whole."""
    found = {"installed": {}, "held": [], "broken": {}}
    text = host.text("var/lib/dpkg/status", 1 << 26)
    if text is not None:
        for paragraph in text.split("\n\n"):
            _package(paragraph, found)
    elif host.exists("usr/bin/rpm"):
        (listed,) = host.run(["rpm", "-qa", "--qf", "%{NAME}\t%{VERSION}-%{RELEASE}\n"])
        for line in (listed or "").splitlines():
            name, sign, value = line.partition("\t")
            if sign and PACKAGES.match(name):
                found["installed"][name] = value
    return found


def _package(paragraph: str, found: dict[str, object]) -> None:
    name = paragraph[len("Package: ") : paragraph.find("\n")].strip()
    if not PACKAGES.match(name):
        return
    said = pairs(paragraph, ":")
    words = said.get("Status", "").split()
    if len(words) != 3 or words[2] in ("not-installed", "config-files"):
        return
    if words[2] == "installed" and words[1] == "ok":
        found["installed"][name] = said.get("Version", "")
    else:
        found["broken"][name] = " ".join(words[1:])
    if words[0] == "hold":
        found["held"].append(name)


def module_versions(host: Host, vendor: str | None) -> dict[str, str]:
    """Modules that are loaded, of this vendor or in its way, with their versions; empty for one that names none."""
    names = [*MODULES.get(vendor or "", ()), *IN_THE_WAY]
    return {name: host.line(f"sys/module/{name}/version") or "" for name in names if host.exists(f"sys/module/{name}")}


def module_on_disk(host: Host, module: str, release: str | None) -> str | None:
    """Version of the module that the next boot, or the next `modprobe`, would load."""
    if release is None or not host.exists(f"lib/modules/{release}"):
        return None
    for ending in ("", ".xz", ".zst", ".gz"):
        for name in host.glob(f"lib/modules/{release}/updates/dkms/{module}.ko{ending}"):
            if not ending:
                data = host.text(name, 1 << 27)
                found = re.search(r"(?:^|\0)version=([^\0]{1,64})\0", data or "")
                return found.group(1) if found else None
            return version((host.run(["modinfo", "-F", "version", host.path(name)])[0] or "").strip())
    return None


def pci_devices(host: Host, vendor: str | None, pci_vendor: str | None) -> tuple[str | None, list[dict[str, str]]]:
    """Accelerators on the bus, told from network cards of the same vendor by their class; whose they are."""
    wanted = dict(PCI)
    if vendor is not None and vendor not in PCI:
        wanted = {vendor: ((pci_vendor or "").lower(), ())}
    by_vendor = {name: [] for name in wanted}
    for slot in host.names("sys/bus/pci/devices"):
        place = f"sys/bus/pci/devices/{slot}"
        ids = {key: (host.line(f"{place}/{key}") or "")[2:].lower() for key in ("vendor", "device", "class")}
        for name, (own_id, classes) in wanted.items():
            if ids["vendor"] != own_id or ids["class"].startswith(NOT_ACCELERATORS):
                continue
            if not classes or ids["class"].startswith(classes):
                by_vendor[name].append({"pci": slot.lower(), "device": ids["device"], "class": ids["class"]})
    if vendor is None:
        counted = sorted(((len(found), name) for name, found in by_vendor.items() if found), reverse=True)
        vendor = counted[0][1] if counted else None
    return vendor, by_vendor.get(vendor or "", [])


def holders(host: Host, vendor: str | None) -> list[dict[str, object]]:
    """Processes that have a device file of the vendor open."""
    nodes = NODES.get(vendor or "")
    found = set()
    if nodes is None or not any(nodes.match(f"/dev/{name}") for name in host.names("dev")):
        return []
    for pid in host.names("proc"):
        if not pid.isdigit():
            continue
        for name in host.names(f"proc/{pid}/fd"):
            target = host.link(f"proc/{pid}/fd/{name}")
            if target and nodes.match(target):
                found.add((int(pid), target))
    return [{"pid": pid, "command": host.line(f"proc/{pid}/comm"), "device": node} for pid, node in sorted(found)]


def fabric_ports(host: Host) -> list[dict[str, object]]:
    """Ports of the host's own InfiniBand and RoCE cards (Linux, ABI/stable/sysfs-class-infiniband)."""
    kinds = {"InfiniBand": "infiniband", "Ethernet": "roce"}
    found = []
    for place in host.glob("sys/class/infiniband/*/ports/*"):
        card, _, port = place.split("/")[-3:]
        said = (host.line(f"{place}/state") or "").partition(":")[2].strip()
        state = "up" if said == "ACTIVE" else "down" if said else "unknown"
        kind = kinds.get(host.line(f"{place}/link_layer") or "", "unknown")
        found.append({"card": card, "port": number(port), "kind": kind, "state": state})
    return found


def container_runtime(host: Host, installed: dict[str, str]) -> dict[str, object]:
    """Which container runtime is there, and the names of the vendors' runtimes that its configuration knows."""
    mains = ("etc/containerd/config.toml", "etc/docker/daemon.json", "etc/crio/crio.conf")
    configs = [name for name in mains if host.exists(name)] + host.glob("etc/crio/crio.conf.d/*")
    drop_ins = host.glob("etc/containerd/conf.d/*.toml")  # which containerd reads where its main file names them
    imported = re.search(r"(?m)^\s*imports\s*=\s*\[[^\]]*/conf\.d/", host.text(mains[0]) or "")
    texts = "\n".join(host.text(name) or "" for name in configs + (drop_ins if imported else []))
    hooks = {"nvidia": "nvidia-container-runtime", "ascend": "ascend-docker-runtime"}
    package = next((name for name in ("containerd", "containerd.io") if name in installed), None)
    default = re.search(r'default[_-]runtime(?:_name)?"?\s*[=:]\s*"([^"]+)"', texts)
    return {
        "containerd": installed[package] if package else None,
        "configs": [f"/{name}" for name in configs + drop_ins],
        "hooks": sorted(name for name, word in hooks.items() if word in texts),
        "default": default.group(1) if default else None,
    }


def services(host: Host) -> dict[str, dict[str, str]]:
    """State of the services that accelerator hosts live by, of those that are there."""
    if not host.exists("run/systemd/system"):
        return {}
    (answer,) = host.run(["systemctl", "show", "--property=Id,LoadState,ActiveState,UnitFileState", *SERVICES])
    said = [pairs(paragraph) for paragraph in (answer or "").split("\n\n")]
    return {
        each["Id"][: -len(".service")]: {
            "active": each.get("ActiveState", ""),
            "enabled": each.get("UnitFileState", ""),
        }
        for each in said
        if each.get("LoadState") == "loaded" and each.get("Id", "").endswith(".service")
    }


def record(host: Host, name: str) -> dict[str, object] | None:
    """A JSON object that Causeway keeps on the host; None when there is none that can be understood."""
    text = host.text(f"{STATE}/{name}")
    if text is None:
        return None
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        host.problem("record-unreadable", f"/{STATE}/{name} is not what Causeway writes")
        return None
    return found


# --- the vendors ---


def device(pci: dict[str, str], **values: object) -> dict[str, object]:
    """One device, in the form that all vendors share."""
    made = {"index": None, "id": pci["device"], "pci": pci["pci"], "name": None, "uuid": None, "firmware": None}
    return dict(made, **dict({"healthy": None, "reason": "not known"}, **values))


def _judged(reasons: list[str]) -> dict[str, object]:
    return {"healthy": not reasons, "reason": "; ".join(reasons)}


def _left_out(tool: str) -> dict[str, object]:
    return {"healthy": False, "reason": f"on the bus, and {tool} does not list it"}


NOT_LOADED = {"healthy": None, "reason": "the driver is not loaded"}


def nvidia(host: Host, on_bus: list[dict[str, str]], facts: dict[str, object]) -> None:
    """NVIDIA: `nvidia-smi`, only when the module is loaded, since root's call would load it."""
    installed = facts["packages"]["installed"]
    driver = facts["driver"]
    driver["loaded"] = host.line("sys/module/nvidia/version")
    driver["installed"] = _nvml_version(host) or module_on_disk(host, "nvidia", facts["kernel"]["running"])
    driver["module_on_disk"] = module_on_disk(host, "nvidia", facts["kernel"]["running"])
    toolkits = [name for name in installed if re.match(r"cuda-toolkit-\d+-\d+$", name)]
    driver["toolkit"] = upstream(installed[max(toolkits, key=release_key)]) if toolkits else None
    driver["container_toolkit"] = upstream(installed.get("nvidia-container-toolkit-base"))
    driver["fabric_manager"] = next(
        (upstream(installed[name]) for name in sorted(installed) if re.match(r"nvidia-fabricmanager(-\d+)?$", name)),
        None,
    )
    driver["open_modules"] = "Open Kernel Module" in (host.text("proc/driver/nvidia/version") or "") or None
    if driver["loaded"] is None:
        facts["devices"] = [device(pci, **NOT_LOADED) for pci in on_bus]
        return
    fields = f"{QUERY},{FABRIC_QUERY}"
    commands = (_smi(fields), ["nvidia-smi", "nvlink", "-s"], ["dmesg"])
    answer, links, log = host.run(*commands)
    if "is not a valid field" in (answer or ""):
        fields = QUERY
        host.problems = [problem for problem in host.problems if FABRIC_QUERY not in problem["text"]]
        (answer,) = host.run(_smi(fields))
    rows = {bus_id(row["pci.bus_id"]): row for row in nvidia_rows(answer, fields)}
    facts["fabric"]["links"] = nvlinks(links)
    troubles = _xid_troubles(host, log)
    down = {link["device"] for link in facts["fabric"]["links"] if link["state"] == "down"}
    for pci in on_bus:
        row = rows.get(pci["pci"])
        facts["devices"].append(
            device(pci, **_left_out("nvidia-smi"))
            if row is None
            else _gpu(pci, row, down, troubles.get(pci["pci"], []))
        )


def _smi(fields: str) -> list[str]:
    return ["nvidia-smi", f"--query-gpu={fields}", "--format=csv,noheader,nounits"]


def _nvml_version(host: Host) -> str | None:
    """Version of the library on disk: the name of the file that `libnvidia-ml.so.1` leads to."""
    for name in host.glob("usr/lib/*-linux-gnu/libnvidia-ml.so.1") + host.glob("usr/lib64/libnvidia-ml.so.1"):
        found = re.search(r"libnvidia-ml\.so\.(\d+\.[\d.]+)$", host.link(name) or "")
        if found:
            return found.group(1)
    return None


def _xid_troubles(host: Host, log: str | None) -> dict[str, list[str]]:
    troubles = {}
    for each in xids(log):
        action = XID_ACTION.get(each["code"])
        if action:
            troubles.setdefault(each["pci"], []).append(f"Xid {each['code']}: {action}")
        elif each["code"] in XID_RESET:
            host.problem(
                "xid", f"{each['pci']} had Xid {each['code']} since the boot: reset the GPU unless it was since"
            )
    return troubles


def _gpu(pci: dict[str, str], row: dict[str, str | None], down: set[int], troubles: list[str]) -> dict[str, object]:
    index = number(row["index"])
    errors = number(row["ecc.errors.uncorrected.volatile.total"])
    reasons = list(troubles)
    if errors:
        reasons.append(f"{errors} uncorrected memory errors")
    if index in down:
        reasons.append("an NVLink is down")
    state = (row.get("fabric.state") or "").lower()
    if state and state != "completed":
        reasons.append(f"NVSwitch fabric: {row['fabric.state']}")
    elif state and (row.get("fabric.status") or "").lower() not in ("", "success"):
        reasons.append(f"NVSwitch fabric: {row['fabric.status']}")
    return device(
        pci,
        index=index,
        name=row["name"],
        uuid=row["uuid"],
        mig=row["mig.mode.current"],
        persistence=row["persistence_mode"],
        uncorrected_errors=errors,
        fabric_state=row.get("fabric.state"),
        **_judged(reasons),
    )


def huawei(host: Host, on_bus: list[dict[str, str]], facts: dict[str, object]) -> None:
    """Huawei Ascend: the files that the installers write, `npu-smi`, and `hccn_tool` for the ports of the NPUs."""
    driver = facts["driver"]
    base = pairs(host.text("etc/ascend_install.info")).get("Driver_Install_Path_Param") or "/usr/local/Ascend"
    base = base.strip("/") or "usr/local/Ascend"
    said = pairs(host.text(f"{base}/driver/version.info"))
    firmware = pairs(host.text(f"{base}/firmware/version.info"))
    driver["installed"] = known(said.get("Version"))
    driver["loaded"] = next(filter(None, (host.line(f"sys/module/{name}/version") for name in MODULES["huawei"])), None)
    driver["firmware_installed"] = known(firmware.get("Version"))
    driver["firmware_range"] = known(said.get("compatible_version_fw"))
    driver["toolkit"] = _cann_version(host, base)
    driver["toolkits"] = _toolkits(host, base)
    runtime = pairs(host.text(f"{base}/Ascend-Docker-Runtime/ascend_docker_runtime_install.info"))
    driver["container_toolkit"] = version(runtime.get("version"))
    if driver["loaded"] is None:
        facts["devices"] = [device(pci, **NOT_LOADED) for pci in on_bus]
        return
    answer, mapping = host.run(["npu-smi", "info"], ["npu-smi", "info", "-m"])
    table, logic = npu_table(answer), npu_map(mapping)
    driver["tool"] = table["tool"]
    if "-8005" in (answer or ""):
        host.problem(
            "driver-not-initialised", "npu-smi answers -8005: driver and firmware do not fit, or a reboot is due"
        )
    chips = {chip["pci"]: chip for chip in table["chips"]}
    indexes = {pci: logic.get((chip["card"], chip["chip"])) for pci, chip in chips.items()}
    boards = _boards(host, sorted({chip["card"] for chip in chips.values()}))
    facts["fabric"]["links"] = _ports(host, sorted(index for index in indexes.values() if index is not None))
    down = {link["device"] for link in facts["fabric"]["links"] if link["state"] == "down"}
    for pci in on_bus:
        chip = chips.get(pci["pci"])
        facts["devices"].append(
            _npu(pci, chip, boards.get(chip["card"], {}), indexes[pci["pci"]], down)
            if chip
            else device(pci, **_left_out("npu-smi"))
        )
    versions = {each["firmware"] for each in facts["devices"]}
    driver["firmware"] = versions.pop() if len(versions) == 1 else None


def _cann_version(host: Host, base: str) -> str | None:
    """Version of CANN in use: the one that the links `cann` (8.5 and later) or `ascend-toolkit/latest` lead to."""
    for pattern in (f"{base}/cann/*-linux", f"{base}/ascend-toolkit/latest/*-linux"):
        for folder in host.glob(pattern):
            found = known(pairs(host.text(f"{folder}/ascend_toolkit_install.info")).get("version"))
            if found:
                return found
    return None


def _toolkits(host: Host, base: str) -> dict[str, list[str]]:
    """Packages of CANN by version, of the versions that its links lead to; before 8.5 it had a link of its own."""
    found = {}
    for link in ("cann", "ascend-toolkit/latest", "nnal/atb/latest"):
        for path in host.glob(f"{base}/{link}/*-linux/ascend_*_install.info"):
            said = known(pairs(host.text(path)).get("version"))
            if said:
                found.setdefault(said, []).append(os.path.basename(path)[len("ascend_") : -len("_install.info")])
    return found


def _boards(host: Host, cards: list[int]) -> dict[int, dict[str, str]]:
    answers = host.run(*(["npu-smi", "info", "-t", "board", "-i", str(card)] for card in cards))
    return {card: (blocks(answer) or [{}])[0] for card, answer in zip(cards, answers)}


def _ports(host: Host, indexes: list[int]) -> list[dict[str, object]]:
    """The network port of each NPU. Cards without one (310P) have no `hccn_tool` answer, and no entry."""
    tool = "/usr/local/Ascend/driver/tools/hccn_tool"
    if not host.exists(tool.lstrip("/")):
        return []
    answers = host.run(*([host.path(tool.lstrip("/")), "-i", str(index), "-link", "-g"] for index in indexes))
    return [
        {"device": index, "link": 0, "kind": "roce", "state": link_state(answer)}
        for index, answer in zip(indexes, answers)
        if "link status" in (answer or "").lower()
    ]


def _npu(
    pci: dict[str, str], chip: dict[str, object], board: dict[str, str], index: int | None, down: set[int]
) -> dict[str, object]:
    reasons = []
    if chip["health"] != "OK":
        reasons.append(f"npu-smi: health {chip['health'] or 'not known'}")
    fits = known(board.get("Compatibility"))
    if fits is not None and fits != "OK":
        reasons.append(f"npu-smi: driver and firmware compatibility {fits}")
    if index in down:
        reasons.append("its network port is down")
    return device(
        pci,
        index=index,
        name=chip["name"],
        card=chip["card"],
        chip=chip["chip"],
        firmware=known(board.get("Firmware Version")),
        compatibility=fits,
        **_judged(reasons),
    )


def cambricon(host: Host, on_bus: list[dict[str, str]], facts: dict[str, object]) -> None:
    """Cambricon: the driver's files below `/proc`, and `cnmon`."""
    installed = facts["packages"]["installed"]
    driver = facts["driver"]
    driver["loaded"] = host.line("sys/module/cambricon_drv/version")
    named = next((installed[name] for name in sorted(installed) if re.match(r"cambricon-mlu-driver", name)), None)
    driver["installed"] = version(named)
    driver["module_on_disk"] = module_on_disk(host, "cambricon_drv", facts["kernel"]["running"])
    driver["toolkit"] = known(installed.get("cntoolkit"))
    driver["cncl"] = known(installed.get("cncl"))
    if driver["loaded"] is None:
        facts["devices"] = [device(pci, **NOT_LOADED) for pci in on_bus]
        return
    answer, overview = host.run(["cnmon", "info"], ["cnmon"])
    table = cnmon_table(overview)
    driver["tool"] = table["tool"]
    cards = {card["pci"]: card for card in cnmon_info(answer) if card["pci"]}
    rows = {card["pci"]: card for card in table["cards"]}
    for pci in on_bus:
        card, row = cards.get(pci["pci"]), rows.get(pci["pci"])
        slot = pairs(host.text(f"proc/driver/cambricon/mlus/{pci['pci']}/information"), ":")
        facts["devices"].append(
            _card(pci, card or {}, row or {}, slot) if card or row else device(pci, **_left_out("cnmon"))
        )
        if card and card["link"]:
            state = card["link"].lower()
            state = state if state in ("up", "down") else "unknown"
            facts["fabric"]["links"].append({"device": card["index"], "link": 0, "kind": "mlulink", "state": state})
    versions = {each["firmware"] for each in facts["devices"]}
    driver["firmware"] = versions.pop() if len(versions) == 1 else None


def _card(
    pci: dict[str, str], card: dict[str, object], row: dict[str, object], slot: dict[str, str]
) -> dict[str, object]:
    reasons = []
    if card.get("health") is not None and card["health"] != "Good":
        reasons.append(f"cnmon: device {card['health']}")
    if card.get("driver_state") not in (None, "Running"):
        reasons.append(f"cnmon: driver {card['driver_state']}")
    errors = card.get("uncorrected") or row.get("uncorrected")
    if errors:
        reasons.append(f"{errors} uncorrected memory errors")
    if (card.get("link") or "").lower() == "down":
        reasons.append("its MLU-Link is down")
    judged = _judged(reasons)
    if not reasons and card.get("health") is None:
        judged = {"healthy": None, "reason": "cnmon does not say how it is"}
    return device(
        pci,
        index=card.get("index", row.get("index")),
        name=card.get("name") or row.get("name") or known(slot.get("Device name")),
        uuid=card.get("uuid"),
        firmware=version(card.get("firmware") or row.get("firmware") or slot.get("MLU Firmware Version")),
        uncorrected_errors=errors,
        **judged,
    )


VENDORS = {"nvidia": nvidia, "huawei": huawei, "cambricon": cambricon}


# --- all together ---


def reboot_reasons(host: Host, facts: dict[str, object]) -> list[str]:
    """Why this host is not what is installed on it until it reboots."""
    reasons = []
    if facts["kernel"]["pending"]:
        newest = facts["kernel"]["newest_installed"]
        reasons.append(f"kernel {newest} is installed and {facts['kernel']['running']} runs")
    driver = facts["driver"]
    on_disk = driver.get("module_on_disk") or driver["installed"]
    if driver["loaded"] and on_disk and driver["loaded"] != on_disk:
        reasons.append(f"driver {on_disk} is installed and {driver['loaded']} is loaded")
    flashed = driver.get("firmware_installed")
    if flashed and driver["firmware"] and flashed != driver["firmware"]:
        reasons.append(f"firmware {flashed} is flashed and {driver['firmware']} runs")
    if host.exists("run/reboot-required"):
        reasons.append("the system's packages ask for it (/run/reboot-required)")
    return reasons


def free_mib(host: Host) -> dict[str, int | None]:
    """Room on the disks that packages, sources and packages' archives take."""
    return {f"/{name}": host.free_mib(name) for name in ("", "usr", "var", "boot")}


def gather(host: Host, vendor: str | None = None, pci_vendor: str | None = None) -> dict[str, object]:
    """All facts of a host.

    Args:
        host: its files and commands.
        vendor: whose accelerators to look for; None for that vendor of whom most are on the bus.
        pci_vendor: PCI vendor id of a vendor that this module knows nothing else of.
    """
    vendor, on_bus = pci_devices(host, vendor, pci_vendor)
    facts = {
        "schema": SCHEMA,
        "vendor": vendor,
        "os": operating_system(host),
        "kernel": kernel(host),
        "boot_id": host.line("proc/sys/kernel/random/boot_id"),
        "packages": packages(host),
        "driver": dict.fromkeys(("installed", "loaded", "firmware", "toolkit", "container_toolkit", "tool")),
        "devices": [],
        "modules": module_versions(host, vendor),
        "holders": holders(host, vendor),
        "fabric": {"links": [], "ports": fabric_ports(host)},
        "free_mib": free_mib(host),
        "services": services(host),
        "stamp": record(host, "stamp.json"),
        "lock": record(host, "lock.json"),
        "quiesced": host.exists(f"{STATE}/quiesced.json"),
    }
    facts["container_runtime"] = container_runtime(host, facts["packages"]["installed"])
    if os.geteuid() != 0:
        host.problem("not-root", "other users' processes that hold a device cannot be seen")
    if vendor in VENDORS:
        VENDORS[vendor](host, on_bus, facts)
    else:
        facts["devices"] = [device(pci, reason="its vendor's own role has to ask it") for pci in on_bus]
    facts["reboot_reasons"] = reboot_reasons(host, facts)
    facts["reboot_required"] = bool(facts["reboot_reasons"])
    facts["problems"] = host.problems
    return facts


def main() -> None:
    """Answer whoever called: Ansible, which has loaded its own code before, or a person or program over SSH."""
    if "ansible.module_utils.basic" in sys.modules:
        from ansible.module_utils.basic import AnsibleModule

        module = AnsibleModule(
            argument_spec={"vendor": {"type": "str"}, "pci_vendor": {"type": "str"}}, supports_check_mode=True
        )
        facts = gather(Host(), module.params["vendor"], module.params["pci_vendor"])
        module.exit_json(changed=False, ansible_facts={"accelerator_facts": facts})
    wanted = next((word for word in sys.argv[1:] if word in PCI), None)
    sys.stdout.write(json.dumps(gather(Host(), wanted), separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
