"""Asserts several things at once, and tells all that do not hold, each in its own words."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

DOCUMENTATION = """
name: causeway_expect
short_description: Expectations, each with what to say when it does not hold
description:
  - Runs on the controller alone and changes nothing. Fails when an expectation does not hold, with the texts of all
    that do not, the first of them first.
  - In check mode it only tells them, as C(broken), where the play sets C(causeway__proving), since what a run would
    have changed by then is not changed.
options:
  all:
    description:
      - What has to hold, each with I(that), a template that gives true or false, and I(say), the text of its failure,
        C(CODE (colon) what; to do (colon) what). Texts are filled in whether it holds or not.
    required: true
    type: list
    elements: dict
"""


class ActionModule(ActionBase):
    """Runs on the controller alone."""

    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Fail with everything that does not hold."""
        super().run(tmp, task_vars)
        expectations = self._task.args.get("all")
        if not isinstance(expectations, list) or not all(_is_expectation(each) for each in expectations):
            return {"failed": True, "msg": "expectation-shape: `all` is a list of {that: true or false, say: TEXT}"}
        broken = [" ".join(str(each["say"]).split()) for each in expectations if not each["that"]]
        telling = self._task.check_mode and (task_vars or {}).get("causeway__proving", False)
        return {"changed": False, "failed": bool(broken) and not telling, "broken": broken, "msg": "\n".join(broken)}


def _is_expectation(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"that", "say"} and isinstance(value["that"], bool)
