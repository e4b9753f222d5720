"""Ansible callback of these tests: what each task did on each host, as lines of JSON in CAUSEWAY_TEST_EVENTS."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase  # type: ignore[import-untyped]  # Ansible has no types

DOCUMENTATION = """
name: events
type: notification
short_description: Results as lines of JSON
description: [Writes each result to the file that CAUSEWAY_TEST_EVENTS names.]
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]  # Ansible has no types
    """The plugin that Ansible loads by its file's name."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "events"

    def _write(self, result: Any, outcome: str) -> None:
        found = result._result
        said = {
            "host": result._host.get_name(),
            "task": result._task.get_name(),
            "outcome": outcome,
            "changed": bool(found.get("changed")),
            "msg": str(found.get("msg", "")),
            "result": {key: value for key, value in found.items() if not key.startswith("_")},
        }
        with Path(os.environ["CAUSEWAY_TEST_EVENTS"]).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(said, default=str) + "\n")

    def v2_runner_on_ok(self, result: Any) -> None:
        """A task that worked."""
        self._write(result, "ok")

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:  # noqa: FBT001, FBT002 - Ansible's signature
        """A task that failed; `ignored` where the play goes on all the same."""
        self._write(result, "ignored" if ignore_errors else "failed")

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """A host that did not answer."""
        self._write(result, "unreachable")

    def v2_runner_on_skipped(self, result: Any) -> None:
        """A task that had nothing to do."""
        self._write(result, "skipped")
