"""A diff as Markdown for a pull request. The same diff gives the same bytes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from causeway.fleet.places import printable
from causeway.plan import render_words as words
from causeway.plan.diff_model import PlanDiff
from causeway.plan.render_view import NOT_LOOKED_AT, View, headline, view

LONGEST = 60_000
"""Characters; a comment on a pull request holds 65,536."""
MOST_ROWS = 40
_LONGEST_TEXT = 400
_SPECIAL = re.compile(r"([\\`*_{}\[\]#|~])")


def markdown(diff: PlanDiff, before: str, after: str) -> str:
    """The diff for a pull request: by risk first, then folded details, then what was not looked at.

    Args:
        diff: what changes.
        before: name of the side before, such as a revision.
        after: name of the side after.
    """
    shown, rows = view(diff), MOST_ROWS
    text = _markdown(diff, shown, before, after, rows)
    while len(text) > LONGEST and rows > 1:
        rows //= 2
        text = _markdown(diff, shown, before, after, rows)
    return text


def _markdown(diff: PlanDiff, shown: View, before: str, after: str, rows: int) -> str:
    known = diff.after or diff.before
    return (
        _environment()
        .get_template("diff.md.j2")
        .render(
            diff=diff,
            view=shown,
            fleet=known.fleet if known else "",
            on=known.on if known else "",
            before=before,
            after=after,
            headline=headline(diff),
            rows=rows,
            not_looked_at=NOT_LOOKED_AT,
        )
    )


@cache
def _environment() -> Environment:
    # Autoescape is HTML's; what a reader of Markdown must be kept from is escaped by the filters `text` and `code`.
    made = Environment(
        loader=PackageLoader("causeway.plan", "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - the output is no HTML page; see above
    )
    made.filters |= {"text": escaped, "code": code, "count": words.count, "ends": _ends, "sentence": _sentence}
    return made


def _cut(text: str) -> str:
    line = printable(" ".join(str(text).split()))
    return line if len(line) <= _LONGEST_TEXT else f"{line[: _LONGEST_TEXT - 2]} …"


def escaped(text: str) -> str:
    """A text that Markdown and HTML leave as it is, on one line; it also calls nobody by `@name`."""
    safe = _cut(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("@", "&#64;")
    return re.sub(r"&\\#64;", "&#64;", _SPECIAL.sub(r"\\\1", safe))


def code(text: str) -> str:
    """A text as code, also in a cell of a table; it may hold backticks and bars."""
    line = _cut(text).replace("|", "\\|")
    longest = max((len(run) for run in re.findall("`+", line)), default=0)
    if not longest:
        return f"`{line}`" if line else ""
    fence = "`" * (longest + 1)
    return f"{fence} {line} {fence}"


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _ends(rows: Sequence[Any], most: int) -> str:
    """What to say of rows that were left out; empty when none was."""
    return f"… and {len(rows) - most:,} more; `--format json` has them all." if len(rows) > most else ""
