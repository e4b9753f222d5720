"""Says on the controller who holds a host's lock, and whether the one who holds it is still alive there."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

SECONDS = 900
RENEWED = "causeway__lock_renewed"
_START_TICKS = 19  # of /proc/PID/stat, counted from behind the command's name


def identity(pid: int) -> str:
    """A process of this machine that no other ever is: MACHINE-ID/BOOT-ID/PID/START-TICKS."""
    return f"{_text('/etc/machine-id')}/{_text('/proc/sys/kernel/random/boot_id')}/{pid}/{_started(pid)}"


def is_gone(owner: str) -> bool:
    """Whether an owner was a process of this machine, since its boot, and has ended. Unsure means no."""
    parts = owner.split("/")
    if len(parts) != 4 or not parts[2].isdigit():
        return False
    machine, boot, pid, started = parts
    here = (_text("/etc/machine-id"), _text("/proc/sys/kernel/random/boot_id"))
    return bool(machine and boot) and (machine, boot) == here and _started(int(pid)) != started


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _started(pid: int) -> str:
    stat = ""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    return fields[_START_TICKS] if len(fields) > _START_TICKS and fields[0] != "Z" else ""


class ActionModule(ActionBase):
    """The controller's half of the module `causeway_lock`."""

    _requires_connection = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Hold or free the lock; a lock of a process that is gone from this machine is taken over."""
        super().run(tmp, task_vars)
        known = task_vars or {}
        arguments = dict(self._task.args)
        main = os.getppid()  # the worker that runs this ends with the task, the playbook goes on
        arguments.setdefault("owner", known.get("causeway__owner") or identity(main))
        arguments.setdefault("run", known.get("causeway__run") or f"manual-{main}")
        if arguments.get("state") == "held" and self._fresh(known, arguments["owner"]):
            return {"changed": False, "msg": "renewed a short while ago"}
        answer = self._module(arguments, known)
        owner = answer.get("held_by")
        if owner and is_gone(str(owner)):
            answer = self._module({**arguments, "instead_of": owner}, known)
        if not answer.get("failed"):
            renewed = {"owner": arguments["owner"], "at": time.monotonic()}
            answer["ansible_facts"] = {RENEWED: renewed if arguments.get("state") == "held" else {}}
        return answer

    def _fresh(self, known: dict[str, Any], owner: str) -> bool:
        """Whether this run has renewed the lock so lately that another connection would be wasted."""
        before = known.get("ansible_facts", {}).get(RENEWED) or {}
        return before.get("owner") == owner and time.monotonic() - before["at"] < SECONDS / 3

    def _module(self, arguments: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self._execute_module("causeway_lock", module_args=arguments, task_vars=known)
        return answer
