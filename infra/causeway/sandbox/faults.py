"""The fault switch of a host: /etc/sandbox/faults.json, which the stand-ins read at each step."""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

from causeway.errors import Permanent
from causeway.sandbox import hosts, standins
from causeway.sandbox.layout import Layout
from causeway.sandbox.rootfs import FAULTS_JSON


def read(layout: Layout, name: str) -> dict[str, object]:
    """The faults that are switched on."""
    found: dict[str, object] = json.loads(_file(layout, name).read_text() or "{}")
    return found


def write(layout: Layout, name: str, faults: Mapping[str, object]) -> None:
    """Make these, and no others, the host's faults, whether the host is on or off."""
    file = _file(layout, name)
    fresh = file.with_name(".faults.json.new")
    fresh.write_text(json.dumps(dict(faults), indent=2, sort_keys=True) + "\n")
    fresh.chmod(0o644)
    fresh.rename(file)


def parse(words: list[str]) -> dict[str, object]:
    """`NAME` and `NAME=VALUE` as a mapping; a value is JSON where it can be read as that, else text.

    Raises:
        Permanent: there is no such fault; the reason names the nearest.
    """
    found: dict[str, object] = {}
    known = [fault.name for fault in standins.faults()]
    for word in words:
        name, given, value = word.partition("=")
        if name not in known:
            near = get_close_matches(name, known, n=1)
            raise Permanent(
                "unknown-fault",
                f"no stand-in knows the fault {name!r}" + (f"; did you mean {near[0]}?" if near else ""),
                hint="causeway sandbox fault HOST --list",
            )
        try:
            found[name] = json.loads(value) if given else True
        except ValueError:
            found[name] = value
    return found


def _file(layout: Layout, name: str) -> Path:
    """Where the switch lies now. A running host's disk may be changed through its own mounts only."""
    pid = hosts.init_pid(layout, name)
    root = Path(f"/proc/{pid}/root") if pid else layout.host(name) / "upper"
    return root / FAULTS_JSON
