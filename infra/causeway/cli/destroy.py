"""`causeway destroy`: takes stacks away: releases are uninstalled, hosts are forgotten as they are."""

from __future__ import annotations

import typer

from causeway.cli.options import DEFAULT_FLEET, FleetOption, JsonOption
from causeway.cli.output import console, print_json
from causeway.cli.preview import AtOnce, Stacks
from causeway.cli.stack_commands import Session, document
from causeway.cli.stack_text import print_changes, print_ends
from causeway.cli.up import Yes, confirm
from causeway.errors import Permanent
from causeway.stacks.model import Operation, exit_status
from causeway.stacks.run import Options

SCHEMA = "causeway/destroy/v1"


def command(
    stacks: Stacks = None,
    fleet: FleetOption = DEFAULT_FLEET,
    yes: Yes = False,
    parallel: AtOnce = 4,
    as_json: JsonOption = False,
) -> None:
    """Uninstall what was released and forget the hosts, which keep their drivers.

    Also for a cluster that the declaration no longer has. Leased and reserved capacity needs an approval in the
    declaration.
    """
    if as_json and not yes:
        raise Permanent("needs-yes", "--json cannot ask", hint="add --yes")
    out = console(stderr=as_json)
    session = Session.of(fleet, console(stderr=True))
    tasks = session.to_destroy(stacks or [])
    shown = session.run(tasks, Options(Operation.DESTROY, dry=True, at_once=parallel))
    print_changes(out, shown)

    def ask(changing: frozenset[str]) -> None:
        if not yes:
            confirm(out, f"destroy {len(changing)} stack(s): {', '.join(sorted(changing))}?")

    reports = session.carry_out(shown, tasks, Options(Operation.DESTROY, at_once=parallel), ask=ask)
    print_ends(out, reports)
    if as_json:
        print_json(SCHEMA, {"fleet": session.loaded.fleet.name, "stacks": document(reports)})
    raise typer.Exit(exit_status(reports))
