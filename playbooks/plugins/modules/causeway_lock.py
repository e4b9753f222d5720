"""Holds and frees a host's lock, so that two runs never change one host at a time. It expires by itself."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
import time

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: causeway_lock
short_description: The lock of a host
description:
  - Keeps C(/var/lib/causeway/lock.json), C({"owner", "run", "expires"}), with I(expires) in seconds since 1970.
  - The action plugin of the same name fills I(owner) and I(run) from C(causeway__owner) and C(causeway__run), or names
    the running C(ansible-playbook); it takes over a lock whose owner was a process of the same machine that is gone.
  - It never counts as a change, and in check mode it does nothing.
options:
  state:
    description: C(held) takes or renews the lock; C(free) gives it back when it is the owner's.
    choices: [held, free]
    required: true
    type: str
  owner: {description: 'Who holds it: MACHINE-ID/BOOT-ID/PID/START-TICKS.', required: true, type: str}
  run: {description: Id of the run., required: true, type: str}
  seconds: {description: How long it holds unless it is renewed., default: 900, type: int}
  instead_of: {description: An owner whose lock is to be taken over, since it is known to be gone., type: str}
  path: {description: Where it lies., default: /var/lib/causeway/lock.json, type: path}
"""


def read(path: str) -> dict | None:
    """The lock; None when there is none that can be understood."""
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError):
        return None
    whole = isinstance(found, dict) and isinstance(found.get("expires"), (int, float))
    return found if whole and isinstance(found.get("owner"), str) else None


def held_by_another(lock: dict | None, owner: str, instead_of: str | None, now: float) -> bool:
    """Whether somebody else holds the lock."""
    return lock is not None and lock["expires"] > now and lock["owner"] not in (owner, instead_of)


def change(path: str, params: dict, now: float) -> dict | None:
    """Take, renew or free the lock. Returns the lock of somebody else that is in the way; None when there is none."""
    folder = os.path.dirname(path)
    os.makedirs(folder, mode=0o755, exist_ok=True)
    guard = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(guard, fcntl.LOCK_EX)
        present = read(path)
        if held_by_another(present, params["owner"], params["instead_of"], now):
            return present if params["state"] == "held" else None
        if params["state"] == "held":
            expires = int(now) + params["seconds"]
            _write(path, {"owner": params["owner"], "run": params["run"], "expires": expires})
        elif os.path.exists(path):
            os.unlink(path)
    finally:
        os.close(guard)
    return None


def _write(path: str, lock: dict) -> None:
    handle, fresh = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".lock.")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(json.dumps(lock, sort_keys=True) + "\n")
        os.fchmod(file.fileno(), 0o644)
    os.rename(fresh, path)


def main() -> None:
    """Run as Ansible's module."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "required": True, "choices": ["held", "free"]},
            "owner": {"type": "str", "required": True},
            "run": {"type": "str", "required": True},
            "seconds": {"type": "int", "default": 900},
            "instead_of": {"type": "str"},
            "path": {"type": "path", "default": "/var/lib/causeway/lock.json"},
        },
        supports_check_mode=True,
    )
    if module.check_mode:
        module.exit_json(changed=False)
    try:
        other = change(module.params["path"], module.params, time.time())
    except OSError as error:
        module.fail_json(msg=f"lock-not-written: {error.filename}: {error.strerror}; to do: mend the host's disk")
    if other is None:
        module.exit_json(changed=False)
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(other["expires"]))
    module.fail_json(
        msg=f"host-locked: the run {other.get('run', 'unknown')} of {other['owner']} holds this host until {until}; "
        "to do: wait for that run to end, or until then",
        held_by=other["owner"],
    )


if __name__ == "__main__":
    main()
