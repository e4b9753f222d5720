"""`causeway env`: what plain `pulumi`, `kubectl`, `helm` and `ansible` need in their environment."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from causeway.assets import checkout
from causeway.cli.output import print_json
from causeway.sandbox.layout import home_root, layout
from causeway.toolchain.environment import Places, exports, variables

SCHEMA = "causeway/env/v1"
# The fleet's name alone: a declaration that is broken elsewhere, or is long, does not keep a shell from starting.
_NAME = re.compile(r"^name:\s*[\"']?([A-Za-z0-9-]+)", re.MULTILINE)


def command(
    fleet: Annotated[Path, typer.Option("--fleet", envvar="CAUSEWAY_FLEET", help="Folder of the declaration.")] = Path(
        "inventory/sandbox"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Print shell exports, for: eval "$(causeway env)".

    A state backend or passphrase that you set is kept. The folders of Pulumi's files are made when they are missing.
    """
    places = _places(fleet.absolute())
    chosen = variables(places, os.environ)
    places.pulumi_home.mkdir(parents=True, exist_ok=True)
    places.state.mkdir(parents=True, exist_ok=True)
    if as_json:
        print_json(SCHEMA, {"variables": chosen})
    else:
        typer.echo(exports(chosen))


def _places(fleet: Path) -> Places:
    home = home_root(fleet, os.environ)
    top = checkout() or home.parent
    return Places(
        own=Path(sys.prefix) / "bin",
        fleet=fleet,
        home=home,
        kubeconfig=layout(_fleet_name(fleet), home, os.environ).home / "kubeconfig",
        ansible_config=top / "ansible.cfg",
    )


def _fleet_name(fleet: Path) -> str:
    try:
        match = _NAME.search((fleet / "fleet.yaml").read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        match = None
    return match[1] if match else fleet.name
