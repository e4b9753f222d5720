"""Brings Debian's, Ubuntu's or openEuler's own packages onto a host, and tells in check mode what it would do.

`ansible.builtin.apt` cannot predict on a host that has never fetched its package lists; what is installed can be told
all the same.
"""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

DOCUMENTATION = """
name: causeway_packages
short_description: Packages of the distribution, predictable before the first update of its lists
description:
  - Compares first. Where all are there, nothing else runs. In check mode the comparison is the prediction.
  - In check mode it adds what it would install to C(ansible_facts.causeway__packages_coming), since tasks that follow
    find it missing on the host.
  - Vendors' packages with exact versions are C(causeway_apt_plan)'s business.
options:
  names: {description: Packages to have., required: true, type: list, elements: str}
  manager: {description: How the host installs packages., choices: [apt, dnf, yum], required: true, type: str}
"""

COMING = "causeway__packages_coming"


class ActionModule(ActionBase):
    """Asks the host what it has, then calls Ansible's own module for what it lacks."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Install what lacks, or tell it."""
        super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(
            argument_spec={
                "names": {"type": "list", "elements": "str", "required": True},
                "manager": {"type": "str", "required": True, "choices": ["apt", "dnf", "yum"]},
            }
        )
        if given["manager"] != "apt":
            arguments = {"name": given["names"], "state": "present"}
            return self._module(f"ansible.builtin.{given['manager']}", arguments, task_vars)
        compared = self._module("causeway_apt_plan", {"packages": dict.fromkeys(given["names"], "")}, task_vars)
        if compared.get("failed") or compared.get("right"):
            return compared
        lacking = sorted(set(given["names"]) - set(compared["installed"]))
        diff = {"before": "", "after": "".join(f"{name}\n" for name in lacking)}
        if self._task.check_mode:
            before = list((task_vars or {}).get("ansible_facts", {}).get(COMING) or [])
            coming = list(dict.fromkeys([*before, *lacking]))
            return {"changed": True, "diff": diff, "lacking": lacking, "ansible_facts": {COMING: coming}}
        arguments = {"name": lacking, "update_cache": True, "install_recommends": False, "lock_timeout": 300}
        return {**self._module("ansible.builtin.apt", arguments, task_vars), "diff": diff}

    def _module(self, name: str, arguments: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        answer: dict[str, Any] = self._execute_module(module_name=name, module_args=arguments, task_vars=task_vars)
        return answer
