"""Names a process so that no other ever has its name: machine, boot, process number, and when it was started.

Locks on hosts and private folders carry it, so that what a killed run left is told from what another one still holds.
"""

from __future__ import annotations

import os
from pathlib import Path

_START_TICKS = 19
"""Position of the start time in /proc/PID/stat after the command's name (proc(5), field 22)."""


def owner(pid: int | None = None) -> str:
    """`MACHINE-ID/BOOT-ID/PID/START-TICKS` of a process; this one by default."""
    number = os.getpid() if pid is None else pid
    return "/".join((*_here(), str(number), _started(number)))


def is_gone(name: str) -> bool:
    """Whether an owner was a process of this machine, since its boot, and has ended. Unsure means no."""
    parts = name.split("/")
    if len(parts) != 4 or not parts[2].isdigit() or not all(_here()):
        return False
    return (parts[0], parts[1]) == _here() and _started(int(parts[2])) != parts[3]


def _here() -> tuple[str, str]:
    return _text("/etc/machine-id"), _text("/proc/sys/kernel/random/boot_id")


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _started(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    return fields[_START_TICKS] if len(fields) > _START_TICKS and fields[0] != "Z" else ""
