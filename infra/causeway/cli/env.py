"""`causeway env`: what plain `pulumi`, `kubectl`, `helm` and `ansible` need in their environment."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import typer

from causeway.assets import checkout
from causeway.cli.options import DEFAULT_FLEET, FleetOption, JsonOption
from causeway.cli.output import print_json
from causeway.errors import Permanent
from causeway.sandbox.layout import declared_name, home_root, layout
from causeway.sandbox.ssh import ansible_environment
from causeway.toolchain.environment import Places, exports, variables

SCHEMA = "causeway/env/v1"


def command(fleet: FleetOption = DEFAULT_FLEET, as_json: JsonOption = False) -> None:
    """Print shell exports, for: eval "$(causeway env)".

    A state backend or passphrase that you set is kept. The folders of Pulumi's files are made when they are missing.
    """
    places = _places(fleet.absolute())
    chosen = _sandbox_access(fleet.absolute()) | variables(places, os.environ)
    if "ANSIBLE_CONFIG" in chosen:  # it names the inventory
        chosen.pop("ANSIBLE_INVENTORY", None)
    places.pulumi_home.mkdir(parents=True, exist_ok=True)
    places.state.mkdir(parents=True, exist_ok=True)
    if as_json:
        print_json(SCHEMA, {"variables": chosen})
    else:
        typer.echo(exports(chosen))


def _sandbox_access(fleet: Path) -> dict[str, str]:
    """What plain `ansible` needs to reach the hosts of this fleet's sandbox, while it is up."""
    try:
        place = layout(declared_name(fleet), home_root(fleet, os.environ), os.environ)
    except Permanent:
        return {}
    return dict(ansible_environment(place)) if place.ssh_config.is_file() else {}


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
        ansible_config=(checkout() or home.parent) / "ansible.cfg",
    )
