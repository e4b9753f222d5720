"""`causeway rules`: what each rule asks, its versions by day, what its verdicts mean, and what helps."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from causeway.cli.options import AsOfOption, JsonOption
from causeway.cli.output import console, deliver, print_json
from causeway.errors import Permanent
from causeway.fleet.problems import choice
from causeway.policy.explain import FAMILIES, explain, reference
from causeway.policy.rulebook import rulebook


def command(
    rule: Annotated[str | None, typer.Argument(metavar="[RULE]", help="Only this rule, in full.")] = None,
    as_of: AsOfOption = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the reference of all rules.")] = False,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the reference to a file.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List the rules with the version that holds on a day, or tell one of them in full."""
    book, on = rulebook(), as_of or date.today()  # noqa: DTZ011 - the day where the user is
    if markdown:
        if as_json or rule:
            raise typer.BadParameter("--markdown prints all rules and excludes RULE and --json")
        deliver(reference(), out)
    elif out:
        raise typer.BadParameter("--out needs --markdown")
    elif rule is not None and rule not in book.rules:
        hint = choice(rule, book.rules, "rules")
        raise Permanent("unknown-rule", "there is no rule of this name", subject=rule, hint=hint)
    elif as_json:
        names = [rule] if rule else list(book.rules)
        head = {"as_of": on.isoformat(), "rule_set": book.date.isoformat(), "notice": book.notice}
        print_json("causeway/rules/v1", {**head, "rules": [explain(name) for name in names]})
    elif rule:
        _tell(rule, on)
    else:
        _list(on)


def _list(on: date) -> None:
    book, out = rulebook(), console()
    table = Table("rule", "what it asks", "on failure", "on missing data", f"version on {on}", box=None, pad_edge=False)
    for family, title in FAMILIES.items():
        table.add_row(f"[bold]{title}[/]")
        for name, rule in book.rules.items():
            if rule.family == family:
                version = rule.on(on)
                held = f"{version.since} {version.status.replace('_', ' ')}" if version else "not yet"
                table.add_row(f"  {name}", escape(rule.title), rule.on_fail, rule.on_unknown, held)
    out.print(table)
    out.print(f"\n[dim]Rule set of {book.date}. {escape(book.notice)} causeway rules RULE tells one in full.[/]")


def _tell(name: str, on: date) -> None:
    book, out = rulebook(), console()
    rule, held = book.rules[name], book.rules[name].on(on)
    out.print(f"[bold]{name}[/]: {escape(rule.title)}")
    out.print(f"on failure {rule.on_fail}, on missing data {rule.on_unknown}; subject: {escape(rule.subject)}")
    for label, texts in (("needs", rule.needs), ("an authorisation may name", rule.answered_by)):
        if texts:
            out.print(f"{label}: {escape(', '.join(texts))}")
    if rule.left_out:
        out.print(escape(rule.left_out))
    out.print(f"what helps: {escape(rule.fix)}\n")
    for version in rule.versions:
        until, mark = rule.until(version), " [bold](holds)[/]" if version == held else ""
        span = f"{version.since} to {until}" if until else f"from {version.since}"
        out.print(f"{span}, {version.status.replace('_', ' ')}{mark}: {escape(version.says)}")
        out.print(f"  [dim]{escape(version.source)}[/]")
    out.print(f"\n[dim]On {on}. Rule set of {book.date}. {escape(book.notice)}[/]")
