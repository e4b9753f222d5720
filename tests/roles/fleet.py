"""Playbooks run on the hosts of the driver roles' tests, as a user runs them; what each task said on each host."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from causeway.sandbox import hosts as machines
from causeway.sandbox.standins import state
from causeway.sandbox.standins.state import AcceleratorState
from tests.sandbox.small_fleet import REPOSITORY, Sandbox

HERE = Path(__file__).parent
PLAYBOOKS = REPOSITORY / "playbooks"
TIMEOUT_S = 900


def declaration(name: str) -> str:
    """The fleet's declaration under a name of its own."""
    return (HERE / "fleet.yaml.template").read_text(encoding="utf-8").format(name=name)


@dataclass(frozen=True)
class Event:
    """One task's result on one host."""

    host: str
    task: str
    outcome: str
    changed: bool
    msg: str
    result: Mapping[str, Any]


@dataclass(frozen=True)
class Run:
    """One `ansible-playbook` run."""

    status: int
    output: str
    events: tuple[Event, ...]

    def changed(self, host: str) -> list[str]:
        """Names of the tasks that changed something on a host (in check mode: would), in order."""
        return [e.task for e in self.events if e.host == host and e.changed and e.outcome == "ok"]

    def failure(self, host: str) -> str:
        """Message of the task that failed on a host; empty when none did."""
        return next((e.msg for e in self.events if e.host == host and e.outcome in {"failed", "unreachable"}), "")

    def failures(self) -> dict[str, str]:
        """Each host that failed, with the message."""
        return {e.host: self.failure(e.host) for e in self.events if e.outcome in {"failed", "unreachable"}}

    def said(self, host: str, task: str) -> Mapping[str, Any]:
        """What the last task of this name answered on a host."""
        found = [e.result for e in self.events if e.host == host and e.task.rpartition(" : ")[2] == task]
        assert found, f"{host} did not run {task!r}:\n{self.output}"
        return found[-1]

    def worked(self) -> Run:
        """Itself, when the run ended well on every host."""
        assert self.status == 0, self.output
        return self


@dataclass(frozen=True)
class Going:
    """An `ansible-playbook` that runs."""

    process: subprocess.Popen[bytes]
    marks: Path
    log: Path

    def end(self) -> Run:
        """Wait for its end; what it said."""
        try:
            status = self.process.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        lines = self.marks.read_text(encoding="utf-8").splitlines() if self.marks.exists() else []
        events = tuple(Event(**json.loads(line)) for line in lines)
        return Run(status, self.log.read_text(encoding="utf-8", errors="replace"), events)

    def kill(self) -> None:
        """End it and all that it began by SIGKILL, as the loss of a machine does; its workers have own sessions."""
        for pid in [self.process.pid, *_descendants(self.process.pid)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(TIMEOUT_S)


def _descendants(pid: int) -> list[int]:
    try:
        children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []
    return children + [each for child in children for each in _descendants(child)]


@dataclass(frozen=True)
class RoleFleet:
    """The fleet of these tests."""

    sandbox: Sandbox

    def play(self, playbook: str | Path, *hosts: str, check: bool = False, **variables: Any) -> Run:
        """Run a playbook of the repository, or a file, on these hosts; `variables` go over the declared ones."""
        return self.begin(playbook, *hosts, check=check, **variables).end()

    def begin(
        self, playbook: str | Path, *hosts: str, check: bool = False, inventory: Path | None = None, **variables: Any
    ) -> Going:
        """The same, left running; with another inventory than the declaration where one is named."""
        marks = self.sandbox.folder / f"events-{secrets.token_hex(6)}.jsonl"
        argv = [
            str(Path(sys.executable).with_name("ansible-playbook")),
            str(PLAYBOOKS / playbook),
            "--inventory",
            str(inventory or self.sandbox.folder / "fleet.yaml"),
            "--limit",
            ",".join(hosts),
            "--extra-vars",
            json.dumps(variables),
            "--ssh-common-args",
            f"-F {self.sandbox.place.ssh_config}",
            *(["--check", "--diff"] if check else []),
        ]
        output = marks.with_suffix(".log")
        with output.open("wb") as stream:
            process = subprocess.Popen(
                argv,
                env=self._environment(marks),
                stdout=stream,
                stderr=subprocess.STDOUT,
                cwd=REPOSITORY,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        return Going(process, marks, output)

    def _environment(self, marks: Path) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "CAUSEWAY_"))}
        return {
            **kept,
            "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"),
            "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback"),
            "ANSIBLE_CALLBACKS_ENABLED": "causeway_test_events",
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self.sandbox.place.control_paths),
            "CAUSEWAY_TEST_EVENTS": str(marks),
            "NO_COLOR": "1",
        }

    def does(self, host: str, command: str, *, expect: int = 0) -> str:
        """What a shell command says on a host as root, standard error included; it ends as expected."""
        quoted = command.replace("'", "'\\''")
        done = self.sandbox.ssh(host, f"sudo bash -c '{quoted}' 2>&1")
        assert done.returncode == expect, f"{host}: {command}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def fault(self, host: str, *words: str) -> None:
        """Make these the host's faults, and no others."""
        self.sandbox.run("fault", host, "--clear")
        if words:
            self.sandbox.run("fault", host, *words)

    def reset(self, *hosts: str) -> None:
        """Give hosts fresh disks."""
        for host in hosts:
            self.sandbox.run("reset", host)

    def reboot(self, host: str) -> None:
        """Shut a host down and boot it."""
        self.sandbox.run("power", host, "off")
        self.sandbox.run("power", host, "on")

    def state(self, host: str) -> AcceleratorState:
        """A host's accelerators as its cluster sees them, from outside."""
        return state.read(Path(f"/proc/{machines.init_pid(self.sandbox.place, host)}/root"))

    def hold(self, host: str, node: str) -> None:
        """Keep a device file open on a host, as a device plugin does; `release` ends it."""
        self.does(host, f"systemd-run -q --unit=hold bash -c 'exec 7<{node}; exec sleep infinity'; sleep 0.3")

    def release(self, host: str) -> None:
        """Close what `hold` holds."""
        self.does(host, "systemctl stop hold")
