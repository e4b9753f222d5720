"""`causeway doctor`: what this machine has of all that Causeway needs, and what mends the rest."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from causeway.assets import home_root
from causeway.cli.options import DEFAULT_FLEET, JsonOption
from causeway.cli.output import console, print_json
from causeway.errors import Problems
from causeway.sandbox import checks as machine_checks
from causeway.toolchain.doctor import Check, Status, checks, exit_status
from causeway.toolchain.manifest import Purpose

SCHEMA = "causeway/doctor/v1"
_SHOWN = {Status.GOOD: "[green]good[/]", Status.MISSING: "[red]missing[/]", Status.UNFIT: "[yellow]unfit[/]"}


def command(
    purpose: Annotated[
        list[Purpose] | None, typer.Option("--for", help="Look only at what this needs; may be given several times.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Look at the tools, programs and packages of this machine.

    Exit status: 0 when all that is needed is good, 1 when something needed is missing.
    """
    looked_at = (*checks(os.environ), *_machine())
    found = [check for check in looked_at if not purpose or check.purpose in purpose]
    status = exit_status(found)
    if as_json:
        print_json(SCHEMA, {"ok": status == 0, "checks": [asdict(check) for check in found]})
    else:
        _print_tables(found)
    raise typer.Exit(status)


def _machine() -> Iterator[Check]:
    """What a sandbox's first host needs of the machine itself; `sandbox up` looks again, for all of them."""
    what = "can run the sandbox's hosts"
    if not sys.platform.startswith("linux"):
        yield Check(
            Purpose.SANDBOX, "machine", what, Status.UNFIT, detail="the hosts need Linux", fix="use a Linux machine"
        )
        return
    try:
        home = home_root(DEFAULT_FLEET, os.environ)
        seen = machine_checks.look(home, home / "cache", [])
        machine_checks.verify(seen, machine_checks.Need(new_hosts=1, image_cached=False))
    except Problems as problems:
        for error in problems.errors:
            yield Check(Purpose.SANDBOX, error.code, what, Status.UNFIT, detail=error.reason, fix=error.hint)
    else:
        room = f"root, kernel, control groups and disk suffice; inotify for {seen.hosts_by_inotify} more hosts"
        yield Check(Purpose.SANDBOX, "machine", what, Status.GOOD, path=room)


def _print_tables(found: Sequence[Check]) -> None:
    out = console()
    for group in Purpose:
        rows = [check for check in found if check.purpose is group]
        if rows:
            out.print(_table(group, rows))
    wrong = [check for check in found if check.stops]
    out.print(f"[red]{len(wrong)} of {len(found)} are not good[/]" if wrong else f"all {len(found)} are good")
    for fix in dict.fromkeys(check.fix for check in found if check.fix):
        out.print(f"  to do: {escape(fix)}", soft_wrap=True)


def _table(group: Purpose, rows: Sequence[Check]) -> Table:
    table = Table(title=f"for: {group}", title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("what", "state", "version", "where, or what is wrong"):
        table.add_column(heading, overflow="fold")
    for check in rows:
        state = _SHOWN[check.status] if check.needed or check.status is Status.GOOD else "[dim]optional[/]"
        table.add_row(check.name, state, check.version, escape(check.detail or check.path))
    return table
