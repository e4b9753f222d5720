"""The control group of a sandbox: the one register of its processes, and the way to end all of them for certain.

Every process of a sandbox lives below one group of the cgroup2 hierarchy. So `down` needs no pid file, and misses
nothing when a supervisor, or this program, was killed.
"""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from causeway.errors import Permanent, Retryable

SYSTEMD_IS_PID_1 = Path("/run/systemd/system")  # what sd_booted(3) looks at
POLL_S = 0.02
SCOPE_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Cgroup:
    """A group by its folder. The folder may not exist: then it has no process."""

    path: Path

    def __truediv__(self, name: str) -> Cgroup:
        """The group `name` below this one."""
        return Cgroup(self.path / name)

    @property
    def populated(self) -> bool:
        """Whether a process lives in it or below it."""
        try:
            return "populated 1" in (self.path / "cgroup.events").read_text()
        except (FileNotFoundError, OSError):
            return False

    def pids(self) -> tuple[int, ...]:
        """The processes in it and below it."""
        found: list[int] = []
        for folder, _, _ in os.walk(self.path):
            try:
                found += [int(line) for line in (Path(folder) / "cgroup.procs").read_text().split()]
            except OSError:  # the group went away, or is threaded, while we looked
                continue
        return tuple(found)

    def kill(self, *, timeout: float = 10) -> None:
        """End every process in it and below it with SIGKILL, then remove it.

        Raises:
            Retryable: a process did not die in time (it waits in the kernel for a device or a disk).
        """
        if not self.path.is_dir():
            return
        try:
            (self.path / "cgroup.kill").write_text("1")
        except FileNotFoundError:
            if self.path.is_dir():
                raise
            return
        deadline = time.monotonic() + timeout
        while self.populated:
            if time.monotonic() > deadline:
                raise Retryable(
                    "process-survives",
                    f"processes {self.pids()} do not die",
                    where=str(self.path),
                    hint="run the command again; a process that stays waits in the kernel",
                )
            time.sleep(POLL_S)
        self.remove()

    def remove(self) -> None:
        """Remove the folder and those below it; nothing happens to one that still has a process."""
        for folder, _, _ in os.walk(self.path, topdown=False):
            try:
                Path(folder).rmdir()
            except OSError:  # gone already, or a process joined: the caller looks at `populated`
                continue


def mount_point() -> Path:
    """Where cgroup2 is mounted.

    Raises:
        Permanent: nowhere.
    """
    return _mount()[1]


def place_in_hierarchy(group: Cgroup) -> str:
    """The group's place below the root of the hierarchy, as a fresh mount of cgroup2 shows it.

    That is not its place below the mount point where a container sees only a part of the hierarchy there.
    """
    root, mounted = _mount()
    return str(root / group.path.relative_to(mounted)).lstrip("/")


def _mount() -> tuple[PurePosixPath, Path]:
    """Which part of the hierarchy is mounted, and where (proc(5): fields 4 and 5 of mountinfo)."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, _, right = line.partition(" - ")
        if right.split()[0] == "cgroup2":
            fields = left.split()
            return PurePosixPath(fields[3]), Path(fields[4])
    raise Permanent(
        "no-cgroup2",
        "no cgroup2 file system is mounted, and the sandbox keeps its processes in one",
        where="/proc/self/mountinfo",
        hint="mkdir -p /sys/fs/cgroup/unified && mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified",
    )


def of_fleet(fleet: str) -> Cgroup:
    """The group of a fleet's sandbox, existing or to be made.

    Where systemd is PID 1, the hierarchy is systemd's and others may only write below a unit with `Delegate=yes`
    (systemd's CGROUP_DELEGATION document): there it is a scope of the system slice.
    """
    root = mount_point()
    scope = root / "system.slice" / f"causeway-{fleet}.scope"
    if SYSTEMD_IS_PID_1.is_dir() or scope.is_dir():
        return Cgroup(scope)
    return Cgroup(root / f"causeway-{fleet}")


def create(fleet: str) -> Cgroup:
    """Make the group of a fleet, if it is not there.

    Raises:
        Permanent: the machine does not let us.
        Retryable: systemd did not answer in time.
    """
    group = of_fleet(fleet)
    if group.path.is_dir():
        return group
    if _is_scope(group):
        _start_scope(group)
        return group
    try:
        group.path.mkdir()
    except OSError as error:
        raise Permanent(
            "cgroup-refused",
            f"the control group cannot be made: {error.strerror}",
            where=str(group.path),
            hint="run on a machine, or in a container, whose /sys/fs/cgroup is writable for root",
        ) from error
    return group


def destroy(fleet: str) -> int:
    """End every process of a fleet's sandbox and remove its group. Returns how many there were.

    Raises:
        Retryable: a process did not die in time.
    """
    group = of_fleet(fleet)
    count = len(group.pids())
    group.kill()
    if _is_scope(group):
        _stop_scope(group)
    return count


def _is_scope(group: Cgroup) -> bool:
    return group.path.suffix == ".scope" and SYSTEMD_IS_PID_1.is_dir()


def _start_scope(group: Cgroup) -> None:
    """A scope lives as long as a process does, so one that only sleeps holds it."""
    _stop_scope(group)  # systemd may still think that one is active whose group has gone
    anchor = f'mkdir -p "{group.path}/anchor" && echo $$ >"{group.path}/anchor/cgroup.procs" && exec sleep infinity'
    options = ["--scope", "--quiet", "--slice=system.slice", f"--unit={group.path.name}"]
    subprocess.run(
        ["setsid", "--fork", "systemd-run", *options, "-pDelegate=yes", "-pTasksMax=infinity", "sh", "-c", anchor],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    deadline = time.monotonic() + SCOPE_TIMEOUT_S
    while not (group / "anchor").populated:
        if time.monotonic() > deadline:
            raise Retryable(
                "scope-refused",
                f"systemd made no scope for the sandbox in {SCOPE_TIMEOUT_S:.0f} s",
                where=str(group.path),
                hint=f"journalctl --unit {group.path.name} may tell why",
            )
        time.sleep(POLL_S)


def _stop_scope(group: Cgroup) -> None:
    subprocess.run(
        ["systemctl", "stop", group.path.name],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=SCOPE_TIMEOUT_S,
        check=False,  # there may be none
    )
