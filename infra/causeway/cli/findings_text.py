"""Findings as people read them: by what they mean, rule by rule, each with its place and the smallest change."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    from causeway.policy.findings import Finding

GROUPS = (("refused", "red"), ("warned", "yellow"), ("coming", "yellow"), ("noted", "blue"), ("accepted", "green"))
_TITLES = {
    "refused": "Refused: these stop creating or extending their subjects",
    "warned": "Warned",
    "coming": "Coming within 60 days",
    "noted": "Noted",
    "accepted": "Accepted by an exception",
}
_SUBJECTS = 12
_SUBJECTS_NOTED = 3


def grouped(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    """The findings that somebody has to know of, by what they mean; those that passed are in no group."""
    groups: dict[str, list[Finding]] = {name: [] for name, _ in GROUPS}
    for finding in findings:
        if finding.blocks:
            groups["refused"].append(finding)
        elif finding.open:
            groups["warned" if finding.severity in {"stop", "warn"} else "noted"].append(finding)
        elif finding.accepted_by is not None:
            groups["accepted"].append(finding)
        elif finding.severity == "warn":
            groups["coming"].append(finding)
    groups["coming"].sort(key=lambda finding: finding.evidence.get("day", ""))
    return groups


def print_groups(out: Console, groups: dict[str, list[Finding]], titles: Callable[[str], str]) -> None:
    """Every group that is not empty.

    Args:
        out: where to.
        groups: as `grouped` makes them.
        titles: the title of a rule.
    """
    for name, colour in GROUPS:
        if groups[name]:
            out.print(f"\n[bold {colour}]{_TITLES[name]} ({len(groups[name])})[/]")
        if name == "coming":
            _print_coming(out, groups[name])
            continue
        for several in _alike(groups[name], lambda f: (f.rule, f.rule_version, f.verdict, f.fix)):
            _print_rule(out, several, titles)


def _print_coming(out: Console, findings: Iterable[Finding]) -> None:
    """What happens on which day, by day."""
    for finding in findings:
        out.print(f"  {escape(finding.reason)}", soft_wrap=True)
        out.print(f"    {escape(finding.subject)}  [dim]{escape(str(finding.where))}[/]", soft_wrap=True)
        out.print(f"    [bold]to do:[/] {escape(finding.fix)}", soft_wrap=True)


def _alike(findings: Iterable[Finding], key: Callable[[Finding], Hashable]) -> list[list[Finding]]:
    """Findings with an equal key together, in the order of the first of each."""
    found: dict[Hashable, list[Finding]] = {}
    for finding in findings:
        found.setdefault(key(finding), []).append(finding)
    return list(found.values())


def _print_rule(out: Console, findings: Sequence[Finding], titles: Callable[[str], str]) -> None:
    """One rule: its title and version, then subjects of which it says the same, then what to do about all of them."""
    first = findings[0]
    unknown = " [italic](unknown)[/]" if first.verdict == "unknown" else ""
    head = f"{titles(first.rule)}, version of {first.rule_version}"
    out.print(f"  [bold]{escape(first.rule)}[/]{unknown}  [dim]{escape(head)}[/]", soft_wrap=True)
    for alike in _alike(findings, lambda f: (f.reason, f.accepted_by)):
        _print_alike(out, alike)
    if first.fix and first.accepted_by is None:
        out.print(f"    [bold]to do:[/] {escape(first.fix)}", soft_wrap=True)
    if first.blocks:
        out.print(f"    [dim]source: {escape(first.source)}[/]", soft_wrap=True)


def _print_alike(out: Console, findings: Sequence[Finding]) -> None:
    """Subjects, each with its place, of which a rule says the same; then what it says, and who accepted it."""
    shown = _SUBJECTS_NOTED if findings[0].severity == "info" else _SUBJECTS
    for finding in findings[:shown]:
        out.print(f"    {escape(finding.subject)}  [dim]{escape(str(finding.where))}[/]", soft_wrap=True)
    if len(findings) > shown:
        out.print(f"    and {len(findings) - shown} more; --json has them all")
    out.print(f"      {escape(findings[0].reason)}", soft_wrap=True)
    accepted = findings[0].accepted_by
    if accepted is not None:
        by = f"accepted by {accepted.approved_by} until {accepted.expires}: {accepted.reason}"
        out.print(f"      {escape(by)}", soft_wrap=True)
