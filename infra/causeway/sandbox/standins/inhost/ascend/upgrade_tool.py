"""The stand-in `upgrade-tool`: firmware versions on the boards, and their boot state."""

from __future__ import annotations

from .. import kernel
from ..machine import Machine, complain, say
from . import firmware
from .survey import MODULE

BOOTED = 16


def main(arguments: list[str], _version: str, machine: Machine) -> int:
    """`--device_index N|-1 --component C|-1 --version` or `--device_index N|-1 --boot_status`."""
    if kernel.version_of(machine, MODULE) is None:
        complain("upgrade-tool: the driver is not loaded")
        return 1
    wanted = arguments[arguments.index("--device_index") + 1] if "--device_index" in arguments[:-1] else "-1"
    damaged = firmware.damaged(machine)
    for index, chip in firmware.flashed(machine).items():
        if wanted not in {"-1", str(index)}:
            continue
        if "--boot_status" in arguments:
            say(f"deviceId({index}) boot status:{0 if index in damaged else BOOTED}")
        elif index in damaged:
            say(f"Get component version failed for deviceId({index}), componentType(0).")
        else:
            say(f"Get component version({chip.version}) succeed for deviceId({index}), componentType(0).")
            say(f'{{"device_id":{index}, "component":nve, "version":{chip.version}}}')
    return 0
