"""The process of one Ansible run: ansible-runner, its events as JSON lines, and an end that leaves nothing running.

    python -m causeway.hosts.worker FOLDER

FOLDER is a private folder with `job.json` in it. Standard input is the lifeline: a line `stop` ends the run between two
tasks, its end (whoever started this is gone) ends everything at once. What runs in a systemd unit on a host goes on.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from causeway.hosts import private

_PR_SET_CHILD_SUBREAPER = 36  # prctl(2)
_END_S = 5.0
"""How long what is killed may take to be gone."""
_OUTCOMES = {
    "runner_on_ok": "ok",
    "runner_on_failed": "failed",
    "runner_on_unreachable": "unreachable",
    "runner_on_skipped": "skipped",
}
_KINDS = ("reboot", "drain", "restart")
_STARTS = ("playbook_on_task_start", "playbook_on_handler_task_start")


class Events:
    """Turns ansible-runner's events into lines of JSON, a small part of what they say."""

    def __init__(self, folder: Path, output: IO[str]) -> None:
        self._folder = folder
        self._output = output

    def tell(self, line: Mapping[str, Any]) -> None:
        """Write a line; whoever reads them may be gone."""
        with contextlib.suppress(BrokenPipeError):
            self._output.write(json.dumps(line) + "\n")
            self._output.flush()

    def take(self, event: Mapping[str, Any]) -> bool:
        """Take one event of ansible-runner; it need not keep it as a file."""
        kind, data = event.get("event"), event.get("event_data") or {}
        if kind in _OUTCOMES:
            self.tell(self._of_host(_OUTCOMES[kind], data))
        elif kind in _STARTS:
            self.tell({"kind": "task", "play": data.get("play", ""), "task": data.get("task", "")})
        elif kind == "playbook_on_stats":
            wanted = ("processed", "failures", "dark", "changed")
            self.tell({"kind": "stats", **{key: data.get(key) or {} for key in wanted}})
        return False

    def _of_host(self, outcome: str, data: Mapping[str, Any]) -> dict[str, Any]:
        result = data.get("res") or {}
        if outcome == "ok" and result.get("changed"):
            outcome = "changed"
        if outcome == "failed" and data.get("ignore_errors"):
            outcome = "ok"
        return {
            "kind": "host",
            "host": data.get("host", ""),
            "play": data.get("play", ""),
            "task": data.get("task", ""),
            "outcome": outcome,
            "message": message(result) if outcome in ("failed", "unreachable") else "",
            "disruption": self._disruption(outcome, result, str(data.get("task_uuid", ""))),
        }

    def _disruption(self, outcome: str, result: Mapping[str, Any], task: str) -> str:
        if result.get("disruption"):
            return str(result["disruption"])
        tags = self._folder / "tags" / task
        if outcome == "changed" and task and tags.is_file():
            found = tags.read_text(encoding="utf-8").split()
            return next((kind for kind in _KINDS if f"disruption_{kind}" in found), "none")
        return "none"


def message(result: Mapping[str, Any]) -> str:
    """What a failed task says: its own message, else that of the first item that failed."""
    items = [item for item in result.get("results") or () if isinstance(item, Mapping) and item.get("failed")]
    if items:
        return message(items[0])
    text = str(result.get("msg") or result.get("censored") or "").strip()
    complaint = str(result.get("stderr") or result.get("module_stderr") or "").strip()
    if (complaint and text in ("", "non-zero return code", "MODULE FAILURE")) or text.startswith("MODULE FAILURE"):
        return f"{text}: {complaint.splitlines()[-1]}" if complaint else text
    return text


def watch(folder: Path, ended: threading.Event) -> None:
    """Follow the lifeline to its end."""
    for line in sys.stdin:
        if line.strip() == "stop":
            (folder / "stop").touch()
    if not ended.is_set():
        end_all()
        private.remove(folder)
        os._exit(1)


def end_all() -> None:
    """Kill whatever this process has started, directly or not, and what that has started meanwhile."""
    until = time.monotonic() + _END_S
    while (found := descendants(os.getpid())) and time.monotonic() < until:
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def descendants(pid: int) -> list[int]:
    """Processes below one that run."""
    parents = list(_parents())
    found: list[int] = []
    ring = {pid}
    while ring:
        ring = {child for child, parent in parents if parent in ring}
        found += ring
    return found


def _parents() -> Iterator[tuple[int, int]]:
    """(process, parent) of every process that has not ended; those that nobody has waited for yet have."""
    if not Path("/proc/self/stat").is_file():
        asked = ["ps", "-A", "-o", "pid=,ppid=,stat="]
        with subprocess.Popen(asked, stdout=subprocess.PIPE, text=True) as ps:
            listed = [line.split() for line in ps.stdout or ()]
        for pid, parent, state in listed:
            if not state.startswith("Z") and int(pid) != ps.pid:
                yield int(pid), int(parent)
        return
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent, *_ = path.read_text(errors="replace").rpartition(")")[2].split()
            if state != "Z":
                yield int(path.parent.name), int(parent)


def main() -> int:
    """Run the job in a folder."""
    folder = Path(sys.argv[1])
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    os.umask(0o077)
    events = Events(folder, os.fdopen(os.dup(1), "w", encoding="utf-8"))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if sys.platform == "linux":  # a master or a task whose parent was killed becomes ours, and ends with us
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    ended = threading.Event()
    threading.Thread(target=watch, args=(folder, ended), daemon=True).start()

    # the lifeline is watched before half a second of imports; the package has no types
    import ansible_runner  # type: ignore[import-untyped] # noqa: PLC0415

    done = ansible_runner.run(
        private_data_dir=str(folder),
        ident="run",
        playbook=job["playbook"],
        inventory=str(folder / "hosts.json"),
        forks=job["forks"],
        cmdline="--check" if job["check"] else None,
        host_cwd=job["cwd"],
        project_dir=job["cwd"],
        settings={"fact_cache_type": "memory"},
        suppress_env_files=True,
        quiet=True,
        event_handler=events.take,
    )
    ended.set()
    end_all()
    events.tell({"kind": "end", "rc": done.rc})
    return 0


if __name__ == "__main__":
    sys.exit(main())
