"""`causeway check`: whether the declaration can be read, and what the rules say of it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.markup import escape

from causeway.cli.findings_text import grouped, print_groups
from causeway.cli.fleet_context import FleetContext
from causeway.cli.options import DEFAULT_FLEET, AsOfOption, FleetOption, JsonOption
from causeway.cli.output import console, print_json, told
from causeway.errors import CausewayError

if TYPE_CHECKING:
    from causeway.policy.findings import Finding

EXIT_ERROR = 1
EXIT_REFUSED = 3
_SCHEMA = "causeway/check/v1"


def command(fleet: FleetOption = DEFAULT_FLEET, as_of: AsOfOption = None, as_json: JsonOption = False) -> None:
    """Check the declaration and what the rules say of it. Exit status 1: malformed, 3: refused by a rule."""
    context = FleetContext.of(fleet, as_of)
    try:
        findings = context.findings
    except CausewayError as error:
        if not as_json:
            raise
        print_json(_SCHEMA, {"as_of": context.on.isoformat(), "errors": told(error)})
        raise typer.Exit(EXIT_ERROR) from error
    groups = grouped(findings)
    if as_json:
        print_json(_SCHEMA, _document(context, findings))
    else:
        _print(console(), context, findings, groups)
    if groups["refused"]:
        raise typer.Exit(EXIT_REFUSED)


def _document(context: FleetContext, findings: tuple[Finding, ...]) -> dict[str, Any]:
    from causeway.policy.rulebook import rulebook  # noqa: PLC0415 - see fleet_context

    return {
        "fleet": context.loaded.fleet.name,
        "digest": context.loaded.digest,
        "as_of": context.on.isoformat(),
        "rule_set": {"date": rulebook().date.isoformat(), "notice": rulebook().notice},
        "errors": [],
        "refused": any(finding.blocks for finding in findings),
        "verdicts": dict(sorted(Counter(finding.verdict for finding in findings).items())),
        "findings": [finding.as_dict() for finding in findings],
        "seconds": {step: round(seconds, 3) for step, seconds in context.seconds.items()},
    }


def _print(
    out: Console, context: FleetContext, findings: tuple[Finding, ...], groups: dict[str, list[Finding]]
) -> None:
    from causeway.policy.rulebook import rulebook  # noqa: PLC0415 - see fleet_context

    loaded = context.loaded
    fleet = loaded.fleet
    counts = f"{len(fleet.clusters):,} clusters, {loaded.hosts.count:,} hosts, {len(fleet.workloads):,} workloads"
    out.print(f"[bold]{fleet.name}[/] on {context.day}: {counts}. The declaration has no error.")
    print_groups(out, groups, lambda rule: rulebook().rules[rule].title)
    verdicts = Counter(finding.verdict for finding in findings)
    passed = f"{verdicts['pass']} passed, {verdicts['not_applicable']} do not apply"
    out.print(f"\n{len(findings)} findings: {passed}.")
    out.print(f"Rules of {rulebook().date}. {escape(rulebook().notice)}", soft_wrap=True)
