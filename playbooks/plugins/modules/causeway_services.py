"""Stops services that have a host's devices open, and starts again what it stopped; a note on the host says which."""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import json
import os
import tempfile

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: causeway_services
short_description: Services that are stopped for a while, to free a host's devices
description:
  - Keeps C(/var/lib/causeway/quiesced.json), C({"schema", "services", "since"}), while services are stopped that ran
    before. It is written before the first of them stops and removed after the last one runs again, so whenever a run
    is cut off, the note names at least those that are stopped.
  - Returns them as C(services), and as the fact C(causeway__quiesced) those that are stopped now.
  - The note alone is no change. In check mode it tells what it would change and does nothing.
options:
  state:
    description:
      - C(stopped) notes and stops those of I(services) that run, the last first.
      - C(started) starts those that are noted, and removes the note. One that is gone or masked by now is left out. A
        host without a note stays as it is.
    choices: [stopped, started]
    required: true
    type: str
  services:
    description: Names of services, in the order in which they start. What is noted beside them starts after them.
    required: true
    type: list
    elements: str
  by_now:
    description: Services that this run would have started (true) or stopped (false) by now. Of check mode alone.
    default: {}
    type: dict
  path: {description: Where the note lies., default: /var/lib/causeway/quiesced.json, type: path}
"""

SCHEMA = 1


class Failure(Exception):
    """What went wrong: `CODE: what; to do: what`."""


class Systemd:
    """The host's systemd. `run` takes a command and gives status, output and errors."""

    def __init__(self, run) -> None:
        self._run = run

    def states(self, name: str) -> tuple[str, str]:
        """LoadState and ActiveState of a service.

        Raises:
            Failure: systemd does not answer.
        """
        status, output, errors = self._run(["systemctl", "show", "--property=LoadState,ActiveState", "--", name])
        said = dict(line.split("=", 1) for line in output.splitlines() if "=" in line)
        if status or not {"LoadState", "ActiveState"} <= said.keys():
            raise Failure(
                f"systemd-unreachable: `systemctl show {name}` ended with {status}: {errors.strip()}; "
                "to do: look at `systemctl status` on the host, and run again"
            )
        return said["LoadState"], said["ActiveState"]

    def is_up(self, name: str) -> bool:
        """Whether a service runs, or is on its way up or down."""
        return self.states(name)[1] not in ("inactive", "failed")

    def stop(self, name: str) -> None:
        """Stop a service and wait until it has ended.

        Raises:
            Failure: it does not stop.
        """
        status, _, errors = self._run(["systemctl", "stop", "--", name])
        if status:
            raise Failure(
                f"service-not-stopped: {name} does not stop: {errors.strip()}; "
                f"to do: read `journalctl -u {name}` on the host, stop it, and run again"
            )

    def start(self, name: str) -> bool:
        """Start a service, also one that has failed so often that systemd would wait; whether it came up."""
        self._run(["systemctl", "reset-failed", "--", name])
        return self._run(["systemctl", "start", "--", name])[0] == 0 and self.states(name)[1] != "failed"


