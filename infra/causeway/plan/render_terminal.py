"""A diff for a terminal: by risk first, then each thing that changes field by field."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from causeway.plan.diff_model import FindingsDiff, PlanDiff
from causeway.plan.render_view import NOT_LOOKED_AT, Detail, Item, Reach, headline, view
from causeway.policy.findings import Finding

MOST_ROWS = 40
_COLOURS = {"reboot": "red", "drain": "yellow", "restart": "cyan", "none": "green"}


def print_diff(out: Console, diff: PlanDiff, before: str, after: str) -> None:
    """Print a diff.

    Args:
        out: where to.
        diff: what changes.
        before: name of the side before, such as a revision.
        after: name of the side after.
    """
    known = diff.after or diff.before
    if known is not None:
        out.print(f"[bold]{escape(known.fleet)}[/]: {escape(before)} → {escape(after)}, on {known.on}")
    for side, name, meaning in ((diff.before, before, "everything is new"), (diff.after, after, "everything goes")):
        if side is None:
            out.print(f"There is no fleet at {escape(name)}: {meaning}.")
    out.print(f"[bold]{escape(headline(diff))}[/]")
    if not diff.empty:
        _print_changes(out, diff)
    out.print(f"\n[dim]{NOT_LOOKED_AT}[/]")


def _print_changes(out: Console, diff: PlanDiff) -> None:
    shown = view(diff)
    _reaches(out, "What leaves service", shown.leaving)
    _items(out, "In this order", shown.orders, "cyan")
    _items(out, "What is deleted, replaced or taken out", shown.lost, "red")
    _findings(out, diff.findings)
    _items(out, "Leases", shown.leases, "yellow")
    if shown.money:
        _title(out, f"Money by the month, in {diff.money.currency[1]}")
        table = _table(("", "before", "after", "difference"))
        _rows(table, shown.money)
        out.print(table)
    _items(out, "What comes", shown.came, "green")
    _reaches(out, "What changes in place", shown.in_place)
    for title, details in (("Pools", shown.pools), ("Releases", shown.releases), ("Clusters", shown.clusters)):
        _details(out, title, details)
    if shown.capacity:
        _title(out, "Capacity of pools, in accelerators")
        table = _table(("pool", "hosts in service", "offered", "asked", "left"))
        _rows(table, shown.capacity)
        out.print(table)


def _title(out: Console, title: str) -> None:
    out.print(f"\n[bold]{title}[/]")


def _line(out: Console, text: str, indent: int = 2) -> None:
    """A line of markup that is folded under its own indent."""
    shown, width = out.render_str(text), max(20, out.width - indent)
    fits = shown.cell_len <= width and "\n" not in shown.plain
    lines = [shown] if fits else shown.wrap(out, width)
    for line in lines:
        line.rstrip()
    out.print(Text("\n").join(Text(" " * indent).append_text(line) for line in lines), soft_wrap=True)


def _more(out: Console, rows: Sequence[object]) -> None:
    if len(rows) > MOST_ROWS:
        _line(out, f"… and {len(rows) - MOST_ROWS:,} more; --format json has them all")


def _reaches(out: Console, title: str, reaches: tuple[Reach, ...]) -> None:
    if not reaches:
        return
    _title(out, title)
    for reach in reaches[:MOST_ROWS]:
        colour = _COLOURS[reach.what]
        _line(out, f"[{colour}]{escape(reach.pool)}[/]: {escape(reach.sentence)}")
        _line(out, escape("; ".join(text for text in (reach.times, reach.windows) if text)), 4)
        for why in reach.why[:MOST_ROWS]:
            _line(out, f"[dim]because[/] {escape(why)}", 4)
        for workload in reach.workloads:
            _line(out, escape(workload), 4)
    _more(out, reaches)


def _items(out: Console, title: str, items: tuple[Item, ...], colour: str) -> None:
    if not items:
        return
    _title(out, title)
    for item in items[:MOST_ROWS]:
        _line(out, f"[{colour}]{escape(item.what)}[/]: {escape(item.detail)}")
    _more(out, items)


def _findings(out: Console, findings: FindingsDiff) -> None:
    if not (findings.new or findings.gone or findings.changed or findings.same):
        return
    _title(out, "Findings")
    for finding in findings.new[:MOST_ROWS]:
        _line(out, f"[red]new[/], {weight(finding)}: {_finding(finding)}")
        _line(out, escape(finding.reason), 4)
        if finding.fix and finding.open:
            _line(out, f"[bold]to do:[/] {escape(finding.fix)}", 4)
    _more(out, findings.new)
    for change in findings.changed[:MOST_ROWS]:
        was, now = weight(change.before), weight(change.after)
        _line(out, f"[yellow]{now}[/], was {was}: {_finding(change.after)}")
        _line(out, escape(change.after.reason), 4)
    _more(out, findings.changed)
    for finding in findings.gone[:MOST_ROWS]:
        _line(out, f"[green]gone[/]: {_finding(finding)}")
    _more(out, findings.gone)
    if findings.same:
        refusing = sum(finding.blocks for finding in findings.same)
        refused = f", {refusing:,} of them refusing" if refusing else ""
        _line(out, f"{len(findings.same):,} were there before{refused}")


def weight(finding: Finding) -> str:
    """What a finding means, in a word."""
    if finding.blocks:
        return "refused"
    if not finding.open:
        return "accepted by an exception"
    return "noted" if finding.severity == "info" else "warned"


def _finding(finding: Finding) -> str:
    return escape(f"{finding.rule} on {finding.subject} ({finding.where})")


def _details(out: Console, title: str, details: tuple[Detail, ...]) -> None:
    if not details:
        return
    _title(out, f"{title} in detail")
    for detail in details[:MOST_ROWS]:
        _line(out, f"[bold]{escape(detail.title)}[/]")
        for field, change in detail.fields[:MOST_ROWS]:
            _line(out, f"{escape(field)}: {escape(change)}", 4)
        if len(detail.fields) > MOST_ROWS:
            _line(out, f"… and {len(detail.fields) - MOST_ROWS:,} more", 4)
    _more(out, details)


def _table(columns: tuple[str, ...]) -> Table:
    table = Table(box=None, pad_edge=False)
    for number, name in enumerate(columns):
        table.add_column(name, justify="right" if number else "left", overflow="fold")
    return table


def _rows(table: Table, rows: Iterable[tuple[str, ...]]) -> None:
    every = list(rows)
    for row in every[:MOST_ROWS]:
        table.add_row(*(escape(cell) for cell in row))
    if len(every) > MOST_ROWS:
        table.add_row(f"… and {len(every) - MOST_ROWS:,} more")
