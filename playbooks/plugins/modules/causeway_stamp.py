"""Writes what a host says of itself: which intent and code it was brought to, and whether that is proved."""

from __future__ import annotations

import datetime as dt
import json
import os
import tempfile

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: causeway_stamp
short_description: The stamp of a host
description:
  - Keeps C(/var/lib/causeway/stamp.json), in which a host says what it was brought to and whether that is proved.
  - In check mode it tells what it would change and writes nothing.
options:
  state:
    description:
      - C(applying) before anything is changed. A stamp that is verified with the same intent and code stays as it is.
      - C(verified) after everything was proved.
    choices: [applying, verified]
    required: true
    type: str
  intent: {description: Fingerprint of the host's versions and variables., required: true, type: str}
  code: {description: Fingerprint of the tasks; empty when it is not known., default: '', type: str}
  fleet: {description: Name of the fleet; the host's variable C(causeway__fleet) by default., type: str}
  cluster: {description: Name of the cluster; C(causeway__cluster) by default., type: str}
  pool: {description: Name of the pool; C(causeway__pool) by default., type: str}
  host: {description: Name of the host; its inventory name by default., type: str}
  run: {description: Id of the run; C(causeway__run) by default., type: str}
  keep_verified:
    description: Whether C(applying) leaves a stamp that is verified with the same intent and code.
    default: true
    type: bool
  path: {description: Where it lies., default: /var/lib/causeway/stamp.json, type: path}
"""

SCHEMA = 1
_SUBJECT = ("fleet", "cluster", "pool", "host")


def read(path: str) -> dict | None:
    """The stamp; None when there is none that can be understood."""
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and found.get("schema") == SCHEMA else None


def wanted(params: dict, present: dict | None, now: str) -> dict:
    """The stamp as it should be; the present one, unchanged, where that says the same already."""
    subject = {key: params[key] for key in _SUBJECT}
    versions = {"intent": params["intent"], "code": params["code"]}
    verified = {**subject, **versions, "phase": "verified"}
    if present is not None and _says(present, verified) and (params["state"] == "verified" or params["keep_verified"]):
        return present
    done = verified if params["state"] == "verified" else {**subject, "intent": "", "code": "", "phase": "applying"}
    if present is not None and _says(present, {**done, "run": params["run"]}):
        return present
    return {"schema": SCHEMA, **done, "run": params["run"], "since": now}


def _says(stamp: dict, what: dict) -> bool:
    return all(stamp.get(key) == value for key, value in what.items())


def write(path: str, stamp: dict) -> None:
    """Put the stamp in place whole, so that a power loss leaves the old one or the new one."""
    folder = os.path.dirname(path)
    os.makedirs(folder, mode=0o755, exist_ok=True)
    handle, fresh = tempfile.mkstemp(dir=folder, prefix=".stamp.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(json.dumps(stamp, sort_keys=True) + "\n")
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


def main() -> None:
    """Run as Ansible's module."""
    texts = {key: {"type": "str"} for key in (*_SUBJECT, "run")}
    module = AnsibleModule(
        argument_spec={
            **texts,
            "state": {"type": "str", "required": True, "choices": ["applying", "verified"]},
            "intent": {"type": "str", "required": True},
            "code": {"type": "str", "default": ""},
            "keep_verified": {"type": "bool", "default": True},
            "path": {"type": "path", "default": "/var/lib/causeway/stamp.json"},
        },
        supports_check_mode=True,
    )
    path = module.params["path"]
    present = read(path)
    now = dt.datetime.now(dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    stamp = wanted(module.params, present, now)
    changed = stamp != present
    if changed and not module.check_mode:
        try:
            write(path, stamp)
        except OSError as error:
            module.fail_json(msg=f"stamp-not-written: {path}: {error.strerror}; to do: make room, or mend the disk")
    module.exit_json(changed=changed, stamp=stamp, diff={"before": _shown(present), "after": _shown(stamp)})


def _shown(stamp: dict | None) -> str:
    """The stamp for `--diff`, without what differs each time."""
    kept = {key: value for key, value in (stamp or {}).items() if key not in ("since", "run")}
    return json.dumps(kept, indent=1, sort_keys=True) + "\n" if kept else ""


if __name__ == "__main__":
    main()
