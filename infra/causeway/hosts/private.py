"""The private folder of an Ansible run: in memory, for this user alone, gone afterwards, also after a kill.

It holds the inventory with secrets in it, the sockets of OpenSSH's masters, and what ansible-runner writes.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from causeway.errors import Permanent
from causeway.hosts import identity

_OWNER = "owner"
_SOCKETS = "c"
_REMOVAL_S = 5.0
"""How long a folder may take to be gone."""


def base(environment: Mapping[str, str]) -> Path:
    """The folder of all private folders of this user: on a tmpfs where the machine has one.

    Raises:
        Permanent: somebody else made it first, or it cannot be made.
    """
    candidates = (environment.get("XDG_RUNTIME_DIR", ""), "/dev/shm")  # noqa: S108 - made private below
    parent = next((Path(c) for c in candidates if c and os.access(c, os.W_OK | os.X_OK)), Path(tempfile.gettempdir()))
    folder = parent / f"causeway-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise no_room(folder, error) from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise Permanent(
            "private-folder",
            "this folder has to be a directory that only you can open",
            where=str(folder),
            hint="remove it, and find out who made it",
        )
    return folder


def make(environment: Mapping[str, str]) -> Path:
    """A fresh private folder that belongs to this process.

    Raises:
        Permanent: it cannot be made.
    """
    parent = base(environment)
    try:
        folder = Path(tempfile.mkdtemp(dir=parent))
        (folder / _OWNER).write_text(identity.owner(), encoding="ascii")
        sockets(folder).mkdir(mode=0o700)
    except OSError as error:
        raise no_room(parent, error) from error
    return folder


def no_room(folder: Path, error: OSError) -> Permanent:
    """What to raise where a private folder cannot be written."""
    return Permanent(
        "private-folder",
        f"cannot be written: {error.strerror}",
        where=str(folder),
        hint="make room there (df), or set XDG_RUNTIME_DIR to another folder of yours in memory",
    )


def sockets(folder: Path) -> Path:
    """Where the masters' sockets of a run lie; a short name, since a socket's path has room for 107 bytes."""
    return folder / _SOCKETS


def remove(folder: Path) -> None:
    """Close the masters of a run, so that no connection outlives it, and remove its folder.

    The owner's mark goes last, so that `sweep` knows a folder whose removal was cut short; and what a thread of the run
    writes meanwhile goes too.
    """
    until = time.monotonic() + _REMOVAL_S
    while folder.is_dir() and time.monotonic() < until:
        with contextlib.suppress(OSError):  # somebody writes into it, or removes it too
            close_masters(folder)
            for path in [path for path in folder.iterdir() if path.name != _OWNER]:
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()
            (folder / _OWNER).unlink(missing_ok=True)
            folder.rmdir()
            return
        time.sleep(0.01)


def close_masters(folder: Path) -> None:
    """End the OpenSSH masters whose sockets lie in a folder."""
    if not sockets(folder).is_dir():
        return
    closing = [
        subprocess.Popen(
            ["ssh", "-F", "/dev/null", "-O", "exit", "-o", f"ControlPath={path}", "master"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for path in sockets(folder).iterdir()
        if _listens(path)
    ]
    for process in closing:
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _listens(path: Path) -> bool:
    """Whether a master is behind a socket; one that was killed has left it."""
    with socket.socket(socket.AF_UNIX) as line:
        try:
            line.connect(str(path))
        except OSError:
            return False
    return True


def sweep(environment: Mapping[str, str]) -> int:
    """Remove what killed runs have left. Returns how many there were."""
    left = 0
    for folder in base(environment).iterdir():
        try:
            owner = (folder / _OWNER).read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError):
            continue  # another process is making it right now
        if identity.is_gone(owner):
            remove(folder)
            left += 1
    return left
