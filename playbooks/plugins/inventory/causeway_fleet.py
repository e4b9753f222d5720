"""Reads a fleet's declaration as Ansible's inventory.

A declaration that cannot be read, or that has no hosts, ends Ansible at once: no other plugin shall read it as
something else, and no playbook shall run on nothing and call that success.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from ansible.plugins.inventory import BaseInventoryPlugin
from ansible.utils.display import Display

DOCUMENTATION = """
name: causeway_fleet
short_description: Hosts of a Causeway declaration
description:
  - Reads C(fleet.yaml) and the folders beside it, as C(causeway check) does.
  - Groups are C(site_*), C(tenure_*), C(cluster_*), C(accelerator_*), C(vendor_*) and C(pool_CLUSTER__POOL), with
    hyphens written as underscores, and C(causeway_out_of_service) for the hosts that are to be left alone.
  - Host variables are those of the plan (docs/plan.md), with C(causeway__intent), C(causeway__code) and
    C(causeway__desired), the fingerprints of what the host should be. A pool's stand once, on its group.
  - A variable that names a secret gets its value where the declaration says it comes from the environment or a file.
    C(causeway__secrets_lacking) says of the others why they have none; C(validate.yml) fails the hosts that need one.
  - It has no options. Name the file itself, C(-i inventory/NAME/fleet.yaml), and not its folder.
"""

PLAYBOOKS = Path(__file__).resolve().parents[2]
_FIRST_CHARACTERS = 65536
_TOP_LEVEL = [re.compile(rf"^{key}[ \t]*:", re.MULTILINE) for key in ("version", "name")]

display = Display()


class InventoryModule(BaseInventoryPlugin):
    """The inventory plugin that Ansible loads by its file's name."""

    NAME = "causeway_fleet"

    def verify_file(self, path: str) -> bool:
        """Whether a file is a declaration: `.yaml` or `.yml`, with `version:` and `name:` at its top level."""
        if not super().verify_file(path) or not path.endswith((".yaml", ".yml")):
            return False
        with Path(path).open(encoding="utf-8", errors="replace") as file:
            text = file.read(_FIRST_CHARACTERS)
        return all(key.search(text) for key in _TOP_LEVEL)

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        """Add the fleet's groups and hosts; end Ansible when the declaration has an error."""
        super().parse(inventory, loader, path, cache)
        try:
            from causeway.errors import CausewayError
        except ImportError as error:
            _end(
                f"{path}: this Python has no Causeway to read the declaration with ({error})\n"
                f"  to do: install Causeway's wheel for {sys.executable}, or use the ansible-playbook of the "
                "environment that has it"
            )
        try:
            hosts = self._add(Path(path))
        except CausewayError as error:
            _end(str(error))
        if not hosts:
            _end(f"{path}: this fleet has no hosts that Ansible could reach\n  to do: declare `hosts` in a pool")

    def _add(self, path: Path) -> int:
        from causeway.assets import Playbooks, playbooks_of
        from causeway.fleet.load import load_fleet
        from causeway.plan.catalog_of import catalog_of
        from causeway.plan.inventory import OUT_OF_SERVICE
        from causeway.plan.inventory import inventory as pools_of
        from causeway.plan.playbook_code import code_of

        loaded = load_fleet(path)
        playbooks = Playbooks(PLAYBOOKS, playbooks_of(path).own_roles)
        catalog = catalog_of(loaded, playbooks)
        self.inventory.add_group(OUT_OF_SERVICE)
        secrets = _Secrets(loaded.fleet.secrets, path.parent)
        count = 0
        for pool in pools_of(loaded, catalog, code_of(playbooks)):
            own = pool.groups[-1]
            self.inventory.add_group(own)
            for group in pool.groups[:-1]:
                self.inventory.add_group(group)
                self.inventory.add_child(group, own)
            self._set(own, {**pool.variables, **_connections(loaded.fleet.name)}, secrets)
            for host in pool.hosts():
                self.inventory.add_host(host.name, group=own)
                self._set(host.name, host.variables, secrets)
                if host.out_of_service:
                    self.inventory.add_host(host.name, group=OUT_OF_SERVICE)
                count += 1
        if secrets.lacking:
            self.inventory.set_variable("all", "causeway__secrets_lacking", secrets.lacking)
        return count

    def _set(self, name: str, variables: Mapping[str, Any], secrets: _Secrets) -> None:
        for variable, value in variables.items():
            self.inventory.set_variable(name, variable, _plain(value, secrets))


class _Secrets:
    """Values of the declared secrets, read when a variable first asks for one; and why others have none."""

    def __init__(self, declared: Mapping[str, Any], folder: Path) -> None:
        self._declared, self._folder = declared, folder
        self._values: dict[str, str] = {}
        self.lacking: dict[str, str] = {}

    def in_place(self, reference: dict[str, Any]) -> Any:
        """The value; the reference itself where there is none."""
        name = reference["secret"]
        if name not in self._values and name not in self.lacking:
            self._read(name)
        return self._values.get(name, reference)

    def _read(self, name: str) -> None:
        from causeway.errors import CausewayError, Problems

        declared = self._declared.get(name)
        if declared is None:
            self.lacking[name] = "it is not declared; to do: declare under `secrets` where it comes from"
            return
        if declared.source not in {"env", "file"}:
            self.lacking[name] = (
                f"it comes from {declared.source}, which Ansible alone does not read; to do: go through `causeway up`, "
                "give the variable with --extra-vars, or declare it as `env` or `file`"
            )
            return
        from causeway.program.document import SecretSource
        from causeway.program.secret_values import Sources, values

        source = SecretSource(declared.source, declared.name or name)
        try:
            self._values |= values({name: source}, Sources(lambda _: None, os.environ, self._folder))
        except Problems as problems:
            first = problems.errors[0]
            self.lacking[name] = f"{first.reason}; to do: {first.hint}"
        except CausewayError as error:
            self.lacking[name] = str(error)


def _connections(fleet: str) -> dict[str, str]:
    """Where OpenSSH keeps its connections: apart for each fleet, unless the user has named a place.

    Ansible names a connection after host, port and user alone. Two fleets with a host of one name would share it, and
    a run on the one would change the other.
    """
    named = "ANSIBLE_SSH_CONTROL_PATH_DIR" in os.environ
    return {} if named else {"ansible_control_path_dir": f"~/.ansible/cp/{fleet}"}


def _plain(value: Any, secrets: _Secrets) -> Any:
    """The value in Ansible's own types, secrets in place: frozen mappings and days are none of them."""
    if isinstance(value, Mapping):
        plain = {str(key): _plain(item, secrets) for key, item in value.items()}
        return secrets.in_place(plain) if plain.keys() == {"secret"} and isinstance(plain["secret"], str) else plain
    if isinstance(value, (list, tuple)):
        return [_plain(item, secrets) for item in value]
    return value.isoformat() if isinstance(value, dt.date) else value


def _end(text: str) -> NoReturn:
    """End Ansible. An error raised here would only be a warning, after which the next plugin tries the same file."""
    display.error(text, wrap_text=False)
    raise SystemExit(1)
