"""`causeway env`: what plain `pulumi`, `kubectl`, `helm` and `ansible` need in their environment."""

from __future__ import annotations

import typer

from causeway.cli.environment import environment
from causeway.cli.options import DEFAULT_FLEET, FleetOption, JsonOption
from causeway.cli.output import print_json
from causeway.toolchain.environment import exports

SCHEMA = "causeway/env/v1"


def command(fleet: FleetOption = DEFAULT_FLEET, as_json: JsonOption = False) -> None:
    """Print shell exports, for: eval "$(causeway env)".

    A state backend or passphrase that you set is kept. The folders of Pulumi's files are made when they are missing.
    """
    chosen = environment(fleet)
    if as_json:
        print_json(SCHEMA, {"variables": chosen})
    else:
        typer.echo(exports(chosen))
