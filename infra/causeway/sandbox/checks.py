"""What a machine must have for a sandbox, looked at before anything is made. `look` reads, `verify` judges."""

from __future__ import annotations

import os
import platform
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from causeway.errors import CausewayError, Permanent, Problems
from causeway.sandbox import cgroup
from causeway.sandbox.command import as_root

MIN_KERNEL = (5, 14)  # the first with cgroup.kill
INOTIFY_PER_HOST = 7
INOTIFY_RESERVE = 8
GIB = 1 << 30
UNFIT_IN_OVERLAY = frozenset(":,\\")
IMAGE_BYTES = 3 * GIB  # image, package pool and mirror, and the space to make them
HOST_BYTES = GIB // 4
DEBIAN_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
INSTANCES = Path("/proc/sys/fs/inotify/max_user_instances")


@dataclass(frozen=True, slots=True)
class MissingProgram:
    """A program that is not here, and the Debian package that carries it."""

    name: str
    package: str


@dataclass(frozen=True, slots=True)
class Need:
    """What is about to be made: hosts that will boot anew, and whether the image is in the cache."""

    new_hosts: int
    image_cached: bool


@dataclass(frozen=True, slots=True)
class Machine:
    """What the checks look at, as it was read."""

    root: bool
    kernel: str
    cgroup2: bool
    missing: tuple[MissingProgram, ...]
    keyring: bool
    inotify_instances: int
    inotify_used: int
    home: Path
    cache: Path
    home_type: str
    free_bytes: int

    @property
    def hosts_by_inotify(self) -> int:
        """How many more hosts root's inotify instances are enough for."""
        return max(0, (self.inotify_instances - self.inotify_used - INOTIFY_RESERVE) // INOTIFY_PER_HOST)


def look(home: Path, cache: Path, missing: Sequence[MissingProgram]) -> Machine:
    """Read the machine's state. The folders need not exist yet; `missing` is what the list of programs lacks."""
    existing = _existing(home)
    return Machine(
        root=os.geteuid() == 0,
        kernel=platform.release(),
        cgroup2=_has_cgroup2(),
        missing=tuple(missing),
        keyring=DEBIAN_KEYRING.is_file(),
        inotify_instances=int(INSTANCES.read_text()),
        inotify_used=_inotify_used(),
        home=home,
        cache=cache,
        home_type=_file_system(existing),
        free_bytes=shutil.disk_usage(existing).free,
    )


def verify(machine: Machine, need: Need) -> None:
    """Raise unless the machine can carry what is needed.

    Raises:
        Problems: each thing that is wrong, with the command that mends it.
    """
    errors = [error for error in (*_system(machine, need), *_room(machine, need)) if error]
    if errors:
        raise Problems(tuple(errors))


def verify_disk(home: Path, needed: int, what: str) -> None:
    """Raise unless `needed` bytes are free where `home` is, or will be.

    Raises:
        Permanent: they are not.
    """
    free = shutil.disk_usage(_existing(home)).free
    if needed > free:
        raise _too_little_disk(home, free, needed, what)


def _existing(folder: Path) -> Path:
    return next(each for each in (folder, *folder.parents) if each.is_dir())


def _system(machine: Machine, need: Need) -> Sequence[CausewayError | None]:
    return (
        None
        if machine.root
        else _error(
            "not-root", "sandbox hosts need root: systemd-nspawn refuses to work without", as_root("sandbox up")
        ),
        _kernel(machine),
        None
        if machine.cgroup2
        else _error(
            "no-cgroup2",
            "no cgroup2 file system is mounted, and the sandbox keeps its processes in one",
            "mkdir -p /sys/fs/cgroup/unified && mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified",
            where="/proc/self/mountinfo",
        ),
        *(
            _error(
                "missing-program", f"{program.name} is not installed", _install(machine.missing), subject=program.name
            )
            for program in machine.missing
        ),
        None
        if machine.keyring or need.image_cached
        else _error(
            "no-debian-keyring",
            "Debian's archive keys are not here, so the hosts' packages could not be verified",
            "apt-get install -y --no-install-recommends debian-archive-keyring",
            where=str(DEBIAN_KEYRING),
        ),
        None
        if machine.home_type not in ("overlay", "overlayfs")
        else _error(
            "home-on-overlay",
            "the hosts' disks are overlays, and an overlay cannot lie on another (a container's own disk is one)",
            "put it on a volume: CAUSEWAY_HOME=/path/on/a/volume causeway sandbox up",
            where=str(machine.home),
        ),
        *(_path(folder) for folder in (machine.home, machine.cache)),
    )


def _path(folder: Path) -> CausewayError | None:
    if not set(str(folder)) & UNFIT_IN_OVERLAY:
        return None
    return _error(
        "path-unfit-for-overlay",
        f"the hosts' disks are overlays, and their paths cannot hold any of {' '.join(sorted(UNFIT_IN_OVERLAY))}",
        "use another path: CAUSEWAY_HOME=/path/on/a/disk causeway sandbox up",
        where=str(folder),
    )


def _kernel(machine: Machine) -> CausewayError | None:
    found = re.match(r"(\d+)\.(\d+)", machine.kernel)
    if found and (int(found[1]), int(found[2])) >= MIN_KERNEL:
        return None
    return _error(
        "old-kernel",
        f"the kernel is {machine.kernel}; ending a sandbox for certain needs cgroup.kill, which Linux 5.14 brought",
        "boot a kernel of 5.14 or newer",
        where="uname -r",
    )


def _room(machine: Machine, need: Need) -> Sequence[CausewayError | None]:
    instances = machine.inotify_used + INOTIFY_RESERVE + need.new_hosts * INOTIFY_PER_HOST
    disk = need.new_hosts * HOST_BYTES + (0 if need.image_cached else IMAGE_BYTES)
    return (
        None
        if not need.new_hosts or instances <= machine.inotify_instances
        else _error(
            "too-few-inotify-instances",
            f"root may hold {machine.inotify_instances} inotify instances, {machine.inotify_used} are in use, and "
            f"{need.new_hosts} more hosts need about {INOTIFY_PER_HOST} each: {instances} in all",
            f"sysctl -w fs.inotify.max_user_instances={max(512, instances * 2)}",
            where="fs.inotify.max_user_instances",
        ),
        None
        if disk <= machine.free_bytes
        else _too_little_disk(
            machine.home,
            machine.free_bytes,
            disk,
            f"{need.new_hosts} new hosts{'' if need.image_cached else ' and their image'}",
        ),
    )


def _too_little_disk(home: Path, free: int, needed: int, what: str) -> CausewayError:
    return _error(
        "too-little-disk",
        f"{free / GIB:.1f} GiB are free, {needed / GIB:.1f} GiB are needed ({what})",
        "free some, or use another disk: CAUSEWAY_HOME=/path/with/room causeway sandbox up",
        where=str(home),
    )


def _error(code: str, reason: str, hint: str, *, subject: str = "", where: str = "") -> CausewayError:
    return Permanent(code, reason, subject=subject, where=where or None, hint=hint)


def _install(missing: Sequence[MissingProgram]) -> str:
    return f"apt-get install -y --no-install-recommends {' '.join(sorted({each.package for each in missing}))}"


def _has_cgroup2() -> bool:
    try:
        cgroup.mount_point()
    except Permanent:
        return False
    return True


def _file_system(path: Path) -> str:
    """The type of the file system that a folder lies on: that of the longest mount point above it."""
    path = path.resolve()
    best, kind = Path("/"), ""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, _, right = line.partition(" - ")
        mount = Path(left.split()[4].replace("\\040", " "))
        if path.is_relative_to(mount) and len(mount.parts) >= len(best.parts):
            best, kind = mount, right.split()[0]
    return kind


def _inotify_used() -> int:
    """Inotify instances of root's processes, as far as we may see them."""
    count = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if process.stat().st_uid != 0:
                continue
            count += sum(str(handle.readlink()) == "anon_inode:inotify" for handle in (process / "fd").iterdir())
        except OSError:  # the process ended, or is another user's
            continue
    return count
