#!/usr/bin/python3
"""Small files of a role, all in one call; runs on the host (Python 3.7 or newer)."""

from __future__ import annotations

DOCUMENTATION = r"""
module: causeway_files
short_description: Write a role's files with one call
description:
  - Writes files of text for root, each whole or not at all, and makes the folders that lack. A dozen settings so cost
    the work of one task and not of two dozen.
version_added: "0.1.0"
author: [Causeway]
options:
  files:
    description: Files to have.
    type: list
    elements: dict
    required: true
    suboptions:
      path: {description: Where., type: path, required: true}
      text: {description: What it holds. It ends with one line end., type: str, required: true}
      mode: {description: Its mode., type: str, default: '0644'}
attributes:
  check_mode: {support: full, description: Tells what it would write.}
  diff_mode: {support: full, description: Shows it.}
"""

EXAMPLES = r"""
- name: Write the settings
  causeway_files:
    files:
      - {path: /etc/modprobe.d/example.conf, text: "{{ lookup('ansible.builtin.template', 'modprobe.conf') }}"}
"""

RETURN = r"""
written:
  description: Files that were wrong or missing.
  returned: always
  type: list
  elements: str
"""

import os
import tempfile
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule


def present(path):
    """Text, mode and owner of a file; None where there is none."""
    try:
        with path.open("rb") as stream:
            told = os.fstat(stream.fileno())
            return stream.read().decode("utf-8", "replace"), told.st_mode & 0o7777, told.st_uid
    except FileNotFoundError:
        return None


def write(path, text, mode):
    """Put a file in place, whole."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    handle, fresh = tempfile.mkstemp(dir=str(path.parent), prefix=".causeway-")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(text.encode())
            os.fchmod(stream.fileno(), mode)
            stream.flush()
            os.fsync(stream.fileno())
        os.rename(fresh, str(path))
    except OSError:
        os.unlink(fresh)
        raise


def main():
    """Run as Ansible's module."""
    options = {
        "path": {"type": "path", "required": True},
        "text": {"type": "str", "required": True},
        "mode": {"type": "str", "default": "0644"},
    }
    module = AnsibleModule(
        argument_spec={"files": {"type": "list", "elements": "dict", "required": True, "options": options}},
        supports_check_mode=True,
    )
    written, diff = [], []
    for file in module.params["files"]:
        path, text, mode = Path(file["path"]), file["text"].rstrip("\n") + "\n", int(file["mode"], 8)
        try:
            before = present(path)
            if before == (text, mode, os.geteuid()):
                continue
            if not module.check_mode:
                write(path, text, mode)
        except OSError as error:
            module.fail_json(
                msg="file-not-written: %s: %s; to do: make room, or mend the disk" % (path, error.strerror)
            )
        written.append(str(path))
        header = {"before_header": str(path), "after_header": str(path)}
        diff.append(dict(header, before=before[0] if before else "", after=text))
    module.exit_json(changed=bool(written), written=written, diff=diff)


if __name__ == "__main__":
    main()
