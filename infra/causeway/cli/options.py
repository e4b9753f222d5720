"""Options that several commands share. Each is an annotation, so that help texts and environment names are one."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

DEFAULT_FLEET = Path("inventory/sandbox")


def parse_day(text: str) -> date:
    """A day as `--as-of` takes it.

    Raises:
        typer.BadParameter: when it is not written as 2026-11-22.
    """
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter("write a day of the calendar as 2026-11-22") from error


FleetOption = Annotated[
    Path,
    typer.Option(
        "--fleet", envvar="CAUSEWAY_FLEET", metavar="DIR", show_default=True, help="Folder of the fleet's declaration."
    ),
]
"""Use as `fleet: FleetOption = DEFAULT_FLEET`."""

AsOfOption = Annotated[
    date | None,
    typer.Option("--as-of", parser=parse_day, metavar="DATE", help="Day on which rules are read; default today."),
]
"""Use as `as_of: AsOfOption = None`."""

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
"""Use as `as_json: JsonOption = False`."""
