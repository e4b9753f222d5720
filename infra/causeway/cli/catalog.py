"""`causeway catalog list` and `show`: what is known of chips and their software, with confidence and source."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from causeway.catalog import Catalog, load_catalog
from causeway.catalog.values import SHOWN, Value, find, values
from causeway.cli.options import JsonOption
from causeway.cli.output import console, print_json
from causeway.errors import Permanent
from causeway.fleet.catalog_entries import AcceleratorEntry
from causeway.fleet.load import load_fleet
from causeway.fleet.problems import choice
from causeway.policy.export import Span, performance_density, span, tpp

app = typer.Typer(help="Look up chips and their software, with confidence and source.", invoke_without_command=True)

OwnOption = Annotated[
    Path | None,
    typer.Option("--fleet", envvar="CAUSEWAY_FLEET", metavar="DIR", help="Add the entries that this fleet declares."),
]
VendorOption = Annotated[str | None, typer.Option("--vendor", metavar="ID", help="Only this vendor's.")]


@app.callback()
def _default(context: typer.Context, as_json: JsonOption = False) -> None:
    """Look up chips and their software, with confidence and source."""
    if context.invoked_subcommand is None:
        list_entries(as_json=as_json)
    elif as_json:
        raise typer.BadParameter(f"write it behind the command: causeway catalog {context.invoked_subcommand} --json")


@app.command("list")
def list_entries(vendor: VendorOption = None, fleet: OwnOption = None, as_json: JsonOption = False) -> None:
    """List the accelerators, and the names of everything else that can be shown."""
    catalog = _catalog(fleet)
    if vendor is not None and vendor not in catalog.vendors:
        hint = choice(vendor, catalog.vendors, "vendors")
        raise Permanent("unknown-vendor", "the catalog has no vendor of this name", subject=vendor, hint=hint)
    chips = {key: entry for key, entry in catalog.accelerators.items() if vendor in (None, entry.vendor)}
    others = {section: sorted(_of_vendor(catalog, section, vendor)) for section in SHOWN if section != "accelerators"}
    if as_json:
        rows = [{"id": key, **_summary(catalog, key, entry)} for key, entry in chips.items()]
        print_json("causeway/catalog-list/v1", {"accelerators": rows, **others})
        return
    _print_chips(catalog, chips)
    out = console()
    for section, names in others.items():
        if names:
            out.print(f"[bold]{section.replace('_', ' ')}[/]: {', '.join(names)}")
    out.print("\n[dim]causeway catalog show ID tells every value with its source. ? means unknown.[/]")


@app.command("show")
def show(
    key: Annotated[str, typer.Argument(metavar="ID", help="Name of an entry, such as h20.")],
    fleet: OwnOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show every value of an entry with its confidence and source."""
    catalog = _catalog(fleet)
    found = find(catalog, key)
    if as_json:
        entries = [
            {
                "section": section,
                "own": (section, key) in catalog.own,
                "note": entry.note,
                "values": [asdict(each) for each in (*values(entry), *computed(entry))],
            }
            for section, entry in found
        ]
        print_json("causeway/catalog-show/v1", {"id": key, "entries": entries, "sources": _sources(catalog, entries)})
        return
    out = console()
    shown: list[Value] = []
    for section, entry in found:
        own = ", declared by the fleet" if (section, key) in catalog.own else ""
        out.print(f"[bold]{escape(key)}[/] ({section.replace('_', ' ')}{own})")
        if entry.note:
            out.print(escape(entry.note))
        rows = (*values(entry), *computed(entry))
        _print_values(rows)
        shown += rows
    for source in sorted({each.source for each in shown} & catalog.sources.keys()):
        out.print(f"[dim]{source}: {escape(catalog.sources[source].title)}[/]")


def computed(entry: object) -> tuple[Value, ...]:
    """Figures that follow from an accelerator's stated ones, by the arithmetic of the export rules."""
    if not isinstance(entry, AcceleratorEntry):
        return ()
    performance = tpp(entry.dense_tops)
    density = performance_density(performance, span(entry.die_area_mm2))
    return (
        Value("total_processing_performance", _number(performance), computed="largest of dense TOPS x bits"),
        Value("performance_density", _number(density), computed="total processing performance / die area in mm2"),
    )


def _number(figure: Span | None) -> object:
    if figure is None:
        return None
    return round(figure.low, 2) if figure.low == figure.high else str(figure)


def _catalog(fleet: Path | None) -> Catalog:
    if fleet is None:
        return load_catalog()
    loaded = load_fleet(fleet)
    return load_catalog(loaded.fleet.catalog, loaded.marks)


def _of_vendor(catalog: Catalog, section: str, vendor: str | None) -> Iterable[str]:
    entries = getattr(catalog, section)
    if vendor is None:
        return list(entries)
    return [key for key, entry in entries.items() if vendor in (getattr(entry, "vendor", None), _key(section, key))]


def _key(section: str, key: str) -> str | None:
    return key if section == "vendors" else None


def _summary(catalog: Catalog, key: str, entry: AcceleratorEntry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "vendor": entry.vendor,
        "country": catalog.vendors[entry.vendor].country,
        "family": entry.family,
        "memory_gb": entry.memory_gb.value,
        "resource": entry.resource,
        "driver_stack": entry.driver_stack,
        "total_processing_performance": computed(entry)[0].value,
        "own": ("accelerators", key) in catalog.own,
    }


def _print_chips(catalog: Catalog, chips: dict[str, AcceleratorEntry]) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("id", "name", "country", "memory GB", "TPP (computed)", "resource", "driver stack"):
        table.add_column(name, justify="right" if name in ("memory GB", "TPP (computed)") else "left", overflow="fold")
    for key, entry in chips.items():
        row = _summary(catalog, key, entry)
        mark = " *" if row["own"] else ""
        table.add_row(
            key + mark,
            escape(entry.name),
            row["country"],
            _cell(row["memory_gb"]),
            _cell(row["total_processing_performance"]),
            _cell(entry.resource),
            _cell(entry.driver_stack),
        )
    out = console()
    out.print(table)
    if any(section == "accelerators" for section, _ in catalog.own):
        out.print("[dim]* declared by the fleet[/]")
    out.print()


def _cell(value: object) -> str:
    if value is None:
        return "?"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.10g}"
    if isinstance(value, list):
        return escape(", ".join(map(str, value)))
    return escape(str(value))


def _print_values(rows: Iterable[Value]) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("field", "value", "confidence", "source", "note"):
        table.add_column(name, overflow="fold")
    for row in rows:
        value = "unknown" if row.value is None else _cell(row.value)
        if row.alternatives:
            value += f" (stated: {', '.join(map(_cell, row.alternatives))})"
        confidence = "computed" if row.computed else row.confidence
        note = row.computed or row.note
        table.add_row(row.field, value, confidence, escape(row.source), escape(note))
    console().print(table)


def _sources(catalog: Catalog, entries: list[dict[str, Any]]) -> dict[str, str]:
    used = {value["source"] for entry in entries for value in entry["values"]}
    return {key: catalog.sources[key].title for key in sorted(used & catalog.sources.keys())}
