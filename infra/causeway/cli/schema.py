"""`causeway schema`: the declaration's JSON Schema, or the reference made from it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from causeway.cli.output import deliver


def command(
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write to a file.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the reference of all fields instead.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the schema; it is JSON without this option too.")
    ] = False,
) -> None:
    """Print the JSON Schema (2020-12) of the fleet's declaration, for editors and other programs."""
    from causeway.fleet.json_schema import json_schema, schema_text  # noqa: PLC0415 - see cli.app
    from causeway.fleet.reference import reference  # noqa: PLC0415 - see cli.app

    if markdown and as_json:
        raise typer.BadParameter("--markdown and --json exclude each other")
    text = reference(json_schema()) if markdown else schema_text()
    deliver(text, out)
