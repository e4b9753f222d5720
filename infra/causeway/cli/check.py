"""`causeway check`: whether the declaration can be read, and what the rules say of it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.markup import escape

from causeway.cli.fleet_context import FleetContext
from causeway.cli.options import DEFAULT_FLEET, AsOfOption, FleetOption, JsonOption
from causeway.cli.output import console, print_json
from causeway.errors import CausewayError, Problems

if TYPE_CHECKING:
    from causeway.policy.findings import Finding

EXIT_ERROR = 1
EXIT_REFUSED = 3
_SUBJECTS = 12
_SCHEMA = "causeway/check/v1"
_GROUPS = (("refused", "red"), ("warned", "yellow"), ("noted", "blue"), ("accepted", "green"))
_TITLES = {
    "refused": "Refused: these stop creating or extending their subjects",
    "warned": "Warned",
    "noted": "Noted",
    "accepted": "Accepted by an exception",
}


def command(fleet: FleetOption = DEFAULT_FLEET, as_of: AsOfOption = None, as_json: JsonOption = False) -> None:
    """Check the declaration and what the rules say of it. Exit status 1: malformed, 3: refused by a rule."""
    context = FleetContext.of(fleet, as_of)
    try:
        findings = context.findings
    except CausewayError as error:
        if not as_json:
            raise
        errors = error.errors if isinstance(error, Problems) else (error,)
        print_json(_SCHEMA, {"as_of": context.on.isoformat(), "errors": [each.as_dict() for each in errors]})
        raise typer.Exit(EXIT_ERROR) from error
    groups = grouped(findings)
    if as_json:
        print_json(_SCHEMA, _document(context, findings))
    else:
        _print(console(), context, findings, groups)
    if groups["refused"]:
        raise typer.Exit(EXIT_REFUSED)


def grouped(findings: tuple[Finding, ...]) -> dict[str, list[Finding]]:
    """The findings that somebody has to know of, by what they mean; those that passed are in no group."""
    groups: dict[str, list[Finding]] = {name: [] for name, _ in _GROUPS}
    for finding in findings:
        if finding.blocks:
            groups["refused"].append(finding)
        elif finding.open:
            groups["warned" if finding.severity in {"stop", "warn"} else "noted"].append(finding)
        elif finding.accepted_by is not None and finding.verdict in {"fail", "unknown"}:
            groups["accepted"].append(finding)
    return groups


def _document(context: FleetContext, findings: tuple[Finding, ...]) -> dict[str, Any]:
    return {
        "fleet": context.loaded.fleet.name,
        "digest": context.loaded.digest,
        "as_of": context.on.isoformat(),
        "errors": [],
        "refused": any(finding.blocks for finding in findings),
        "verdicts": dict(sorted(Counter(finding.verdict for finding in findings).items())),
        "findings": [finding.as_dict() for finding in findings],
        "seconds": {step: round(seconds, 3) for step, seconds in context.seconds.items()},
    }


def _print(
    out: Console, context: FleetContext, findings: tuple[Finding, ...], groups: dict[str, list[Finding]]
) -> None:
    loaded = context.loaded
    fleet = loaded.fleet
    counts = f"{len(fleet.clusters):,} clusters, {loaded.hosts.count:,} hosts, {len(fleet.workloads):,} workloads"
    out.print(f"[bold]{fleet.name}[/] on {context.day}: {counts}. The declaration has no error.")
    for name, colour in _GROUPS:
        if groups[name]:
            out.print(f"\n[bold {colour}]{_TITLES[name]} ({len(groups[name])})[/]")
        alike: dict[tuple[str, ...], list[Finding]] = {}
        for finding in groups[name]:
            alike.setdefault((finding.rule, finding.verdict, finding.reason, finding.fix), []).append(finding)
        for several in alike.values():
            _print_alike(out, several)
    verdicts = Counter(finding.verdict for finding in findings)
    passed = f"{verdicts['pass']} passed, {verdicts['not_applicable']} do not apply"
    out.print(f"\n{len(findings)} findings: {passed}. Rules are neutral templates, not legal advice.")


def _print_alike(out: Console, findings: list[Finding]) -> None:
    """Subjects, each with its place, of which a rule says the same; then what it says."""
    first = findings[0]
    unknown = " [italic](data is missing)[/]" if first.verdict == "unknown" else ""
    out.print(f"  [bold]{escape(first.rule)}[/]{unknown}")
    for finding in findings[:_SUBJECTS]:
        out.print(f"    {escape(finding.subject)}  [dim]{escape(str(finding.where))}[/]", soft_wrap=True)
    if len(findings) > _SUBJECTS:
        out.print(f"    and {len(findings) - _SUBJECTS} more; --json has them all")
    out.print(f"    {escape(first.reason)}", soft_wrap=True)
    if first.fix and first.accepted_by is None:
        out.print(f"    [bold]to do:[/] {escape(first.fix)}", soft_wrap=True)
    for accepted in {finding.accepted_by: None for finding in findings if finding.accepted_by is not None}:
        by = f"accepted by {accepted.approved_by} until {accepted.expires}: {accepted.reason}"
        out.print(f"    {escape(by)}", soft_wrap=True)
