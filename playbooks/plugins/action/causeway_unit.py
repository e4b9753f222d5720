"""The controller's side of `causeway_unit`: waits in short calls, tells progress, and outlives a lost connection.

The result is taken note of by a call of its own, after it has arrived here: were it the same call, a connection that
is lost in between would make the next run flash a second time.
"""

from __future__ import annotations

import re
import time
from typing import Any, Dict, Iterator, List, Optional, Union

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

Answer = Dict[str, Any]
RETRY_SECONDS = 3
SILENT_SECONDS = 60
RENEW_SECONDS = 300
OPEN = {"going", "finished", "interrupted"}
OWN_WORDS = re.compile(r"[a-z][a-z-]*: .+; to do: .+")  # a last line that is a failure's message already
TROUBLE = ("err_no", "error", "fail", "refuse", "not ")

display = Display()


class Lost(Exception):
    """The connection is gone and did not come back in time."""


class ActionModule(ActionBase):
    """Loaded by Ansible for each task of that name."""

    _supports_check_mode = True
    _requires_connection = True
    _renewed = 0.0

    def run(self, tmp: Optional[str] = None, task_vars: Optional[Answer] = None) -> Answer:
        """Run, attach or settle; the task's result."""
        super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        title = str(arguments.get("title") or arguments.get("key"))
        host = str((task_vars or {}).get("inventory_hostname", ""))
        try:
            if arguments.get("state") == "settled":
                return self._settle(arguments, title, host, task_vars or {})
            found = self._follow(arguments, title, host, task_vars or {})
        except Lost as lost:
            return {"unreachable": True, "changed": False, "msg": _lost(title, host, str(lost))}
        return found if found.get("failed") else _done(found, arguments, title)

    def _settle(self, arguments: Answer, title: str, host: str, task_vars: Answer) -> Answer:
        """Follow one after the other what earlier runs have begun; what became of the last."""
        changed, warnings = False, []
        result: Answer = {}
        while True:
            found = self._follow(arguments, title, host, task_vars)
            if found.get("failed"):
                return found
            if found["phase"] not in OPEN and result:
                return {**result, "changed": changed, "warnings": warnings}
            outcome = found.get("outcome", "going" if found["phase"] == "going" else "none")
            changed = changed or found["phase"] in {"going", "finished"}
            result = _common(found, outcome, changed=changed)
            if outcome in {"failed", "interrupted"}:
                warnings.append(f"{found['key']}, begun by an earlier run at {found['started']}, {_ended(found)}")
            if found["phase"] not in OPEN or self._task.check_mode:
                return {**result, "warnings": warnings}

    def _follow(self, arguments: Answer, title: str, host: str, task_vars: Answer) -> Answer:
        """Call after call, until the command has ended; what the last one said."""
        voice, took_over = _Voice(title, host), None
        found = self._call(arguments, title, host, task_vars)
        if found.get("phase") == "going" and not found["same"] and arguments.get("state") != "settled":
            return found
        while found.get("phase") == "going" and not self._task.check_mode:
            took_over = not found["began"] if took_over is None else took_over
            voice.tell(found)
            if voice.silent(float(arguments.get("silence", 0))):
                return _silent(found, title, arguments["silence"])
            lost = self._keep_lock(task_vars)
            if lost is not None:
                return lost
            found = self._call(dict(arguments, key=found["key"], attached=found["id"]), title, host, task_vars)
        if found.get("phase") in {"finished", "interrupted"} and not self._task.check_mode:
            noted = dict(arguments, key=found["key"], step="acknowledge", attached=found["id"])
            self._call(noted, title, host, task_vars)
        ended = found.get("phase") in {"finished", "interrupted"}
        return {**found, "took_over": ended and not found.get("began") if took_over is None else took_over}

    def _call(self, arguments: Answer, title: str, host: str, task_vars: Answer) -> Answer:
        """One call of the module; a lost connection is tried again.

        Raises:
            Lost: for `reconnect` seconds there was no connection.
        """
        give_up = None
        while True:
            found = self._attempt("causeway_unit", arguments, task_vars)
            if not isinstance(found, str):
                return found
            give_up = give_up or time.monotonic() + float(arguments.get("reconnect", 120))
            if time.monotonic() >= give_up:
                raise Lost(found)
            display.display(f"{host}: {title}: the connection is lost, the host goes on by itself; trying again ...")
            time.sleep(RETRY_SECONDS)
            self._connection.reset()

    def _keep_lock(self, task_vars: Answer) -> Optional[Answer]:
        """Renew the host's lock, if the play holds it, lest it runs out while an installer takes long.

        Returns:
            What the task ends with when another run has taken the lock meanwhile; that run attaches as well.
        """
        held = (task_vars.get("ansible_facts") or {}).get("causeway__lock_renewed") or {}
        if not held or time.monotonic() - max(held["at"], self._renewed) < RENEW_SECONDS:
            return None
        run = task_vars.get("causeway__run") or f"manual-{str(held['owner']).split('/')[2]}"
        arguments = {"state": "held", "owner": held["owner"], "run": run}
        said = self._attempt("causeway_lock", arguments, task_vars)
        if isinstance(said, str):
            return None  # the next call notices that the connection is lost, and waits for it
        self._renewed = time.monotonic()
        return said if said.get("failed") else None

    def _attempt(self, module: str, arguments: Answer, task_vars: Answer) -> Union[Answer, str]:
        """What a module said, or how the connection failed."""
        try:
            return dict(self._execute_module(module, module_args=arguments, task_vars=task_vars))
        except AnsibleConnectionFailure as failure:
            return str(failure)


