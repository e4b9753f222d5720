"""Ansible's side of a rollout's control: stops between two tasks when asked, and ends when whoever started it is gone.

It is loaded by `ansible-playbook` itself. Between two tasks nothing runs on any host (the linear strategy waits for all
hosts), so that is where a run may end without leaving one in the middle of something.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase  # type: ignore[import-untyped] # it has no types

DOCUMENTATION = """
name: causeway_control
type: aggregate
short_description: Stops a run between two tasks
description:
  - Ends the run before the next task once the file C(stop) is in the folder that C(CAUSEWAY_CONTROL) names.
  - Notes the tags of tasks that may disturb a host, as files named after the tasks, since ansible-runner does not
    tell tags.
"""

PREFIX = "disruption_"
_PR_SET_PDEATHSIG = 1  # prctl(2)


class CallbackModule(CallbackBase):  # type: ignore[misc] # the base has no types
    """See DOCUMENTATION."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "causeway_control"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._folder = Path(os.environ["CAUSEWAY_CONTROL"])
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:  # noqa: FBT001 - Ansible's signature
        """A task begins, and nothing of the one before runs any more."""
        del is_conditional
        self._before(task)

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        """A handler begins."""
        self._before(task)

    def _before(self, task: Any) -> None:
        if (self._folder / "stop").exists():
            raise KeyboardInterrupt
        kinds = [tag for tag in task.tags if str(tag).startswith(PREFIX)]
        if kinds:
            (self._folder / "tags" / str(task._uuid)).write_text(" ".join(kinds), encoding="utf-8")  # noqa: SLF001 - its only name
