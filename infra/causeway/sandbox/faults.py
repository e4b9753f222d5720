"""The fault switch of a host: /etc/sandbox/faults.json, which the stand-ins read at each step."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

from causeway.errors import Permanent
from causeway.sandbox import hosts, standins
from causeway.sandbox.layout import Layout
from causeway.sandbox.rootfs import FAULTS_JSON
from causeway.sandbox.spec import HostSpec
from causeway.sandbox.standins import FaultSpec

NUMBER = r"(0|[1-9]\d*)(\.\d+)?"
DEVICES = r"\d+(:\d+)?(,\d+(:\d+)?)*"
# By what the list of faults calls their values; what is neither is switched on and takes none.
SHAPES = {"SECONDS": NUMBER, "N": DEVICES}


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


def parse(words: list[str], host: HostSpec) -> dict[str, object]:
    """`NAME` and `NAME=VALUE` as a mapping, each looked at: a fault that hits nothing would prove nothing.

    Raises:
        Permanent: there is no such fault, this host cannot have it, or its value says nothing.
    """
    found: dict[str, object] = {}
    for word in words:
        name, given, value = word.partition("=")
        fault = _known(name)
        if host.vendor not in fault.vendors:
            raise Permanent(
                "fault-of-another-vendor",
                f"{name} is a fault of {', '.join(fault.vendors)}; {host.name} has "
                + (f"accelerators of {host.vendor}" if host.vendor else "no accelerators"),
                subject=host.name,
                hint=f"causeway sandbox fault {host.name} --list",
            )
        found[name] = _value(fault, value, host) if given else True
    return found


def _known(name: str) -> FaultSpec:
    there = {fault.name: fault for fault in standins.faults()}
    if name not in there:
        near = get_close_matches(name, there, n=1)
        raise Permanent(
            "unknown-fault",
            f"no stand-in knows the fault {name!r}" + (f"; did you mean {near[0]}?" if near else ""),
            hint="causeway sandbox fault HOST --list",
        )
    return there[name]


def _value(fault: FaultSpec, text: str, host: HostSpec) -> object:
    """The value as the stand-ins read it: true, a number, or `N[:DETAIL],...` as text."""
    if text == "true":
        return True
    shape = next((shape for start, shape in SHAPES.items() if start in fault.value), None)
    if shape is None or not re.fullmatch(shape, text):
        raise _bad_value(fault, text, host, f"it takes {fault.value}")
    if shape == DEVICES:
        count = len(host.accelerators)
        beyond = [number for number in re.findall(r"(?:^|,)(\d+)", text) if int(number) >= count]
        if beyond:
            raise _bad_value(fault, text, host, f"the host has devices 0 to {count - 1}")
    return json.loads(text) if re.fullmatch(NUMBER, text) else text


def _bad_value(fault: FaultSpec, text: str, host: HostSpec, why: str) -> Permanent:
    return Permanent(
        "bad-fault-value",
        f"{fault.name}={text} says nothing: {why}",
        subject=host.name,
        hint=f"causeway sandbox fault {host.name} --list",
    )


def _file(layout: Layout, name: str) -> Path:
    """Where the switch lies now. A running host's disk may be changed through its own mounts only."""
    pid = hosts.init_pid(layout, name)
    root = Path(f"/proc/{pid}/root") if pid else layout.host(name) / "upper"
    return root / FAULTS_JSON
