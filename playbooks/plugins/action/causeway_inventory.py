"""Asserts a host's inventory before the host is touched: the variables that plays need, and the roles that it names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible import constants
from ansible.plugins.action import ActionBase

DOCUMENTATION = """
name: causeway_inventory
short_description: Is the inventory of this host whole?
description:
  - Runs on the controller alone. Fails when a variable of the plan is missing, or a role cannot be found.
  - Returns the options of each role's argument specification, for C(validate_argument_spec), and in C(validating) the
    roles that have tasks C(validate).
options:
  roles: {description: Roles that the host's plays use., required: true, type: list, elements: str}
"""

NEEDED = (
    "fleet",
    "cluster",
    "pool",
    "site",
    "driver_role",
    "intent",
    "code",
    "accelerators_per_host",
    "os_architecture",
)


class ActionModule(ActionBase):
    """Runs on the controller alone."""

    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Look at variables and roles."""
        super().run(tmp, task_vars)
        known = task_vars or {}
        lacking = [f"causeway__{name}" for name in NEEDED if f"causeway__{name}" not in known]
        if lacking:
            return _failed(
                f"inventory-incomplete: {', '.join(lacking)} of this host is missing",
                "name the declaration itself as the inventory: -i inventory/NAME/fleet.yaml",
            )
        folders = {name: self._folder(str(name)) for name in self._task.args["roles"]}
        missing = [name for name, folder in folders.items() if folder is None]
        if missing:
            return _failed(
                f"role-missing: {', '.join(missing)} is in none of the folders of roles",
                "write the role, or name its folder in roles_path of ansible.cfg",
            )
        found = {name: folder for name, folder in folders.items() if folder}
        return {
            "changed": False,
            "options": {name: self._options(folder) for name, folder in found.items()},
            "validating": [name for name, folder in found.items() if (folder / "tasks" / "validate.yml").is_file()],
        }

    def _folder(self, role: str) -> Path | None:
        """Where Ansible finds a role."""
        own = Path(self._loader.get_basedir()) / "roles"
        paths = [own, *map(Path, constants.DEFAULT_ROLES_PATH)]
        return next((path / role for path in paths if (path / role).is_dir()), None)

    def _options(self, folder: Path) -> dict[str, Any]:
        """What a role says of its variables; nothing when it says nothing."""
        path = folder / "meta" / "argument_specs.yml"
        said = self._loader.load_from_file(str(path)) if path.is_file() else {}
        return dict(said.get("argument_specs", {}).get("main", {}).get("options", {}))


def _failed(what: str, to_do: str) -> dict[str, Any]:
    return {"failed": True, "msg": f"{what}; to do: {to_do}"}
