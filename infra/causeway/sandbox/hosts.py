"""The hosts: makes their disks, boots them under a supervisor, knows their state, runs programs in them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path

from causeway.errors import Permanent, Retryable
from causeway.sandbox import connect, network, rootfs
from causeway.sandbox.cgroup import Cgroup, of_fleet, place_in_hierarchy
from causeway.sandbox.command import spawn
from causeway.sandbox.image import Image
from causeway.sandbox.layout import Layout
from causeway.sandbox.spec import HostSpec, SandboxSpec

SUPERVISOR = Path(__file__).parent / "data" / "boot-host.sh"
POLL_S = 0.05
BOOT_TIMEOUT_S = 90.0


class State(StrEnum):
    """What a host is found to be.

    `crashed`: it ended though nobody powered it off. `orphaned`: it runs, but its supervisor or its systemd-nspawn
    was killed, so it could not reboot. Both are mended by `up`.
    """

    ABSENT = "absent"
    RUNNING = "running"
    OFF = "off"
    CRASHED = "crashed"
    ORPHANED = "orphaned"


def group(layout: Layout, name: str) -> Cgroup:
    """The control group of one host."""
    return of_fleet(layout.fleet) / "hosts" / name


def existing(layout: Layout) -> tuple[str, ...]:
    """The hosts whose disks are there."""
    if not layout.hosts.is_dir():
        return ()
    return tuple(sorted(path.name for path in layout.hosts.iterdir() if not path.name.startswith(".")))


def sweep(layout: Layout) -> None:
    """Delete what an interrupted making or removal of a host has left."""
    layout.hosts.mkdir(parents=True, exist_ok=True)
    for leftover in layout.hosts.glob(".*"):
        shutil.rmtree(leftover)


def prepare(layout: Layout, image: Image, spec: SandboxSpec, host: HostSpec, public_key: str) -> None:
    """Make a host's disk: aside, then renamed into place, so that a half-made one is never booted."""
    fresh = layout.hosts / f".new-{host.name}"
    for part in ("upper", "work", "root"):
        (fresh / part).mkdir(parents=True)
    rootfs.write(fresh / "upper", image.base, host, spec.mirrors, public_key)
    record = {"digest": made_from(image, spec, host), "lower": image.lower, "host": asdict(host)}
    (fresh / "record.json").write_text(json.dumps(record, indent=2))
    fresh.rename(layout.host(host.name))


def made_from(image: Image, spec: SandboxSpec, host: HostSpec) -> str:
    """The digest of all that a host's disk is made from."""
    return f"{host.digest()}-{image.digest}-{'+'.join(name for name, _ in spec.mirrors)}"


def recorded_digest(layout: Layout, name: str) -> str | None:
    """What the disk that is there was made from."""
    try:
        return str(json.loads((layout.host(name) / "record.json").read_text())["digest"])
    except (OSError, ValueError, KeyError):
        return None


def recorded_lower(layout: Layout, name: str) -> tuple[str, ...]:
    """The folders below the host's disk."""
    try:
        return tuple(json.loads((layout.host(name) / "record.json").read_text())["lower"].split(":"))
    except (OSError, ValueError, KeyError):
        return ()


def recorded(layout: Layout, name: str) -> HostSpec:
    """The host as it was declared when its disk was made.

    Raises:
        Permanent: this sandbox has no such host; the reason names the nearest.
    """
    try:
        return HostSpec.from_dict(json.loads((layout.host(name) / "record.json").read_text())["host"])
    except (OSError, KeyError) as error:
        names = existing(layout)
        near = get_close_matches(name, names, n=1)
        raise Permanent(
            "unknown-host",
            f"the sandbox {layout.fleet} has no host {name!r}"
            + (f"; did you mean {near[0]}?" if near else f"; it has: {', '.join(names) or 'none'}"),
            where=str(layout.home),
            hint="causeway sandbox status" if names else "causeway sandbox up",
        ) from error


def start(layout: Layout, name: str) -> None:
    """Boot a host. Its disk is there and it does not run."""
    folder = layout.host(name)
    (folder / "powered-off").unlink(missing_ok=True)
    lower = ":".join(recorded_lower(layout, name))
    place = group(layout, name)
    place.kill()
    supervisor: list[str | Path] = ["sh", SUPERVISOR, place_in_hierarchy(place), name, folder, lower, network.BRIDGE]
    spawn(
        ["unshare", "--mount", "--propagation", "private", "--", *supervisor],
        cgroup=(place / "supervisor").path,
        log=folder / "console.log",
        netns=layout.netns,
    )


