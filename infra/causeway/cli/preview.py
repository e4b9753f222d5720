"""`causeway preview`: what `causeway up` would do, stack by stack, with nothing touched."""

from __future__ import annotations

from typing import Annotated

import typer

from causeway.cli.options import DEFAULT_FLEET, AsOfOption, FleetOption, JsonOption
from causeway.cli.output import console, print_json
from causeway.cli.stack_commands import Session, document
from causeway.cli.stack_text import print_changes
from causeway.stacks.model import Operation, exit_status
from causeway.stacks.run import Options
from causeway.stacks.tasks import chosen

SCHEMA = "causeway/preview/v1"

Stacks = Annotated[list[str] | None, typer.Argument(metavar="[STACK]...", help="Clusters or stacks; default all.")]
Refresh = Annotated[bool, typer.Option("--refresh", help="Ask hosts and clusters first whether they have drifted.")]
AtOnce = Annotated[int, typer.Option("--parallel", min=1, max=64, help="Stacks side by side.")]


def command(
    stacks: Stacks = None,
    fleet: FleetOption = DEFAULT_FLEET,
    as_of: AsOfOption = None,
    refresh: Refresh = False,
    parallel: AtOnce = 4,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="End with 2 when there is something to do.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what `causeway up` would do."""
    out = console(stderr=as_json)
    session = Session.of(fleet, console(stderr=True))
    clusters = chosen(session.loaded.fleet, stacks or [])
    options = Options(Operation.PREVIEW, refresh=refresh, at_once=parallel)
    reports = session.run(session.tasks(clusters, as_of), options)
    if as_json:
        print_json(SCHEMA, {"fleet": session.loaded.fleet.name, "stacks": document(reports)})
    else:
        print_changes(out, reports)
    raise typer.Exit(exit_status(reports, changes_are_two=exit_code))
