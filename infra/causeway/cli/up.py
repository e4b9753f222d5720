"""`causeway up`: brings the fleet's stacks to what the declaration says, after showing it and asking."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console

from causeway.cli.options import DEFAULT_FLEET, AsOfOption, FleetOption, JsonOption
from causeway.cli.output import console, print_json
from causeway.cli.preview import AtOnce, Refresh, Stacks
from causeway.cli.stack_commands import Session, document
from causeway.cli.stack_text import print_changes, print_ends
from causeway.errors import Permanent
from causeway.stacks.model import Operation, exit_status
from causeway.stacks.run import Options
from causeway.stacks.tasks import chosen

SCHEMA = "causeway/up/v1"
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def command(
    stacks: Stacks = None,
    fleet: FleetOption = DEFAULT_FLEET,
    as_of: AsOfOption = None,
    yes: Yes = False,
    refresh: Refresh = False,
    parallel: AtOnce = 4,
    as_json: JsonOption = False,
) -> None:
    """Bring clusters and hosts to what the declaration says: preview, ask, do.

    Hosts that are as they should be are not connected to. Interrupted, killed or partly failed: run it again.
    """
    if as_json and not yes:
        raise Permanent("needs-yes", "--json cannot ask", hint="add --yes, or use causeway preview --json")
    out = console(stderr=as_json)
    session = Session.of(fleet, console(stderr=True))
    clusters = chosen(session.loaded.fleet, stacks or [])
    tasks = session.tasks(clusters, as_of)
    previews = session.run(tasks, Options(Operation.PREVIEW, refresh=refresh, at_once=parallel))
    print_changes(out, previews)

    def ask(changing: frozenset[str]) -> None:
        if not yes:
            confirm(out, f"change {len(changing)} stack(s)?")

    options = Options(Operation.UP, refresh=refresh, at_once=parallel)
    reports = session.carry_out(previews, tasks, options, ask=ask)
    print_ends(out, reports)
    if as_json:
        print_json(SCHEMA, {"fleet": session.loaded.fleet.name, "stacks": document(reports)})
    raise typer.Exit(exit_status(reports))


def confirm(out: Console, question: str) -> None:
    """Ask; anything but yes ends the command with nothing touched.

    Raises:
        Permanent: nobody is there to answer.
        typer.Exit: the answer was no.
    """
    if not sys.stdin.isatty():
        raise Permanent("needs-yes", "there is no terminal to ask on", hint="add --yes")
    if not typer.confirm(question):
        out.print("nothing was touched")
        raise typer.Exit(0)
