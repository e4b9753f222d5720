"""Fills in whose stamp it is, so that plays name only what the stamp says."""

from __future__ import annotations

import os
from typing import Any

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """The controller's half of the module `causeway_stamp`."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Write the stamp of the host that the task runs on."""
        super().run(tmp, task_vars)
        known = task_vars or {}
        subject = {key: known.get(f"causeway__{key}") for key in ("fleet", "cluster", "pool")}
        run = known.get("causeway__run") or f"manual-{os.getppid()}"
        given = {**subject, "host": known.get("inventory_hostname"), "run": run, **self._task.args}
        answer: dict[str, Any] = self._execute_module("causeway_stamp", module_args=given, task_vars=known)
        return answer
