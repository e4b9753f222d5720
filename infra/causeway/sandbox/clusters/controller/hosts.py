"""Looks into the sandbox's hosts through /proc, and starts and stops processes in them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import yaml

from causeway.sandbox import hosts
from causeway.sandbox.clusters.controller.state import Holder, HostState
from causeway.sandbox.layout import Layout
from causeway.sandbox.standins.state import AcceleratorState

# There while nobody may log in: from early in the boot until systemd-user-sessions is up, and again from the beginning
# of a shutdown.
NO_LOGIN = "run/nologin"
# networkd's own account of the host's network; a restart of networkd keeps the file.
NETWORK_STATE = "run/systemd/netif/state"
TRANSIENT_UNITS = "run/systemd/transient"
# Opens every file it is given, then becomes a sleep that keeps them open.
HOLD = 'for device; do exec {fd}<"$device" || exit 1; done; exec sleep infinity'
_INDEXED = re.compile(r"[a-z_]+(\d+)")
_DEVICE = re.compile(r"/dev/[\w./-]+")


Reader = Callable[[Path], AcceleratorState]


@dataclass(frozen=True, slots=True)
class DeviceFiles:
    """Where a vendor's driver makes its device files; `accelerator` is a glob."""

    control: str
    accelerator: str


def device_files() -> dict[str, DeviceFiles]:
    """The table of `data/devices.yaml`."""
    text = (resources.files("causeway.sandbox.clusters") / "data" / "devices.yaml").read_text(encoding="utf-8")
    return {vendor: DeviceFiles(**row) for vendor, row in yaml.safe_load(text).items()}


class SandboxHosts:
    """The `Hosts` of a sandbox whose hosts are machines of systemd-nspawn.

    Args:
        layout: where the fleet's hosts lie.
        vendors: the vendor of each host's accelerators; a host without any is not in it.
        read: tells the accelerators' state from a host's root folder.
    """

    def __init__(self, layout: Layout, vendors: Mapping[str, str], read: Reader) -> None:
        self._layout = layout
        self._vendors = vendors
        self._files = device_files()
        self._read = read
        self._inits: dict[str, tuple[int, str]] = {}

    def look(self, host: str) -> HostState:
        """The host now. Finding its process 1 costs a walk, so it is remembered with its start time."""
        found = self._init(host)
        if found is None:
            return HostState(running=False)
        pid, boot = found
        root = _root(pid)
        try:
            if not _in_service(root):
                return HostState(running=False)
            if host not in self._vendors:
                return HostState(running=True, boot=boot)
            state = self._read(root)
        except OSError as error:  # it ended while we looked, or its record is being written
            return HostState(running=_start_time(pid) is not None, boot=boot, reason=f"cannot look: {error.strerror}")
        return HostState(
            running=True,
            boot=boot,
            healthy=state.healthy if state.loaded else 0,
            reason="; ".join(state.reasons),
        )

    def held(self, host: str) -> tuple[Holder, ...]:
        """From the units' files: systemd removes a transient unit's when it ends."""
        found = self._init(host)
        if found is None:
            return ()
        return tuple(
            Holder(path.stem, tuple(_DEVICE.findall(_text(path).split("ExecStart=", 1)[-1])))
            for path in sorted((_root(found[0]) / TRANSIENT_UNITS).glob("sandbox-hold-*.service"))
        )

    def devices(self, host: str) -> tuple[str, ...]:
        """The accelerators' device files, in order of their index."""
        files, found = self._files.get(self._vendors.get(host, "")), self._init(host)
        if files is None or found is None:
            return ()
        folder, _, pattern = files.accelerator.rpartition("/")
        names = [path.name for path in (_root(found[0]) / folder.lstrip("/")).glob(pattern)]
        numbered = {
            int(number): name for name in names if (number := name.lstrip("abcdefghijklmnopqrstuvwxyz_")).isdigit()
        }
        return tuple(f"{folder}/{numbered[index]}" for index in sorted(numbered))

    def control_device(self, host: str) -> str | None:
        """The file that a plugin or an exporter keeps open, if it is there."""
        files, found = self._files.get(self._vendors.get(host, "")), self._init(host)
        if files is None or found is None or not (_root(found[0]) / files.control.lstrip("/")).exists():
            return None
        return files.control

    def hold(self, host: str, holder: Holder) -> None:
        """A transient unit of the host's own systemd."""
        described = "--description=Simulated pod that holds accelerators"
        options = ["--quiet", "--collect", "--no-block", f"--unit={holder.unit}", described]
        command = ["systemd-run", *options, "bash", "-c", HOLD, "sandbox-hold", *holder.devices]
        hosts.exec_in_host(self._layout, host, command, timeout=20)

    def release(self, host: str, unit: str) -> None:
        """Stops the unit; returns when its process has ended."""
        hosts.exec_in_host(self._layout, host, ["systemctl", "stop", f"{unit}.service"], timeout=20)

    def _init(self, host: str) -> tuple[int, str] | None:
        """The pid and the boot of the host's process 1."""
        known = self._inits.get(host)
        if known is not None and _start_time(known[0]) == known[1]:
            return known[0], _boot(known)
        self._inits.pop(host, None)
        pid = hosts.init_pid(self._layout, host)
        started = None if pid is None else _start_time(pid)
        if pid is None or started is None:
            return None
        self._inits[host] = (pid, started)
        return pid, _boot((pid, started))


def _in_service(root: Path) -> bool:
    """Whether a kubelet would run: the network is up and users may log in."""
    return "OPER_STATE=routable" in _text(root / NETWORK_STATE) and not (root / NO_LOGIN).exists()


def _boot(init: tuple[int, str]) -> str:
    return f"{init[0]}-{init[1]}"


def _root(pid: int) -> Path:
    return Path(f"/proc/{pid}/root")


def _start_time(pid: int) -> str | None:
    """Of a process, in clock ticks since the machine's boot; None when it is gone or only waits to be reaped."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in {"Z", "X"} else fields[19]


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # not there yet, or the host ended meanwhile
        return ""
