"""Asks, before a role changes anything, whether this run may do to the host what the change needs."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

DOCUMENTATION = """
name: causeway_disruption
short_description: May this run restart services, need an empty host, or reboot it?
description:
  - Fails with the code C(disruption-not-allowed) when I(kind) goes beyond C(causeway__allow_disruption), which is
    C(reboot) unless the rollout says otherwise. Roles ask before their first change.
  - In check mode it never fails; its result names I(kind) and I(reason) for whoever predicts the run.
options:
  kind: {description: What the change needs., choices: [none, restart, drain, reboot], required: true, type: str}
  reason: {description: What is going to change., required: true, type: str}
"""

KINDS = ("none", "restart", "drain", "reboot")


class ActionModule(ActionBase):
    """Runs on the controller alone."""

    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Fail when the run may not do it."""
        super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(
            argument_spec={
                "kind": {"type": "str", "required": True, "choices": list(KINDS)},
                "reason": {"type": "str", "required": True},
            }
        )
        allowed = str((task_vars or {}).get("causeway__allow_disruption", "reboot"))
        if allowed not in KINDS:
            text = f"disruption-unknown: causeway__allow_disruption is {allowed}; to do: set it to one of {KINDS}"
            return {"failed": True, "msg": text}
        told = {"changed": False, "disruption": given["kind"], "reason": given["reason"]}
        if self._task.check_mode or KINDS.index(given["kind"]) <= KINDS.index(allowed):
            return told
        text = (
            f"disruption-not-allowed: {given['reason']} needs {given['kind']}, and this run may go "
            f"as far as {allowed}; "
            "to do: plan it as a rollout that may, or set causeway__allow_disruption"
        )
        return {**told, "failed": True, "msg": text}
