#!/usr/bin/python3
"""A command that must not be cut, as a transient systemd unit of the host; runs on the host (Python 3.8 or newer)."""

from __future__ import annotations

DOCUMENTATION = r"""
module: causeway_unit
short_description: Run a command that must not be cut
description:
  - Runs a command as the transient systemd unit C(causeway-KEY.service) of the host. A lost connection, a killed
    Ansible and the end of the play change nothing for it. Nothing ends it by time, and a reboot in good order waits
    for it.
  - Its request, log and result lie under C(/var/lib/causeway/units/KEY/), written so that a power loss tears nothing.
  - A run that finds the unit going attaches and waits. A result of the same command that nobody has taken yet is taken
    over, once, whether good or bad.
  - The waiting is done from the controller, in short calls, so that a lost connection is noticed. It is tried again for
    O(reconnect) seconds; then the task ends as unreachable, and the next run attaches.
version_added: "0.1.0"
author: [Causeway]
options:
  key:
    description:
      - Name of the work, one for each thing that must not be done twice at once; lower-case letters, digits, hyphens.
      - A failure's code begins with it.
      - With O(state=settled) it may end with V(*), and means all keys that begin so.
    type: str
    required: true
  argv:
    description: The command and its arguments; no shell reads it. Wanted by O(state=done).
    type: list
    elements: str
  chdir:
    description: Folder in which the command runs.
    type: path
    default: /
  environment:
    description: Environment variables of the command, beside systemd's own few.
    type: dict
    default: {}
  inputs:
    description:
      - What else makes this command this command, for instance the checksum of the package that it installs. A result
        is taken over only when command, folder, environment and inputs are the same.
    type: dict
    default: {}
  statuses:
    description: Exit statuses that mean success.
    type: list
    elements: int
    default: [0]
  success:
    description:
      - Regular expression that the command's output has to match as well; some installers end with 0 all the same.
    type: str
  title:
    description: What the command does, for messages, such as C(the firmware's flash). The key when it is not given.
    type: str
  to_do:
    description: >-
      What to do when the command fails, for the message. A command whose last line has the shape of a message,
      with what to do, says it itself.
    type: str
    default: mend what the log names and run again
  state:
    description:
      - V(done) runs the command, attaches to it, or takes its result over; it fails when the command failed.
      - V(settled) starts nothing. It waits until what an earlier run has begun under this key has ended, takes note of
        its result and never fails over it. To be called before the state of the host is looked at.
    type: str
    choices: [done, settled]
    default: done
  poll:
    description: Seconds that one call on the host waits. Not a time-out; the next call goes on waiting.
    type: int
    default: 10
  reconnect:
    description: Seconds for which a lost connection is tried again.
    type: int
    default: 120
  silence:
    description: >-
      Seconds without a new line of output after which the task fails and leaves the command going, for the next run to
      attach. V(0) waits for as long as it takes.
    type: int
    default: 0
  step:
    description: Set by the action plugin. V(acknowledge) takes note of the result of O(attached).
    type: str
    choices: [wait, acknowledge]
    default: wait
  attached:
    description: Set by the action plugin. Id of the run of the unit that it waits for.
    type: str
attributes:
  check_mode:
    support: full
    description: Starts nothing, waits for nothing and takes note of nothing; tells what a run would do.
notes:
  - Wants systemd 240 or newer and Linux.
  - A silent connection is noticed by OpenSSH's ServerAliveInterval, which the ansible.cfg of Causeway sets.
"""

EXAMPLES = r"""
- name: Wait for a flash that an earlier run has begun
  causeway_unit:
    key: ascend-firmware
    state: settled

- name: Flash the firmware
  causeway_unit:
    key: ascend-firmware
    title: the firmware's flash
    argv: [/var/lib/causeway/packages/firmware.run, --full, --quiet]
    inputs: {sha256: "{{ checksum }}"}
    success: Firmware package (installed|upgraded) successfully!
"""

