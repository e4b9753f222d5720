"""The lock of a stack in a `file://` backend: whose it is, and whether its holder is gone.

The engine writes `<backend>/.pulumi/locks/<organisation>/<project>/<stack>/<id>.json` with `pid`, `username`,
`hostname` and `timestamp` (seen with 3.259.0), and removes it at its end. A killed engine leaves it. Only a lock of
this machine whose process is gone is stale beyond doubt; every other holder is named.
"""

from __future__ import annotations

import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlparse


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock as its file says."""

    file: Path
    pid: int
    user: str
    machine: str
    since: str

    @property
    def holder(self) -> str:
        """The holder, for people."""
        return f"process {self.pid} of {self.user} on {self.machine}, since {self.since}"


def backend_folder(url: str) -> Path | None:
    """The folder of a `file://` backend; None for any other."""
    parts = urlparse(url)
    if parts.scheme != "file":
        return None
    return Path(unquote(parts.netloc + parts.path)).expanduser()


def locks_of(backend: Path, project: str, stack: str) -> tuple[Lock, ...]:
    """The locks of a stack, oldest first. A file that cannot be read is nobody's, and says so."""
    folder = backend / ".pulumi" / "locks" / "organization" / project / stack
    files = sorted(folder.glob("*.json")) if folder.is_dir() else []
    return tuple(_read(file) for file in files)


def _read(file: Path) -> Lock:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return Lock(
            file,
            int(content["pid"]),
            str(content.get("username", "unknown")),
            str(content.get("hostname", "unknown")),
            str(content.get("timestamp", "unknown")),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return Lock(file, 0, "unknown", "unknown", "unknown")


def stale(lock: Lock, *, machine: str | None = None) -> bool:
    """Whether the holder was a process of this machine that is gone.

    Args:
        machine: name of this machine, for tests.
    """
    if lock.machine != (machine or socket.gethostname()) or lock.pid <= 0:
        return False
    try:
        os.kill(lock.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return not _is_engine(lock.pid)


def _is_engine(pid: int) -> bool:
    """Whether a process is an engine that lives: its number may have gone to another program since.

    One that was killed can stay in the table of processes for minutes, where nobody asks for how it ended (in a
    container whose first process is no init).
    """
    try:
        name, _, rest = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").partition("(")[2].rpartition(")")
    except OSError:
        return True  # no way to tell: take it for the holder
    return "pulumi" in name and rest.split()[:1] not in (["Z"], ["X"])
