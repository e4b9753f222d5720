"""`causeway diff BASE HEAD`: what changes between two folders or git revisions. Needs no credential, no network."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from causeway import assets
from causeway.cli.fleet_context import FleetContext
from causeway.cli.options import DEFAULT_FLEET, AsOfOption, FleetOption, JsonOption
from causeway.cli.output import console, print_json
from causeway.errors import Permanent
from causeway.fleet.files import MAIN, is_present
from causeway.plan.diff import diff
from causeway.plan.diff_model import PlanDiff
from causeway.plan.disruption import Disruptions
from causeway.plan.model import FleetPlan
from causeway.preview.revisions import find, folder_at

EXIT_CHANGED = 2
_SCHEMA = "causeway/diff/v1"


class Format(StrEnum):
    """How a diff is printed."""

    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"


@dataclass(frozen=True)
class Side:
    """One side: its plan's context, None where there is no fleet."""

    name: str
    context: FleetContext | None

    @property
    def plan(self) -> FleetPlan | None:
        """The plan, made when it is asked for; raises the declaration's errors."""
        return self.context.plan if self.context is not None else None


def command(
    base: Annotated[str, typer.Argument(help="Folder of a declaration, or git revision: before.")],
    head: Annotated[str, typer.Argument(help="Folder of a declaration, or git revision: after.")],
    fleet: FleetOption = DEFAULT_FLEET,
    as_of: AsOfOption = None,
    form: Annotated[Format, typer.Option("--format", help="How to print it.")] = Format.TEXT,
    as_json: JsonOption = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with 2 when something changes.")] = False,
) -> None:
    """Show what changes between two folders or git revisions: hosts, releases, leases, money, findings."""
    with _side(base, fleet, as_of) as before, _side(head, fleet, as_of) as after:
        known = after.context or before.context
        if known is None:
            raise Permanent(
                "no-declaration",
                f"neither {base} nor {head} has a {MAIN} there",
                where=str(fleet),
                hint="name the declaration's folder as it is in the repository: --fleet DIR",
            )
        found = diff(before.plan, after.plan, Disruptions(known.catalog, known.playbooks))
    _print(found, before.name, after.name, Format.JSON if as_json else form)
    if exit_code and not found.empty:
        raise typer.Exit(EXIT_CHANGED)


def _print(found: PlanDiff, before: str, after: str, form: Format) -> None:
    # each printer is loaded when it is wanted
    match form:
        case Format.JSON:
            from causeway.plan.render_json import diff_document  # noqa: PLC0415 - see above

            print_json(_SCHEMA, diff_document(found, before, after))
        case Format.MARKDOWN:
            from causeway.plan.render import markdown  # noqa: PLC0415 - see above

            sys.stdout.write(markdown(found, before, after))
        case Format.TEXT:
            from causeway.plan.render_terminal import print_diff  # noqa: PLC0415 - see above

            print_diff(console(), found, before, after)


@contextmanager
def _side(name: str, fleet: Path, as_of: AsOfOption) -> Iterator[Side]:
    """One side's context. A folder goes before a revision of the same name."""
    if name and Path(name).is_dir():
        yield Side(name, FleetContext.of(Path(name), as_of))
        return
    revision = find(name, fleet)
    own_roles = find(name, assets.playbooks_of(fleet).roles[-1])
    with folder_at(revision) as place, folder_at(own_roles) as roles:
        if place is None or not is_present(place / MAIN):
            yield Side(name, None)
            return
        context = FleetContext.of(place, as_of)
        context.shown = revision.shown
        context.own_roles = roles or place / "roles"  # what lies beside the private copy is nobody's
        yield Side(name, context)