def state(layout: Layout, name: str) -> State:
    """What the host is right now."""
    folder = layout.host(name)
    if not (folder / "record.json").is_file():
        return State.ABSENT
    place = group(layout, name)
    supervised = (place / "supervisor").populated
    if supervised:
        return State.RUNNING
    if place.populated:
        return State.ORPHANED
    return State.OFF if (folder / "powered-off").exists() else State.CRASHED


def init_pid(layout: Layout, name: str) -> int | None:
    """The host's own process 1, as the machine numbers it; None when the host is off or not yet that far."""
    place = group(layout, name)
    for machine in sorted(place.path.glob("machine.*"), reverse=True):
        for pid in Cgroup(machine).pids():
            try:
                status = Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue
            numbers = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()[1:]
            if len(numbers) > 1 and numbers[-1] == "1":
                return pid
    return None


def exec_in_host(
    layout: Layout, name: str, argv: Sequence[str], *, stdin: str | None = None, timeout: float = 60
) -> subprocess.CompletedProcess[str] | None:
    """Run a program as root inside a host, without SSH. None when the host is off.

    Raises:
        Retryable: it took longer than `timeout` seconds.
    """
    pid = init_pid(layout, name)
    if pid is None:
        return None
    inside = ["nsenter", "--target", str(pid), "--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--wd"]
    # Joins the host's control group first, so that what stays behind ends with the host.
    place = (group(layout, name) / "exec").path
    enter = ["sh", "-c", 'mkdir -p "$0" && echo $$ >"$0/cgroup.procs" && exec "$@"', str(place), *inside, "--", *argv]
    try:
        return subprocess.run(
            enter,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Retryable("timeout", f"`{' '.join(argv)}` took longer than {timeout:.0f} s", where=name) from error


def answers(layout: Layout, host: HostSpec, timeout: float = 1.0) -> bool:
    """Whether the host's SSH server greets."""
    try:
        with connect.dial(str(layout.dialer_socket), host.address, host.port, timeout) as line:
            line.settimeout(timeout)
            return line.recv(4) == b"SSH-"
    except OSError:
        return False


def wait_ready(layout: Layout, host: HostSpec, given_up: threading.Event, timeout: float = BOOT_TIMEOUT_S) -> None:
    """Wait until the host lets users in, or until nobody waits any more (`given_up`).

    Raises:
        Permanent: it ended while booting; its console's last lines are in the reason.
        Retryable: it did not come up in time.
    """
    deadline = time.monotonic() + timeout
    settled = time.monotonic() + 1  # the supervisor needs a moment to join its group
    while not answers(layout, host) and not given_up.is_set():
        now = time.monotonic()
        if now > settled and state(layout, host.name) is not State.RUNNING:
            raise Permanent(
                "host-died",
                f"the host ended while booting; its console's last lines: {console_tail(layout, host.name)}",
                where=host.name,
                hint=f"see {layout.host(host.name)}/console.log, then run `causeway sandbox up` again",
            )
        if now > deadline:
            raise Retryable(
                "host-slow",
                f"no SSH server after {timeout:.0f} s; console: {console_tail(layout, host.name)}",
                where=host.name,
                hint=f"see {layout.host(host.name)}/console.log, then run `causeway sandbox up` again",
            )
        time.sleep(POLL_S)


def console_tail(layout: Layout, name: str, lines: int = 4) -> str:
    """The last lines that the host or its supervisor wrote."""
    try:
        text = (layout.host(name) / "console.log").read_text(errors="replace")
    except FileNotFoundError:
        return "(no console log)"
    return " / ".join(line.strip() for line in text.splitlines()[-lines:]) or "(nothing)"


def power_off(layout: Layout, name: str, *, timeout: float = 30) -> None:
    """Shut a host down as its power button would; it stays off until it is powered on.

    Raises:
        Retryable: it did not shut down in time.
    """
    place = group(layout, name)
    for pid in (place / "supervisor").pids():
        _terminate(pid)
    deadline = time.monotonic() + timeout
    while place.populated:
        if time.monotonic() > deadline:
            raise Retryable(
                "host-hangs",
                f"the host did not shut down in {timeout:.0f} s",
                where=name,
                hint=f"causeway sandbox power {name} off --cut",
            )
        time.sleep(POLL_S)
    cut(layout, name)


def _terminate(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return


def cut(layout: Layout, name: str) -> None:
    """Take a host's power away at once; it stays off until it is powered on."""
    (layout.host(name) / "powered-off").touch()
    group(layout, name).kill()


def remove(layout: Layout, name: str) -> None:
    """End a host and delete its disk."""
    group(layout, name).kill()
    folder = layout.host(name)
    if folder.exists():
        # First out of sight: a removal that is interrupted leaves no host that could be taken for whole.
        doomed = layout.hosts / f".old-{name}"
        folder.rename(doomed)
        shutil.rmtree(doomed)
