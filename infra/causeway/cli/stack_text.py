"""How reports of stacks read on a terminal: what would change, what went wrong, where the logs are."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape

from causeway.stacks.model import Result, StackReport
from causeway.stacks.progress import ENDED

SIGNS = {"create": "[green]+[/]", "update": "[yellow]~[/]", "delete": "[red]-[/]", "replace": "[red]±[/]"}
MOST_DETAILS = 12
_NOT_WELL = {Result.FAILED, Result.PARTLY, Result.REFUSED, Result.CANCELLED}


def print_changes(console: Console, reports: Sequence[StackReport]) -> None:
    """What each stack's preview found."""
    for report in reports:
        if report.result is Result.UNCHANGED:
            console.print(f"[bold]{escape(report.stack)}[/]: nothing to do ({report.same} resources)")
            continue
        console.print(f"[bold]{escape(report.stack)}[/]")
        for change in report.changes:
            sign = SIGNS.get(change.operation, "?")
            console.print(f"  {sign} {change.operation:<8} {change.kind:<9} {escape(change.name)}", soft_wrap=True)
            shown = list(change.details.items())
            for path, text in shown[:MOST_DETAILS]:
                console.print(f"      {escape(path)}: {escape(text)}", soft_wrap=True)
            if len(shown) > MOST_DETAILS:
                console.print(f"      ... and {len(shown) - MOST_DETAILS} more")
        _print_told(console, report)


def print_ends(console: Console, reports: Sequence[StackReport]) -> None:
    """What went wrong, and where the logs are. A stack on which nothing was done has told it in its preview."""
    for report in reports:
        if report.only_looked or (report.result not in _NOT_WELL and not report.told):
            continue
        console.print(f"[bold]{escape(report.stack)}[/]: {report.result}")
        for host in report.failed_hosts:
            told = f"{host.pool}/{host.name}: {host.text}"
            how = host.phase if host.phase in ENDED else f"left in the middle, {host.phase}:"
            console.print(f"  [red]{how}[/] {escape(told)}", soft_wrap=True)
        _print_told(console, report)
    for report in reports:
        console.print(f"[bold]{escape(report.stack)}[/]: {standing(report)}", soft_wrap=True)
    logs = [str(report.log) for report in reports if report.log and not report.only_looked]
    if logs:
        console.print(f"[dim]logs: {escape(' '.join(logs))}[/]", soft_wrap=True)


def standing(report: StackReport) -> str:
    """What a stack holds, in a few words."""
    now = report.standing
    parts = [f"{now.verified} of {now.hosts} hosts verified"] if now.hosts else []
    parts += [_count(now.releases, "release"), _count(now.leases, "lease")]
    holds = ", ".join(part for part in parts if part)
    return f"{report.result}; {holds}" if holds else report.result.value


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'s' if number != 1 else ''}" if number else ""


def _print_told(console: Console, report: StackReport) -> None:
    if report.reason:
        console.print(f"  [red]{escape(report.reason)}[/]", soft_wrap=True)
    for said in report.told:
        colour = "red" if said.severity == "error" else "yellow"
        head = f"{said.resource}: " if said.resource else ""
        text = escape(head + said.text).replace("\n", "\n    ")
        console.print(f"  [{colour}]{said.severity}[/] {text}", soft_wrap=True)
