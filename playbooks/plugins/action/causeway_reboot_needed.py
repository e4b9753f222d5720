"""Collects why a host has to reboot. Only `reboot.yml` reboots."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

DOCUMENTATION = """
name: causeway_reboot_needed
short_description: A role asks for a reboot
description:
  - Adds to C(ansible_facts.causeway__reboot_reasons) and sets C(ansible_facts.causeway__reboot_needed), in check mode
    as well, so that the reboot is predicted.
options:
  reasons: {description: Why; nothing is asked for when the list is empty., required: true, type: list, elements: str}
  state: {description: C(done) forgets what was asked for., choices: [needed, done], default: needed, type: str}
"""

NEEDED = "causeway__reboot_needed"
REASONS = "causeway__reboot_reasons"


class ActionModule(ActionBase):
    """Runs on the controller alone."""

    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Add the reasons to those that other roles gave."""
        super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(
            argument_spec={
                "reasons": {"type": "list", "elements": "str", "required": True},
                "state": {"type": "str", "default": "needed", "choices": ["needed", "done"]},
            }
        )
        before = list((task_vars or {}).get("ansible_facts", {}).get(REASONS) or [])
        reasons = [] if given["state"] == "done" else list(dict.fromkeys([*before, *given["reasons"]]))
        return {"changed": False, "ansible_facts": {NEEDED: bool(reasons), REASONS: reasons}}