class _Voice:
    """Tells what is new, and that it still goes on when nothing is."""

    def __init__(self, title: str, host: str) -> None:
        self._head, self._began = f"{host}: {title}", time.monotonic()
        self._last, self._told = "", time.monotonic()
        self._heard = self._began

    def silent(self, seconds: float) -> bool:
        """Whether there was nothing new for so long; never for 0."""
        return 0 < seconds <= time.monotonic() - self._heard

    def tell(self, found: Answer) -> None:
        line, now = (found["log"] or [""])[-1], time.monotonic()
        if line != self._last:
            self._heard = now
        elif now - self._told < SILENT_SECONDS:
            return
        self._last, self._told = line, now
        display.display(f"{self._head}: {now - self._began:.0f} s: {line or 'no output yet'}")


def _lost(title: str, host: str, why: str) -> str:
    return (
        f"connection-lost: {host} is not reached any more while {title} goes on there by itself ({_one_line(why)}); "
        "to do: leave the host switched on and run again: the next run attaches to it"
    )


def _silent(found: Answer, title: str, seconds: float) -> Answer:
    last = _one_line((found["log"] or ["nothing"])[-1])
    return _failure(found, f"{found['key']}-silent", (
        f"{title} has said nothing new for {seconds} s and goes on by itself on the host (its last words: {last}); "
        f"to do: see what it waits for in `systemctl status causeway-{found['key']}`; the next run attaches to it "
        f"(the log: {found['log_file']})"
    ))  # fmt: skip


def _done(found: Answer, arguments: Answer, title: str) -> Answer:
    phase, same = found["phase"], found.get("same", False)
    if phase in {"going", "finished"} and not same:
        return _failure(found, f"{arguments['key']}-other", (
            f"another command runs for {title}, since {found['started']}: {' '.join(found['argv'])}; "
            "to do: run again when it has ended"
        ))  # fmt: skip
    if phase == "refused":
        return _failure(found, f"{arguments['key']}-not-begun", (
            f"systemd did not begin {title}: {_one_line(found['problem'])}; to do: read `journalctl -n 50` on the host"
        ))  # fmt: skip
    if phase in {"going", "none", "acknowledged"} or "outcome" not in found:
        return _common(found, "going" if phase == "going" else "pending", changed=True)
    if found["outcome"] == "succeeded":
        return _common(found, "succeeded", changed=True)
    if found["outcome"] == "failed" and OWN_WORDS.match((found["log"] or [""])[-1]):
        return {**_common(found, "failed", changed=True), "failed": True, "msg": found["log"][-1]}
    return _failure(found, f"{arguments['key']}-{found['outcome']}", (
        f"{title} {_ended(found)}; to do: {arguments.get('to_do') or 'mend what the log names and run again'} "
        f"(the log: {found['log_file']})"
    ))  # fmt: skip


def _common(found: Answer, outcome: str, *, changed: bool) -> Answer:
    kept = {key: found[key] for key in ("status", "started", "log", "log_file") if found.get(key) is not None}
    return {"changed": changed, "outcome": outcome, "attached": bool(found.get("took_over")), **kept}


def _failure(found: Answer, code: str, text: str) -> Answer:
    outcome = found.get("outcome", found["phase"])
    return {**_common(found, outcome, changed=True), "failed": True, "msg": f"{code}: {text}"}


def _ended(found: Answer) -> str:
    if found["outcome"] == "interrupted":
        return "was cut: the host lost power or was reset" if found["boot_changed"] else "ended without a result"
    how = {"exited": "ended with status", "killed": "was ended by signal", "dumped": "crashed with signal"}
    said = _trouble(found["log"])
    return f"{how.get(found['code'], 'ended with')} {found['status']}" + (f": {said}" if said else "")


def _trouble(lines: List[str]) -> str:
    """The line that most likely says why: the last that speaks of an error, else the last."""

    def speaking() -> Iterator[str]:
        for word in TROUBLE:
            yield from (line for line in reversed(lines) if word in line.lower())

    return _one_line(next(speaking(), lines[-1] if lines else ""))


def _one_line(text: str) -> str:
    return " ".join(text.split())[:400]