RETURN = r"""
changed:
  description: Whether the command ran, or a result was taken over; in check mode whether it would be.
  returned: always
  type: bool
outcome:
  description:
    - What became of the command. V(none) when there was nothing to settle; in check mode V(pending) for a command that
      would run and V(going) for one that would be waited for.
  returned: always
  type: str
  sample: succeeded | failed | interrupted | going | pending | none
attached:
  description: Whether the command was begun by an earlier run or call.
  returned: always
  type: bool
status:
  description: Exit status, or the name of the signal that ended it.
  returned: when it ended
  type: str
log:
  description: Last lines of the command's output.
  returned: when there is any
  type: list
log_file:
  description: The whole output, on the host.
  returned: always
  type: str
started:
  description: When the command began, UTC.
  returned: when there is one
  type: str
"""

import fcntl
import hashlib
import json
import os
import re
import subprocess
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional

from ansible.module_utils.basic import AnsibleModule

Answer = Dict[str, Any]
ROOT = Path("/var/lib/causeway/units")
KEY = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
OPEN = {"going", "finished", "interrupted"}
TAIL_LINES = 30
TAIL_BYTES = 65536
LINE_LENGTH = 400
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
# Nothing but the command's own end ends it: a stop (of a reboot, too) sends a signal that does nothing, and waits.
PROPERTIES = (
    "Type=exec", "KillMode=process", "KillSignal=SIGCONT", "SendSIGKILL=no", "TimeoutStopSec=infinity",
    "OOMScoreAdjust=-900", "TasksMax=infinity", "StandardInput=null", "UMask=0022",
)  # fmt: skip
# Run by systemd when the command has ended, however it did. EXIT_CODE, EXIT_STATUS, SERVICE_RESULT: systemd.exec(5).
RECORD = """\
umask 077
cd "$(dirname "$0")" || exit 1
printf '{"id": "%s", "code": "%s", "status": "%s", "service": "%s", "ended": "%s"}\\n' \\
    "$1" "$EXIT_CODE" "$EXIT_STATUS" "$SERVICE_RESULT" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" > result.new
sync log result.new && mv result.new result.json && sync .
"""


@dataclass(frozen=True)
class Seen:
    """What a look at the unit found.

    `phase`: none, going, finished (a result nobody has taken note of), acknowledged, or interrupted (it was begun, it
    does not run, and there is no result: the host lost power or was reset).
    """

    phase: str
    request: Answer
    result: Answer


class Unit:
    """One key's unit and its folder."""

    def __init__(self, key: str) -> None:
        self.name = "causeway-%s.service" % key
        self.folder = ROOT / key
        self.log = self.folder / "log"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep others from starting or acknowledging; held for moments only."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield

    def look(self, attached: Optional[str] = None) -> Seen:
        """What is there. `attached` is the run whose result was acknowledged by another meanwhile."""
        request = _read(self.folder / "request.json")
        if not request:
            return Seen("none", {}, {})
        for _ in range(2):  # the unit may end between the two looks
            result = _read(self.folder / "result.json")
            if result.get("id") == request["id"]:
                return Seen("finished", request, result)
            taken = _read(self.folder / "acknowledged.json")
            if taken.get("id") == request["id"]:
                return Seen("finished" if attached == request["id"] else "acknowledged", request, taken)
            if self.alive():
                return Seen("going", request, {})
        return Seen("interrupted", request, {})

    def alive(self) -> bool:
        """Whether systemd has it running, or starting, or ending."""
        shown = _output("systemctl", "show", "--property=ActiveState", "--value", self.name)
        return shown.strip() in {"active", "activating", "deactivating", "reloading"}

    def start(self, request: Answer, argv: List[str], chdir: str, environment: Dict[str, str]) -> str:
        """Write the request down, then begin. The text of what went wrong; empty when it began."""
        for name in ("result.json", "acknowledged.json"):
            _remove(self.folder / name)
        if self.log.exists():
            self.log.rename(self.folder / "log.previous")
        self.log.touch(mode=0o600)
        _write(self.folder / "record", RECORD)
        _write(self.folder / "request.json", json.dumps(request, indent=1) + "\n")
        output = "append:%s" % self.log
        properties = [
            *PROPERTIES,
            "StandardOutput=" + output,
            "StandardError=" + output,
            "WorkingDirectory=" + chdir,
            "ExecStopPost=/bin/sh %s/record %s" % (self.folder, request["id"]),
        ]
        done = subprocess.run(
            [
                "systemd-run", "--quiet", "--collect", "--unit=" + self.name,
                *["--property=" + line for line in properties],
                *["--setenv=%s=%s" % pair for pair in sorted(environment.items())],
                "--", *[word.replace("$", "$$") for word in argv],  # systemd would put in environment variables
            ],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, check=False,
        )  # fmt: skip
        return "" if done.returncode == 0 else done.stdout.strip() or "systemd-run ended with %d" % done.returncode

    def acknowledge(self, run: str) -> None:
        """Take note of a result, once; of a run that has none, that it was interrupted."""
        result = self.folder / "result.json"
        if _read(result).get("id") == run:
            result.rename(self.folder / "acknowledged.json")
            _sync(self.folder)
        elif _read(self.folder / "request.json").get("id") == run and not (self.folder / "acknowledged.json").exists():
            _write(self.folder / "acknowledged.json", json.dumps({"id": run, "code": "interrupted"}) + "\n")

    def tail(self) -> List[str]:
        """The last lines of the output."""
        try:
            with self.log.open("rb") as stream:
                stream.seek(max(0, self.log.stat().st_size - TAIL_BYTES))
                text = stream.read().decode(errors="replace")
        except FileNotFoundError:
            return []
        lines = [line.rpartition("\r")[2].rstrip()[:LINE_LENGTH] for line in text.replace("\r\n", "\n").split("\n")]
        return [line for line in lines if line][-TAIL_LINES:]

    def text(self) -> str:
        """All of the output."""
        return self.log.read_bytes().decode(errors="replace") if self.log.exists() else ""


