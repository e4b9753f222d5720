"""How commands speak: consoles that respect NO_COLOR and pipes, errors, and JSON documents with a schema id."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from causeway.errors import CausewayError, Permanent, Problems


def console(*, stderr: bool = False) -> Console:
    """A console for people. Colour and width follow the terminal; NO_COLOR and pipes get plain text.

    Where nothing tells a width (a pipe, a CI log), lines are 160 columns wide, so that a table is not cut.
    """
    made = Console(stderr=stderr, highlight=False, soft_wrap=False)
    return made if made.is_terminal else Console(stderr=stderr, highlight=False, soft_wrap=False, width=160)


def print_error(error: CausewayError) -> None:
    """Print an error, or each of several, to standard error: where, what, why, what to do."""
    out = console(stderr=True)
    for each in error.errors if isinstance(error, Problems) else (error,):
        head = f"{each.where}: " if each.where else ""
        subject = f"{each.subject}: " if each.subject else ""
        code, text = escape(f"[{each.code}]"), escape(head + subject + each.reason)
        # Not folded by us: a path or a command that is cut in two cannot be copied.
        out.print(f"[bold red]error[/] [dim]{code}[/] {text}", soft_wrap=True)
        if each.excerpt:
            out.print(f"[dim]{escape(each.excerpt)}[/]", soft_wrap=True)
        if each.hint:
            out.print(f"  [bold]to do:[/] {escape(each.hint)}", soft_wrap=True)


def print_json(schema: str, body: Mapping[str, Any]) -> None:
    """Print one JSON document to standard output.

    Args:
        schema: name and version of the document's shape, such as `causeway/check/v1`.
        body: the document's other keys.
    """
    json.dump({"schema": schema, **body}, sys.stdout, indent=2, ensure_ascii=False, default=str)
    sys.stdout.write("\n")


def deliver(text: str, out: Path | None) -> None:
    """Print a finished text, or write it to a file in a folder that is made when it is missing.

    Raises:
        Permanent: when the file cannot be written.
    """
    if out is None:
        sys.stdout.write(text)
        return
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        hint = "name a file in a folder that you may write"
        raise Permanent("cannot-write", f"cannot write: {error.strerror}", where=str(out), hint=hint) from error
