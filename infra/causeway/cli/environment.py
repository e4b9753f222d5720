"""The environment in which Pulumi, Ansible, kubectl and Helm work with a fleet: for `causeway env` and our own runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from causeway.assets import checkout, home_root, playbooks, playbooks_of
from causeway.errors import Permanent
from causeway.sandbox.layout import declared_name, layout
from causeway.sandbox.ssh import ansible_environment
from causeway.toolchain.environment import Places, variables


def environment(fleet: Path) -> dict[str, str]:
    """What to set for a fleet. The folders of the engine's files are made when they are missing.

    Args:
        fleet: folder of the declaration.
    """
    places = _places(fleet.absolute())
    chosen = _sandbox_access(fleet.absolute()) | variables(places, os.environ)
    if "ANSIBLE_CONFIG" in chosen:  # it enables the plugin that reads the declaration itself
        chosen["ANSIBLE_INVENTORY"] = str(fleet.absolute() / "fleet.yaml")
        chosen["ANSIBLE_ROLES_PATH"] = playbooks_of(fleet).roles_path
    places.pulumi_home.mkdir(mode=0o700, parents=True, exist_ok=True)
    places.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    return chosen


def sandbox_is_up(fleet: Path) -> bool:
    """Whether this fleet's sandbox has been made here."""
    return bool(_sandbox_access(fleet.absolute())) or _places(fleet.absolute()).kubeconfig.is_file()


def _sandbox_access(fleet: Path) -> dict[str, str]:
    """What plain `ansible` needs to reach the hosts of this fleet's sandbox, while it is up."""
    try:
        place = layout(declared_name(fleet), home_root(fleet, os.environ), os.environ)
    except Permanent:
        return {}
    return dict(ansible_environment(place)) if place.ssh_config.is_file() else {}


def _ansible_config(home: Path) -> Path:
    """The configuration at the top of the checkout, or of the fleet's own repository; else the playbooks' own."""
    own = (checkout() or home.parent) / "ansible.cfg"
    return own if own.is_file() else playbooks() / "ansible.cfg"


def _places(fleet: Path) -> Places:
    home = home_root(fleet, os.environ)
    try:
        name = declared_name(fleet)
    except Permanent:  # a shell can be set up before the declaration is written
        name = fleet.name
    return Places(
        own=Path(sys.prefix) / "bin",
        fleet=fleet,
        home=home,
        kubeconfig=layout(name, home, os.environ).home / "kubeconfig",
        ansible_config=_ansible_config(home),
    )
