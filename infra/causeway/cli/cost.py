"""`causeway cost`: what the fleet costs by the month, what idles in leases, budgets, and the days that leases bring."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from rich.console import Console
from rich.table import Table

from causeway.capacity.budgets import BudgetUse
from causeway.capacity.figures import Figure, total
from causeway.capacity.leases import LeaseEvent, calendar
from causeway.capacity.money import CostReport
from causeway.cli.fleet_context import FleetContext
from causeway.cli.options import DEFAULT_FLEET, AsOfOption, FleetOption, JsonOption
from causeway.cli.output import console, print_json

AHEAD = timedelta(days=365)
"""How far ahead the days of leases are printed; `--json` has them all."""


def command(fleet: FleetOption = DEFAULT_FLEET, as_of: AsOfOption = None, as_json: JsonOption = False) -> None:
    """Show what the fleet costs by the month, idle leases, budgets, and the days of leases to come."""
    context = FleetContext.of(fleet, as_of)
    report, events = context.cost, calendar(context.loaded)
    if as_json:
        print_json("causeway/cost/v1", _document(context, report, events))
        return
    out = console()
    out.print(f"[bold]{context.loaded.fleet.name}[/] on {context.day}, in {report.currency}", "\n")
    _print_lines(out, report)
    _print_idle(out, report)
    _print_budgets(out, report)
    _print_events(out, [event for event in events if context.on <= event.day <= context.on + AHEAD])
    unknown = report.monthly.unknown
    if unknown:
        out.print(f"\n[yellow]Not in these sums, because it is unknown:[/] {'; '.join(unknown)}.")


def amount(figure: Figure) -> str:
    """A figure for people: what is known, with a mark when something is missing from it."""
    if figure.complete:
        return f"{figure.known:,.0f}"
    return f"{figure.known:,.0f} + unknown" if figure.known else "unknown"


def _table(title: str, *columns: tuple[str, bool]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for name, right in columns:
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    return table


def _print_lines(out: Console, report: CostReport) -> None:
    table = _table(
        "Cost by the month",
        ("site", False),
        ("pool", False),
        ("kind", False),
        ("a month", True),
        ("how", False),
        ("source", False),
    )
    sites = list(dict.fromkeys(line.site for line in report.lines))
    for site in sites:
        of_site = [line for line in report.lines if line.site == site]
        for line in of_site:
            table.add_row(site, line.subject, line.kind, amount(line.monthly), line.basis, line.source)
        if len(of_site) > 1:
            table.add_row(
                site, "[bold]together[/]", "", f"[bold]{amount(total(x.monthly for x in of_site))}[/]", "", ""
            )
    table.add_row("[bold]fleet[/]", "", "", f"[bold]{amount(report.monthly)}[/]", "", "")
    out.print(table)


def _print_idle(out: Console, report: CostReport) -> None:
    if not report.idle:
        return
    table = _table("\nLeased and idle", ("lease", False), ("where", False), ("accelerators", True), ("a month", True))
    for line in report.idle:
        table.add_row(line.lease, line.subject, f"{line.accelerators:,}", amount(line.monthly))
    out.print(table)


def _print_budgets(out: Console, report: CostReport) -> None:
    if not report.budgets:
        return
    table = _table(
        "\nBudgets",
        ("budget", False),
        ("year", True),
        ("counts", False),
        ("limit", True),
        ("used", True),
        ("state", False),
    )
    for budget in report.budgets:
        table.add_row(
            budget.budget, str(budget.period), budget.measure, amount(budget.limit), amount(budget.used), _state(budget)
        )
    out.print(table)


def _state(budget: BudgetUse) -> str:
    match budget.exceeded:
        case True:
            return "[red]exceeded[/]"
        case False:
            return f"{budget.used.known / budget.limit.known:.0%} used" if budget.limit.known else "nothing used"
        case None:
            return "[yellow]cannot be told[/]"


def _print_events(out: Console, events: list[LeaseEvent]) -> None:
    if not events:
        return
    table = _table("\nLeases, the next 365 days", ("day", False), ("lease", False), ("what", False))
    for event in events:
        table.add_row(event.day.isoformat(), event.lease, event.text)
    out.print(table)


def _document(context: FleetContext, report: CostReport, events: tuple[LeaseEvent, ...]) -> dict[str, Any]:
    return {
        "fleet": context.loaded.fleet.name,
        "as_of": context.on.isoformat(),
        "currency": report.currency,
        "monthly": report.monthly.as_dict(),
        "lines": [{**_plain(line), "monthly": line.monthly.as_dict()} for line in report.lines],
        "idle": [{**_plain(line), "monthly": line.monthly.as_dict()} for line in report.idle],
        "budgets": [
            {
                "budget": budget.budget,
                "period": budget.period,
                "measure": budget.measure,
                "limit": budget.limit.as_dict(),
                "used": budget.used.as_dict(),
                "exceeded": budget.exceeded,
                "parts": [{"subject": subject, **figure.as_dict()} for subject, figure in budget.parts],
                "source": budget.source,
            }
            for budget in report.budgets
        ],
        "leases": [asdict(event) for event in events],
    }


def _plain(line: Any) -> dict[str, Any]:
    return {key: value for key, value in asdict(line).items() if key != "monthly"}
