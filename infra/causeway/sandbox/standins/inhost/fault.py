"""`fault NAME`: status 0 when the fault is set on this host. For shell scripts."""

from __future__ import annotations

from .machine import Machine


def main(arguments: list[str], _version: str, machine: Machine) -> int:
    """0 when the fault is set, 1 when it is not."""
    return 0 if arguments and machine.faults().on(arguments[0]) else 1
