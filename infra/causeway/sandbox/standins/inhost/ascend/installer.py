"""Runs an unpacked `.run` package, or the uninstall script that one left behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..machine import Machine, complain, say
from . import cann, driver, firmware_package, runtime
from .package import INSTALL_LOG, OPERATION_LOG, Journal, Options, Package, Refusal

Run = Callable[[Machine, Package, Options, Journal], None]
KINDS: dict[str, Run] = {
    "driver": driver.run,
    "firmware": firmware_package.run,
    "toolkit": cann.run,
    "ops": cann.run,
    "kernels": cann.run,
    "nnal": cann.run,
    "runtime": runtime.run,
}


def main(arguments: list[str], _version: str, machine: Machine) -> int:
    """`FOLDER FILE OPTION...`: the unpacked package, the file's name, and the user's options."""
    if len(arguments) < 3:
        complain("usage: ascend-install FOLDER FILE OPTION...")
        return 1
    package = Package.read(Path(arguments[0]), Path(arguments[1]).name)
    journal = Journal(machine, package.label)
    try:
        options = Options.parse(arguments[2:])
    except Refusal as refusal:
        complain(f"[{package.label}] [ERROR]{refusal}")
        return 1
    journal.info("Start")
    say(f"[{package.label}] [INFO]LogFile: /{INSTALL_LOG}")
    say(f"[{package.label}] [INFO]OperationLogFile: /{OPERATION_LOG}")
    try:
        KINDS[package.kind](machine, package, options, journal)
    except Refusal as refusal:
        journal.error(str(refusal))
        journal.operation(options, package, success=False)
        return 1
    journal.operation(options, package, success=True)
    journal.info("End")
    return 0
