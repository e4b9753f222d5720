"""Asserts a host's inventory before the host is touched: the variables that plays need, and the roles that it names."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase

DOCUMENTATION = """
name: causeway_inventory
short_description: Is the inventory of this host whole?
description:
  - Runs on the controller alone. Fails when a variable of the plan is missing, a role cannot be found, a variable of a
    role is not as its argument specification wants it or a secret without a value, or the role has no such variable;
    all at once.
  - Returns in C(validating) the roles that have tasks C(validate).
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
        """Look at variables and roles; tell all that is wrong."""
        super().run(tmp, task_vars)
        known = task_vars or {}
        lacking = [f"causeway__{name}" for name in NEEDED if f"causeway__{name}" not in known]
        if lacking:
            return _failed(
                f"inventory-incomplete: {', '.join(lacking)} of this host is missing; to do: name the declaration "
                "itself as the inventory: -i inventory/NAME/fleet.yaml"
            )
        folders = {str(name): self._folder(str(name)) for name in self._task.args["roles"]}
        wrong = [
            f"role-missing: {name} is in none of the folders of roles ({', '.join(map(str, self._folders()))}); to do: "
            "write it in the fleet's own, `roles` beside `inventory`, and set the shell of a run by hand: "
            'eval "$(causeway env)"'
            for name, folder in folders.items()
            if folder is None
        ]
        found = {name: folder for name, folder in folders.items() if folder}
        for folder in found.values():
            wrong += self._wrong_variables(folder, known)
        if wrong:
            return _failed(*wrong)
        validating = [name for name, folder in found.items() if (folder / "tasks" / "validate.yml").is_file()]
        return {"changed": False, "validating": validating}

    def _folder(self, role: str) -> Path | None:
        """Where Ansible finds a role."""
        return next((path / role for path in self._folders() if (path / role).is_dir()), None)

    def _folders(self) -> list[Path]:
        """Where Ansible looks for roles."""
        own = Path(self._loader.get_basedir()) / "roles"
        return list(dict.fromkeys([own, *map(Path, constants.DEFAULT_ROLES_PATH)]))

    def _options(self, folder: Path) -> dict[str, Any]:
        """What a role says of its variables; nothing when it says nothing."""
        path = folder / "meta" / "argument_specs.yml"
        said = self._loader.load_from_file(str(path)) if path.is_file() else {}
        return dict(said.get("argument_specs", {}).get("main", {}).get("options", {}))

    def _wrong_variables(self, folder: Path, known: dict[str, Any]) -> Iterator[str]:
        """Variables of a role that are not as it wants them, or that it does not have."""
        role, options, manual = folder.name, self._options(folder), folder / "README.md"
        if not options:
            return
        given = self._templar.template({name: known[name] for name in options if name in known})
        lacking = known.get("causeway__secrets_lacking") or {}
        for name in sorted(given):
            missing = [secret for secret in _secrets(given[name]) if secret in lacking]
            yield from (f"secret-missing: {name} needs the secret {secret}: {lacking[secret]}" for secret in missing)
            if missing:
                del given[name]
        answer = ArgumentSpecValidator(options).validate(given, validate_role_argument_spec=True)
        for message in answer.error_messages:
            yield f"variable-wrong: {message.rstrip('.')}; to do: see {manual}"
        for name in sorted(name for name in known if name.startswith(f"{role}__") and name not in options):
            near = get_close_matches(name, options, 1)
            hint = f"did you mean {near[0]}?" if near else f"see {manual}"
            yield f"variable-unknown: the role {role} has no {name}; to do: {hint}"


def _secrets(value: Any) -> Iterator[str]:
    """Secrets that a value still stands for, or holds somewhere inside."""
    if isinstance(value, dict) and value.keys() == {"secret"}:
        yield str(value["secret"])
    elif isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _secrets(item)


def _failed(*texts: str) -> dict[str, Any]:
    return {"failed": True, "msg": "\n".join(texts)}
