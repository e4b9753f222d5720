"""The stand-in `dcgmi`: discovery and diagnostics, from the same readings as nvidia-smi. Needs the host engine."""

from __future__ import annotations

import argparse
import json
import time

from ..machine import Machine, complain, say
from ..survey import Survey
from .gpu import gpus
from .survey import survey

READY = "run/nvidia-dcgm/ready"
LEVELS = {"1": 1, "short": 1, "2": 2, "medium": 2, "3": 3, "long": 3, "4": 4, "xlong": 4}
TESTS = (
    ("Deployment", "software", 1),
    ("Hardware", "memory", 2),
    ("Integration", "pcie", 2),
    ("Stress", "targeted_power", 3),
)
NO_ENGINE, FAILED = 234, 226


def main(arguments: list[str], version: str, machine: Machine) -> int:
    """Answer one call."""
    if arguments[:1] in (["--version"], ["-v"]):
        say(f"Version : {version}")
        return 0
    if not machine.path(READY).exists():
        complain("Error: unable to establish a connection to the specified host: localhost")
        complain("Error: Unable to connect to host engine. Host engine connection invalid/disconnected.")
        return NO_ENGINE
    state = survey(machine)
    if arguments[:1] == ["discovery"]:
        return _discovery(machine, state)
    if arguments[:1] == ["diag"]:
        return _diag(machine, state, arguments[1:], version)
    complain(f"dcgmi: no such command in the stand-in: {' '.join(arguments)}")
    return 1


def _discovery(machine: Machine, state: Survey) -> int:
    found = () if state.problem else gpus(machine, state)
    say(f"{len(found)} GPU{'s' if len(found) != 1 else ''} found.")
    for gpu in found:
        say(f"| {gpu.index:<6} | Name: {gpu.accelerator.model.name}")
        say(f"| {'':6} | PCI Bus ID: {gpu.bus_id}")
        say(f"| {'':6} | Device UUID: {gpu.uuid}")
    return 0


def _diag(machine: Machine, state: Survey, arguments: list[str], version: str) -> int:
    parser = argparse.ArgumentParser(prog="dcgmi diag")
    parser.add_argument("-r", "--run", default="1")
    parser.add_argument("-j", "--json", action="store_true")
    asked, _ = parser.parse_known_args(arguments)
    level = LEVELS.get(asked.run, 1)
    time.sleep(min(machine.faults().seconds("slow_diag", 5) or 0, 600))
    failed = {d.index: list(d.reasons) for d in state.devices if d.reasons}
    if state.problem:
        failed = {device.index: [state.problem] for device in state.devices}
    categories: list[dict[str, object]] = [
        {"category": category, "tests": [{"name": name, "results": _results(state, failed)}]}
        for category, name, least in TESTS if least <= level
    ]  # fmt: skip
    if asked.json:
        body = {"version": version, "Driver Version Detected": state.driver, "test_categories": categories}
        say(json.dumps({"DCGM GPU Diagnostic": body}, indent=2))
    else:
        _table(categories, failed)
    return FAILED if failed else 0


def _results(state: Survey, failed: dict[int, list[str]]) -> list[dict[str, object]]:
    return [
        {"gpu_id": str(d.index), "status": "Fail" if d.index in failed else "Pass", "warnings": failed.get(d.index, [])}
        for d in state.devices
    ]


def _table(categories: list[dict[str, object]], failed: dict[int, list[str]]) -> None:
    say("Successfully ran diagnostic for group.")
    rule = "+---------------------------+------------------------------------------------+"
    say(rule)
    say("| Diagnostic                | Result                                         |")
    say(rule.replace("-", "="))
    for category in categories:
        result = "Fail - GPUs: " + ", ".join(map(str, failed)) if failed else "Pass"
        say(f"| {category['category']!s:<25} | {result:<46} |")
    for index, reasons in failed.items():
        for reason in reasons:
            say(f"| {'  Warning: GPU ' + str(index):<25} | {reason:<46} |")
    say(rule)
