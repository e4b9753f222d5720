"""Hosts of a pool from a CSV file: name, and when they differ, address, rack and serial."""

from __future__ import annotations

import csv
from collections.abc import Callable
from typing import NamedTuple

from causeway.errors import Location, Permanent
from causeway.fleet.places import Source, printable
from causeway.fleet.problems import Collector, choice
from causeway.fleet.ranges import is_address, is_dns_name

COLUMNS = ("name", "address", "rack", "serial")
_LONGEST_CELL = 1_000
_Report = Callable[[int, str, str, str], None]  # line, code, reason, hint


class CsvHost(NamedTuple):
    """One row; empty cells are None."""

    line: int
    name: str
    address: str | None
    rack: str | None
    serial: str | None


def read_host_csv(text: str, file: str, most: int, problems: Collector) -> list[CsvHost]:
    """Read the rows of a CSV file in their order; wrong ones are told and left out.

    Args:
        text: the file's content; its first line names the columns.
        file: its name as a user would write it.
        most: rows after which reading stops with an error.
        problems: receives what is wrong, each with its line.
    """

    def wrong(line: int, code: str, reason: str, hint: str) -> None:
        if problems.full:
            problems.skip()
            return
        line = max(line, 1)
        written = written_lines[line - 1].rstrip("\r\n") if line <= len(written_lines) else ""
        excerpt = Source(file, written).excerpt(0, line - 1, 0)
        problems.add(Permanent(code, reason, where=Location(file, line, 1), hint=hint, excerpt=excerpt))

    written_lines = text.splitlines(keepends=True)
    reader = csv.reader(written_lines, strict=True)
    hosts: list[CsvHost] = []
    lines: dict[str, int] = {}
    before = 1
    try:
        header = _header(next(reader, []), wrong)
        if header is None:
            return []
        for row in reader:
            line = reader.line_num
            plain = line == before + 1 and len(written_lines[before]) <= _LONGEST_CELL
            before = line
            host = _row(row, header, line, wrong, plain=plain)
            if host is None:
                continue
            first = lines.setdefault(host.name, line)
            if first != line:
                reason = f"{host.name} is here a second time; the first is in line {first}"
                wrong(line, "duplicate-host", reason, "keep one of the rows")
                continue
            hosts.append(host)
            if len(hosts) > most:
                wrong(
                    line,
                    "too-many-hosts",
                    f"up to here the file names more hosts than the {most:,} that the fleet has room for",
                    "look at the file: is it the right one?",
                )
                return hosts[:most]
    except csv.Error as error:
        wrong(reader.line_num, "bad-csv", f"this is not CSV: {error}", "look at the quotes of this line")
        return hosts
    if not hosts and problems.count == 0:
        wrong(1, "no-hosts", "the file names no host", "add a row for each host below the header")
    return hosts


def _header(row: list[str], wrong: _Report) -> dict[str, int] | None:
    names = [cell.strip() for cell in row]
    hint = f"begin the file with the line {','.join(COLUMNS)}; only name is required"
    if "name" not in names:
        wrong(
            1,
            "bad-csv",
            f"the first line names no column `name`; it is {printable(','.join(names))[:80] or 'empty'}",
            hint,
        )
        return None
    for name in names:
        if name not in COLUMNS:
            wrong(
                1,
                "bad-csv",
                f"the column {printable(name)[:60] or '(empty)'} is unknown",
                choice(name, COLUMNS, "columns"),
            )
            return None
    if len(set(names)) != len(names):
        wrong(1, "bad-csv", "a column is named twice", hint)
        return None
    return {name: index for index, name in enumerate(names)}


def _row(row: list[str], header: dict[str, int], line: int, wrong: _Report, *, plain: bool) -> CsvHost | None:
    """One host, None when the row is empty or wrong. A plain row stands in one line that is not long."""
    cells = [cell.strip() for cell in row]
    if not any(cells):
        return None
    if len(cells) != len(header):
        wrong(
            line,
            "bad-csv",
            f"this row has {len(cells)} cells, the header {len(header)}",
            "quote a cell that holds a comma; write an empty cell as nothing",
        )
        return None
    if not plain and _is_torn(cells, line, wrong):
        return None
    name = cells[header["name"]]
    if not is_dns_name(name):
        wrong(
            line,
            "bad-host-name",
            f"{printable(name)[:80] or '(empty)'} is not a valid host name",
            "use lower-case letters, digits and hyphens; dots between labels; 63 characters a label",
        )
        return None
    if len(cells) == 1:
        return CsvHost(line, name, None, None, None)
    address, rack, serial = (cells[header[column]] or None if column in header else None for column in COLUMNS[1:])
    if address and not is_address(address):
        reason = f"{printable(address)[:80]} is neither a host name nor an IP address"
        wrong(line, "bad-address", reason, "write a DNS name or an IP address, without a port and options")
        return None
    return CsvHost(line, name, address, rack, serial)


def _is_torn(cells: list[str], line: int, wrong: _Report) -> bool:
    """Whether a quote that is not closed has made one cell of several; it is told."""
    long = next((cell for cell in cells if len(cell) > _LONGEST_CELL), None)
    if long is not None:
        wrong(line, "bad-csv", f"a cell holds {len(long)} characters", "look for a quote that is never closed")
        return True
    if any("\n" in cell or "\r" in cell for cell in cells):
        wrong(line, "bad-csv", "a cell goes on in the next line", "look for a quote that is not closed in its line")
        return True
    return False