def _output(*argv: str) -> str:
    return subprocess.run(
        argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True, check=False
    ).stdout


def _read(path: Path) -> Answer:
    """A JSON object; empty where there is none that can be read."""
    try:
        found = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(path: Path, text: str) -> None:
    aside = path.with_name(path.name + ".new")
    with aside.open("w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    aside.rename(path)
    _sync(path.parent)


def _remove(path: Path) -> None:
    try:
        path.unlink()
    except FileNotFoundError:
        return
    _sync(path.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(str(folder), os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def digest(argv: List[str], chdir: str, environment: Answer, inputs: Answer) -> str:
    """What tells one command from another."""
    told = json.dumps([argv, chdir, environment, inputs], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()


def outcome(seen: Seen, statuses: List[int], success: Optional[str], text: str) -> str:
    """Whether a finished command succeeded: its status, and the words that have to stand in its output."""
    if seen.phase == "interrupted" or seen.result.get("code") == "interrupted":
        return "interrupted"
    if seen.result.get("code") != "exited" or seen.result.get("status") not in {str(status) for status in statuses}:
        return "failed"
    return "succeeded" if success is None or re.search(success, text) else "failed"


def answer(unit: Unit, seen: Seen, params: Answer, phase: str) -> Answer:
    """What the action plugin gets of one call."""
    found = {
        "phase": phase,
        "key": unit.folder.name,
        "id": seen.request.get("id"),
        "started": seen.request.get("started"),
        "argv": seen.request.get("argv"),
        "boot_changed": seen.request.get("boot") != BOOT_ID.read_text().strip(),
        "log": unit.tail() if phase in OPEN | {"refused"} else [],
        "log_file": str(unit.log),
    }
    if phase in {"finished", "interrupted"}:
        wanted = params["state"] == "done" and phase == "finished"
        found["outcome"] = outcome(seen, params["statuses"], params["success"] if wanted else None, unit.text())
        found["status"] = seen.result.get("status")
        found["code"] = seen.result.get("code", "interrupted")
    return found


def wait(unit: Unit, module: AnsibleModule, wanted: str) -> Answer:
    """Begin unless it only settles, then wait for at most `poll` seconds."""
    deadline = time.monotonic() + module.params["poll"]
    attached = module.params["attached"]
    with unit.locked():
        seen = unit.look(attached)
        if module.params["state"] == "done" and begins(seen, wanted, attached):
            problem = _begin(unit, module, wanted)
            seen = unit.look()
            if seen.phase == "interrupted":
                return dict(answer(unit, seen, module.params, "refused"), problem=problem or "it left no result")
            attached = seen.request["id"]
    began = attached is not None and attached != module.params["attached"]
    while seen.phase == "going" and time.monotonic() < deadline:
        time.sleep(0.2)
        with unit.locked():
            seen = unit.look(attached)
    return dict(answer(unit, seen, module.params, seen.phase), began=began, same=seen.request.get("digest") == wanted)


def begins(seen: Seen, wanted: str, attached: Optional[str]) -> bool:
    """Whether the command is to be started: nothing runs, and no result of it waits to be taken."""
    if attached is not None or seen.phase == "going":
        return False
    return not (seen.phase == "finished" and seen.request.get("digest") == wanted)


def _begin(unit: Unit, module: AnsibleModule, wanted: str) -> str:
    params = module.params
    request = {
        "id": uuid.uuid4().hex,
        "digest": wanted,
        "argv": params["argv"],
        "inputs": params["inputs"],
        "boot": BOOT_ID.read_text().strip(),
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    environment = {name: str(value) for name, value in params["environment"].items()}
    return unit.start(request, params["argv"], params["chdir"], environment)


def main() -> None:
    """One call."""
    module = AnsibleModule(
        argument_spec={
            "key": {"type": "str", "required": True, "no_log": False},
            "argv": {"type": "list", "elements": "str"},
            "chdir": {"type": "path", "default": "/"},
            "environment": {"type": "dict", "default": {}},
            "inputs": {"type": "dict", "default": {}},
            "statuses": {"type": "list", "elements": "int", "default": [0]},
            "success": {"type": "str"},
            "title": {"type": "str"},
            "to_do": {"type": "str", "default": "mend what the log names and run again"},
            "state": {"type": "str", "choices": ["done", "settled"], "default": "done"},
            "poll": {"type": "int", "default": 10},
            "reconnect": {"type": "int", "default": 120},
            "silence": {"type": "int", "default": 0},
            "step": {"type": "str", "choices": ["wait", "acknowledge"], "default": "wait"},
            "attached": {"type": "str"},
        },
        required_if=[("state", "done", ["argv"])],
        supports_check_mode=True,
    )
    params = module.params
    _check(module)
    wanted = digest(params["argv"] or [], params["chdir"], params["environment"], params["inputs"])
    unit = _first_open(params["key"]) if params["state"] == "settled" else Unit(params["key"])
    if unit is None:
        module.exit_json(changed=False, phase="none", key=params["key"], log=[], log_file=str(ROOT / params["key"]))
    if params["step"] == "acknowledge":
        with unit.locked():
            unit.acknowledge(params["attached"])
        module.exit_json(changed=False)
    if module.check_mode:
        seen = unit.look()
        same = seen.request.get("digest") == wanted
        module.exit_json(changed=False, same=same, **answer(unit, seen, params, seen.phase))
    module.exit_json(changed=False, **wait(unit, module, wanted))


def _check(module: AnsibleModule) -> None:
    """Fail where the call makes no sense or the host cannot carry the unit."""
    key = module.params["key"]
    if not KEY.fullmatch(key[:-1] if module.params["state"] == "settled" and key.endswith("*") else key):
        module.fail_json(msg="unit-key: %r is no key; to do: use lower-case letters, digits and hyphens" % key)
    if os.geteuid() != 0:
        module.fail_json(msg="not-root: only root can look after %s; to do: become root" % key)
    if not Path("/run/systemd/system").is_dir():
        module.fail_json(
            msg="no-systemd: the host does not run systemd, which carries such commands; to do: boot it with systemd"
        )


def _first_open(pattern: str) -> Optional[Unit]:
    """The first unit of these keys that goes, or has a result that nobody has taken note of."""
    units = [Unit(folder.name) for folder in sorted(ROOT.glob(pattern)) if folder.is_dir()]
    return next((unit for unit in units if unit.look().phase in OPEN), None)


if __name__ == "__main__":
    main()
