"""The stand-in `nvidia-container-cli`: `--version`, `info`, `list`."""

from __future__ import annotations

from ..machine import Machine, complain, say
from .gpu import cuda, gpus
from .survey import survey


def main(arguments: list[str], version: str, machine: Machine) -> int:
    """Answer one call."""
    if arguments[:1] in (["--version"], ["-V"]):
        say(f"cli-version: {version}\nlib-version: {version}")
        return 0
    state = survey(machine)
    if state.problem:
        complain(f"nvidia-container-cli: initialization error: {state.problem}")
        return 1
    found = gpus(machine, state)
    if arguments[:1] == ["list"]:
        for gpu in found:
            say(f"/dev/nvidia{gpu.index}")
        return 0
    say(f"NVRM version:   {state.driver}\nCUDA version:   {cuda(state.driver or '')}")
    for gpu in found:
        say(f"\nDevice Index:   {gpu.index}\nModel:          {gpu.accelerator.model.name}\nGPU UUID:       {gpu.uuid}")
    return 0