@contextlib.contextmanager
def alone(path: str):
    """Wait until nobody else stops or starts: what a killed run left going on the host ends by itself, and then."""
    folder = os.path.dirname(path)
    os.makedirs(folder, mode=0o755, exist_ok=True)
    guard = os.open(os.path.join(folder, ".quiesced.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(guard, fcntl.LOCK_EX)
        yield
    finally:
        os.close(guard)


def read(path: str) -> list[str] | None:
    """Services that are noted as stopped; None when there is no note.

    Raises:
        Failure: there is one that cannot be understood.
    """
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        found = None
    services = found.get("services") if isinstance(found, dict) and found.get("schema") == SCHEMA else None
    if not isinstance(services, list) or not all(isinstance(each, str) for each in services):
        raise Failure(
            f"note-unreadable: {path} should say which services are stopped, and is not what Causeway writes; "
            "to do: start the accelerators' services on the host by hand, remove the file, and run again"
        )
    return services


def write(path: str, services: list[str], now: str) -> None:
    """Put the note in place whole and on the disk, so that a power loss leaves the old one or the new one."""
    folder = os.path.dirname(path)
    os.makedirs(folder, mode=0o755, exist_ok=True)
    handle, fresh = tempfile.mkstemp(dir=folder, prefix=".quiesced.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(json.dumps({"schema": SCHEMA, "services": services, "since": now}, sort_keys=True) + "\n")
            os.fchmod(file.fileno(), 0o644)
            file.flush()
            os.fsync(file.fileno())
        os.rename(fresh, path)
    except OSError:
        os.unlink(fresh)
        raise
    directory = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def stop(path: str, services: list[str], systemd: Systemd, now: str, *, check: bool = False) -> list[str]:
    """Note the services that run, and stop them. Returns them; in check mode it does nothing else.

    Raises:
        Failure: one does not stop, or the host does not say how they are.
        OSError: the note cannot be written; nothing was stopped then.
    """
    with contextlib.nullcontext() if check else alone(path):
        running = [name for name in dict.fromkeys(services) if systemd.is_up(name)]
        noted = read(path) or []
        if check or not running:
            return running
        write(path, noted + [name for name in running if name not in noted], now)
        for name in reversed(running):
            systemd.stop(name)
        return running


def start(
    path: str, services: list[str], systemd: Systemd, by_now: dict[str, bool] | None = None, *, check: bool = False
) -> list[str]:
    """Start the services that are noted as stopped, and remove the note. Returns those that did not run.

    Raises:
        Failure: some do not start, all others run; or the host does not say how they are. The note stays.
        OSError: the note cannot be removed.
    """
    if check:
        return _due(services, read(path) or [], systemd, by_now or {})
    if not os.path.exists(path):
        return []
    with alone(path):
        due = _due(services, read(path) or [], systemd, {})
        failed = [name for name in due if not systemd.start(name)]
        if failed:
            raise Failure(
                f"service-failed: {', '.join(failed)} does not start; to do: read `journalctl -u` of it on the host, "
                "mend that and run again"
            )
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        return due


def _due(services: list[str], noted: list[str], systemd: Systemd, by_now: dict[str, bool]) -> list[str]:
    """Services that are stopped and should run, in the order in which they start."""
    stopped = [*noted, *(name for name, runs in by_now.items() if not runs)]
    wanted = [name for name in dict.fromkeys([*services, *stopped]) if name in stopped]
    states = {name: systemd.states(name) for name in wanted}
    return [
        name
        for name, (loaded, active) in states.items()
        if loaded not in ("not-found", "masked") and not by_now.get(name, active in ("active", "reloading"))
    ]


def main() -> None:
    """Run as Ansible's module."""
    texts = {"type": "list", "elements": "str"}
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "required": True, "choices": ["stopped", "started"]},
            "services": {**texts, "required": True},
            "by_now": {"type": "dict", "default": {}},
            "path": {"type": "path", "default": "/var/lib/causeway/quiesced.json"},
        },
        supports_check_mode=True,
    )
    path, services = module.params["path"], module.params["services"]
    systemd = Systemd(module.run_command)
    quiescing = module.params["state"] == "stopped"
    try:
        if quiescing:
            now = dt.datetime.now(dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
            found = stop(path, services, systemd, now, check=module.check_mode)
        else:
            found = start(path, services, systemd, module.params["by_now"], check=module.check_mode)
    except Failure as failure:
        module.fail_json(msg=str(failure))
    except OSError as error:
        module.fail_json(msg=f"note-not-written: {path}: {error.strerror}; to do: make room, or mend the disk")
    facts = {"causeway__quiesced": found if quiescing else []}
    module.exit_json(changed=bool(found), services=found, ansible_facts=facts)


if __name__ == "__main__":
    main()
