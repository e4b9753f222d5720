"""How commands speak: consoles that respect NO_COLOR and pipes, errors, and JSON documents with a schema id."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from causeway.errors import CausewayError, Permanent, Problems

_ERRORS = "causeway/errors/v1"
_COMMANDS_A_TERMINAL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


class _Console(Console):
    """A console that shows what a file says and lets none of it command the terminal."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Markup as text; characters that would move the cursor, colour or turn round the line are replaced."""
        return super().render_str(_COMMANDS_A_TERMINAL.sub("\N{REPLACEMENT CHARACTER}", text), **options)

    def on_broken_pipe(self) -> None:
        """Go on without whoever read standard error: a run does not end for it, nor the document that it prints."""
        if not self.stderr:
            super().on_broken_pipe()


def console(*, stderr: bool = False) -> Console:
    """A console for people. Colour and width follow the terminal; NO_COLOR and pipes get plain text.

    Where nothing tells a width (a pipe, a CI log), lines are 160 columns wide, so that a table is not cut. Words
    between colons stay as they are: `fleet.yaml:100:22` names a place, not a picture.
    """
    made = _Console(stderr=stderr, highlight=False, soft_wrap=False, emoji=False)
    if made.is_terminal:
        return made
    return _Console(stderr=stderr, highlight=False, soft_wrap=False, emoji=False, width=160)


def print_error(error: CausewayError, *, as_json: bool = False) -> None:
    """Print an error, or each of several: where, what, why, what to do.

    Args:
        error: what was raised.
        as_json: print one document to standard output instead of text to standard error.
    """
    errors = told(error)
    if as_json:
        print_json(_ERRORS, {"errors": errors})
        return
    out = console(stderr=True)
    for each in errors:
        head = f"{each['where']}: " if each["where"] else ""
        subject = f"{each['subject']}: " if each["subject"] else ""
        code, text = escape(f"[{each['code']}]"), escape(head + subject + each["reason"])
        # Not folded by us: a path or a command that is cut in two cannot be copied.
        out.print(f"[bold red]error[/] [dim]{code}[/] {text}", soft_wrap=True)
        if each["excerpt"]:
            out.print(f"[dim]{escape(each['excerpt'])}[/]", soft_wrap=True)
        if each["hint"]:
            out.print(f"  [bold]to do:[/] {escape(each['hint'])}", soft_wrap=True)


def told(error: CausewayError) -> list[dict[str, str]]:
    """An error, or each of several, as users and programs get it: a secret that was typed into a file is left out."""
    from causeway.policy.leaks import without_secrets  # noqa: PLC0415 - what goes well needs no patterns

    errors = error.errors if isinstance(error, Problems) else (error,)
    return [{field: without_secrets(text) for field, text in each.as_dict().items()} for each in errors]


def print_json(schema: str, body: Mapping[str, Any]) -> None:
    """Print one JSON document to standard output.

    Args:
        schema: name and version of the document's shape, such as `causeway/check/v1`.
        body: the document's other keys.
    """
    text = json.dumps({"schema": schema, **body}, indent=2, ensure_ascii=False, default=str)
    sys.stdout.write(_COMMANDS_A_TERMINAL.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n")


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
