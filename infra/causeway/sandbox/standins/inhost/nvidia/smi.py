"""The stand-in `nvidia-smi`: what it is asked, what it answers, and how it fails.

Exit statuses are those of NVML's return codes: 2 bad argument, 6 nothing found, 9 no driver, 15 GPU lost, 18 versions
differ.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..machine import Machine, say
from ..modules import load_as_root
from ..survey import Survey
from . import links, query, report
from .gpu import Gpu, gpus, set_persistence
from .survey import MISMATCH, lost, survey

NO_DRIVER_TEXT = (
    "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. "
    "Make sure that the latest NVIDIA driver is installed and running.\n"
)
BAD_ARGUMENT, NOT_FOUND, NO_DRIVER, GPU_LOST, VERSIONS_DIFFER = 2, 6, 9, 15, 18


def main(arguments: list[str], version: str, machine: Machine) -> int:
    """Answer one call."""
    words = _split(arguments)
    if "--help-query-gpu" in words:
        return _help()
    load_as_root(machine)
    state = survey(machine)
    if failure := _stack_failure(state, version):
        return failure
    if any(word == "--version" for word in words):
        return _version(version, state)
    chosen = _chosen(words, gpus(machine, state))
    gone = lost(machine.faults())
    if not chosen and not gone:
        say("No devices were found")
        return NOT_FOUND
    return _answer(machine, words, chosen, state) or _tell_lost(state, gone)


def _split(arguments: list[str]) -> list[str]:
    """`--option=value` as two words."""
    words: list[str] = []
    for argument in arguments:
        name, mark, value = argument.partition("=")
        words += [name, value] if mark and name.startswith("-") else [argument]
    return words


def _stack_failure(state: Survey, version: str) -> int:
    if state.driver is None:
        say(NO_DRIVER_TEXT)
        return NO_DRIVER
    if state.problem.startswith(MISMATCH) or state.driver != version:
        say(f"Failed to initialize NVML: {MISMATCH}")
        say(f"NVML library version: {'.'.join(version.split('.')[:2])}")
        return VERSIONS_DIFFER
    return 0


def _chosen(words: list[str], found: tuple[Gpu, ...]) -> tuple[Gpu, ...]:
    wanted = _value(words, "-i", "--id")
    if wanted is None:
        return found
    names = set(wanted.split(","))
    return tuple(g for g in found if {str(g.index), g.uuid, g.bus_id, g.accelerator.pci.slot} & names)


def _value(words: list[str], *names: str) -> str | None:
    for name in names:
        if name in words and words.index(name) + 1 < len(words):
            return words[words.index(name) + 1]
    return None


def _answer(machine: Machine, words: list[str], found: tuple[Gpu, ...], state: Survey) -> int:
    fields = _value(words, "--query-gpu")
    if fields is not None:
        return _query(fields, _value(words, "--format") or "", found)
    driver, down = state.driver or "", machine.faults().devices("link_down")
    if "-pm" in words or "--persistence-mode" in words:
        return _persistence(machine, _value(words, "-pm", "--persistence-mode") or "", found)
    if "-r" in words or "--gpu-reset" in words:
        return _reset(found)
    if words[:1] == ["topo"]:
        return _print(links.topology(found))
    if words[:1] == ["nvlink"]:
        return _print(links.errors(found, down) if "-e" in words else links.status(found, down))
    if "-L" in words or "--list-gpus" in words:
        return _print(f"GPU {g.index}: {g.accelerator.model.name} (UUID: {g.uuid})" for g in found)
    if "-q" in words or "--query" in words:
        return _print(
            report.xml(found, driver) if "-x" in words or "--xml-format" in words else report.text(found, driver)
        )
    known = {"-i", "--id", _value(words, "-i", "--id")}
    stray = [word for word in words if word not in known]
    if stray:
        say(f"Invalid combination of input arguments. Please run 'nvidia-smi -h' for help.\n{stray[0]}")
        return BAD_ARGUMENT
    return _print(report.table(found, driver))


def _query(fields: str, form: str, found: tuple[Gpu, ...]) -> int:
    names = [name.strip() for name in fields.split(",")]
    if wrong := query.unknown(names):
        say(f'Field "{wrong}" is not a valid field to query.\n')
        return BAD_ARGUMENT
    options = form.split(",")
    if "csv" not in options:
        say('Option "--format" is missing or does not name csv.')
        return BAD_ARGUMENT
    units = "nounits" not in options
    if "noheader" not in options:
        say(query.header(names, units=True))
    return _print(query.row(gpu, names, units=units) for gpu in found)


def _persistence(machine: Machine, value: str, found: tuple[Gpu, ...]) -> int:
    if value.upper() not in {"0", "1", "ENABLED", "DISABLED"}:
        say("Unable to parse the persistence mode; 0 or 1 is expected.")
        return BAD_ARGUMENT
    on = value.upper() in {"1", "ENABLED"}
    for gpu in found:
        set_persistence(machine, gpu.index, on=on)
        say(f"{'Enabled' if on else 'Disabled'} persistence mode for GPU {gpu.bus_id}.")
    say("All done.")
    return 0


def _reset(found: tuple[Gpu, ...]) -> int:
    busy = [gpu for gpu in found if gpu.holders]
    for gpu in busy:
        say(f"GPU {gpu.bus_id} is currently in use by {len(gpu.holders)} process(es), it cannot be reset.")
    if not busy:
        for gpu in found:
            say(f"GPU {gpu.bus_id} was successfully reset.")
        say("All done.")
    return 255 if busy else 0


def _tell_lost(state: Survey, gone: frozenset[int]) -> int:
    for device in state.devices:
        if device.index in gone:
            slot = device.accelerator.pci.slot.upper()
            say(f"Unable to determine the device handle for GPU{device.index}: {slot}: Unknown Error")
    return GPU_LOST if gone else 0


def _version(version: str, state: Survey) -> int:
    say(f"NVIDIA-SMI version  : {version}")
    say(f"NVML version        : {'.'.join(version.split('.')[:2])}")
    say(f"DRIVER version      : {state.driver}")
    return 0


def _help() -> int:
    say('List of valid properties to query for the switch "--query-gpu=":\n')
    for name, field in query.FIELDS.items():
        say(f'"{name}"\n{field.meaning}\n')
    return 0


def _print(lines: Iterable[str]) -> int:
    for line in lines:
        say(line)
    return 0
