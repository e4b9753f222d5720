"""Runs a bundle by ansible-runner in a process of its own, and turns what it tells into events and an end.

The process gets a scrubbed environment, a private folder in memory, and a pipe whose end is its own end: killed with
this process, or stopped between two tasks by it.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from causeway.assets import REINSTALL, Playbooks
from causeway.errors import Permanent
from causeway.hosts import artifacts, private
from causeway.hosts.environment import scrubbed
from causeway.hosts.inventory import inventory
from causeway.hosts.model import Bundle, RunEnd, TaskEvent
from causeway.hosts.openssh import CONFIG_VARIABLE, CONNECT_TIMEOUT_S, STRICT

_LOOK_S = 0.25
_LINE_LIMIT = 1 << 20
_SSH_ARGS = (
    *("-o", "ControlMaster=auto", "-o", "ControlPersist=60s"),
    *("-o", "ServerAliveInterval=10", "-o", "ServerAliveCountMax=3"),
    *STRICT,
)
_CALLBACKS = Path(__file__).parent / "callback"


@dataclass
class Tally:
    """What the lines of a run add up to.

    Args:
        secrets: values that no event and no message may hold, since states, journals and logs are made of them.
    """

    secrets: tuple[str, ...] = field(default=(), repr=False)
    failed: dict[str, str] = field(default_factory=dict)
    unreachable: dict[str, str] = field(default_factory=dict)
    stats: Mapping[str, Mapping[str, int]] | None = None
    status: int | None = None

    def take(self, line: Mapping[str, Any]) -> TaskEvent | None:
        """Take a line of the worker; the event that it stands for."""
        kind = line.get("kind")
        if kind == "stats":
            self.stats = {key: line[key] for key in ("processed", "failures", "dark", "changed")}
        elif kind == "end":
            self.status = int(line["rc"] if line["rc"] is not None else -1)
        elif kind == "task":
            return TaskEvent("", line["play"], self._said(line["task"]), "started")
        elif kind == "host":
            message = self._said(line["message"])
            told = {"failed": self.failed, "unreachable": self.unreachable}.get(line["outcome"])
            if told is not None:
                told[line["host"]] = message
            return TaskEvent(
                line["host"], line["play"], self._said(line["task"]), line["outcome"], message, line["disruption"]
            )
        return None

    def _said(self, text: str) -> str:
        return artifacts.scrub(text, self.secrets) if text else text

    def end(self, complaint: str, *, stopped: bool, kept: Path | None) -> RunEnd:
        """How the run ended.

        Args:
            complaint: what the worker or Ansible wrote where only trouble is written.
            stopped: whether it was told to stop.
            kept: the folder of its log.
        """
        if self.stats is None:
            status = "cancelled" if stopped else "broken"
            return RunEnd(status, self.failed, self.unreachable, {}, complaint, kept)
        changed = {host: self.stats["changed"].get(host, 0) for host in self.stats["processed"]}
        failed = {host: self.failed.get(host, "") for host in self.stats["failures"]}
        dark = {host: self.unreachable.get(host, "") for host in self.stats["dark"]}
        return RunEnd("failed" if failed or dark else "successful", failed, dark, changed, "", kept)


def run(
    bundle: Bundle,
    playbooks: Playbooks,
    runs: Path,
    environment: Mapping[str, str],
    on_event: Callable[[TaskEvent], None],
    cancelled: Callable[[], bool],
) -> RunEnd:
    """Run a bundle to its end, or to the next pause between two tasks once cancelled.

    Args:
        bundle: what to run, on which hosts.
        playbooks: where playbooks and roles are.
        runs: folder of the runs' logs.
        environment: of this process.
        on_event: gets each event as it comes.
        cancelled: asked several times a second.

    Raises:
        Permanent: this installation has no Ansible, or no private folder can be made.
    """
    with _begun(bundle, playbooks, environment) as (folder, worker):
        tally, stopped = Tally(bundle.secrets), False
        with worker:
            for line in worker.lines():
                if line is not None:
                    event = tally.take(line)
                    if event is not None:
                        on_event(event)
                elif not stopped and cancelled():
                    worker.stop()
                    stopped = True
        kept = None
        with contextlib.suppress(OSError):  # how the hosts ended is known without their log
            kept = artifacts.keep(folder, runs / bundle.stack / bundle.run, bundle.secrets)
        complaint = "" if tally.stats is not None else _complaint(folder, tally.status, bundle.secrets)
        return tally.end(complaint, stopped=stopped, kept=kept)


@contextlib.contextmanager
def _begun(bundle: Bundle, playbooks: Playbooks, environment: Mapping[str, str]) -> Iterator[tuple[Path, _Worker]]:
    """The private folder of a run, and its process; the folder is gone afterwards.

    Raises:
        Permanent: this machine has no room for them.
    """
    folder = private.make(environment)
    try:
        try:
            _write_job(folder, bundle, playbooks.root, environment)
            worker = _Worker(folder, _environment(folder, playbooks, environment))
        except OSError as error:
            raise private.no_room(folder, error) from error
        yield folder, worker
    finally:
        private.remove(folder)


def _write_job(folder: Path, bundle: Bundle, playbooks: Path, environment: Mapping[str, str]) -> None:
    playbook = playbooks / bundle.playbook
    if not playbook.is_file():
        raise Permanent(
            "playbook-missing",
            "this playbook is not there",
            where=str(playbook),
            hint=REINSTALL,
        )
    for name in ("tags", "tmp"):
        (folder / name).mkdir()
    job = {"playbook": str(playbook), "cwd": str(playbooks), "forks": bundle.forks, "check": bundle.check}
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
    document = inventory(bundle.hosts, environment.get(CONFIG_VARIABLE))
    (folder / "hosts.json").write_text(json.dumps(document), encoding="utf-8")


def _environment(folder: Path, playbooks: Playbooks, environment: Mapping[str, str]) -> dict[str, str]:
    return scrubbed(environment) | {
        "ANSIBLE_CONFIG": str(playbooks.root / "ansible.cfg"),
        "ANSIBLE_ROLES_PATH": playbooks.roles_path,
        "ANSIBLE_INVENTORY_ENABLED": "ansible.builtin.yaml",
        "ANSIBLE_CALLBACK_PLUGINS": str(_CALLBACKS),
        "ANSIBLE_CALLBACKS_ENABLED": "causeway_control",
        "ANSIBLE_SSH_ARGS": " ".join(_SSH_ARGS),
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(private.sockets(folder)),
        "ANSIBLE_TIMEOUT": str(CONNECT_TIMEOUT_S),
        "ANSIBLE_HOST_KEY_CHECKING": "True",
        "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
        "ANSIBLE_HOME": str(folder / "home"),
        "ANSIBLE_NOCOLOR": "1",
        "CAUSEWAY_CONTROL": str(folder),
    }


def _complaint(folder: Path, status: int | None, secrets: tuple[str, ...]) -> str:
    """What is known of a run that came to no end of its own."""
    texts = [artifacts.tail(folder / name, secrets) for name in ("artifacts/run/stdout", "worker.log")]
    told = next((text for text in texts if text), "")
    ended = "its process was killed" if status is None else f"it ended with {status}"
    return f"{ended}: {told}" if told else ended


class _Worker:
    """The process of a run, and the lines that it writes."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        with (folder / "worker.log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "causeway.hosts.worker", str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=dict(environment),
                cwd=folder,
                start_new_session=True,  # Ctrl-C on the terminal is told by `cancelled`, and must not hit Ansible
            )

    def __enter__(self) -> _Worker:
        return self

    def __exit__(self, *_: object) -> None:
        """End the process, whatever state it is in; it ends what it has started."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def stop(self) -> None:
        """Let the run end before its next task."""
        assert self._process.stdin is not None  # noqa: S101 - it was opened as a pipe
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(b"stop\n")
            self._process.stdin.flush()

    def lines(self) -> Iterator[Mapping[str, Any] | None]:
        """What the worker writes, until it ends; None whenever some time has gone by."""
        assert self._process.stdout is not None  # noqa: S101 - it was opened as a pipe
        yield from _lines(self._process.stdout)


def _lines(pipe: IO[bytes]) -> Iterator[Mapping[str, Any] | None]:
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while True:
            if selector.select(_LOOK_S):
                data = os.read(pipe.fileno(), 1 << 16)
                if not data:
                    return
                *whole, rest = (rest + data).split(b"\n")
                if len(rest) > _LINE_LIMIT:
                    rest = b""
                for line in whole:
                    with contextlib.suppress(ValueError):
                        yield json.loads(line)
            yield None
