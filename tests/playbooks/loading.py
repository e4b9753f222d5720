"""Ansible's plugins as modules: they lie in no package, since Ansible loads each by its file."""

from __future__ import annotations

import importlib.util
from types import ModuleType

from tests.sandbox.small_fleet import REPOSITORY

PLAYBOOKS = REPOSITORY / "playbooks"


def plugin(kind: str, name: str) -> ModuleType:
    """A plugin's module: `plugin("modules", "causeway_stamp")`."""
    spec = importlib.util.spec_from_file_location(f"{kind}_{name}", PLAYBOOKS / "plugins" / kind / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made
