"""The stand-in `nvidia-ctk`: `runtime configure`, `cdi generate`, `cdi list`.

From 1.18 on the runtime is configured by a drop-in file, before by an entry in the main file.
"""

from __future__ import annotations

import argparse
import re
import tomllib
from pathlib import Path

from .. import containerd
from ..machine import Machine, complain, say
from .gpu import gpus
from .survey import survey

DROP_IN_SINCE = (1, 18)
MAIN = {"containerd": "/etc/containerd/config.toml", "crio": "/etc/crio/crio.conf"}
DROP_IN = {"containerd": "/etc/containerd/conf.d/99-nvidia.toml", "crio": "/etc/crio/crio.conf.d/99-nvidia.toml"}
RUNTIME = "/usr/bin/nvidia-container-runtime"


def main(arguments: list[str], version: str, machine: Machine) -> int:
    """Answer one call."""
    if arguments[:1] in (["--version"], ["-v"]):
        say(f"NVIDIA Container Toolkit CLI version {version}\ncommit: sandbox")
        return 0
    if arguments[:2] == ["runtime", "configure"]:
        return _configure(machine, version, arguments[2:])
    if arguments[:2] == ["cdi", "generate"]:
        return _cdi_generate(machine, arguments[2:])
    if arguments[:2] == ["cdi", "list"]:
        return _cdi_list(machine)
    complain(f"nvidia-ctk: no such command in the stand-in: {' '.join(arguments)}")
    return 1


def _configure(machine: Machine, version: str, arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="nvidia-ctk runtime configure")
    parser.add_argument("--runtime", choices=sorted(MAIN), default="containerd")
    parser.add_argument("--config")
    parser.add_argument("--drop-in-config", "--drop-in-config-path")
    parser.add_argument("--nvidia-runtime-path", default=RUNTIME)
    parser.add_argument("--set-as-default", "--nvidia-set-as-default", action="store_true")
    parser.add_argument("--cdi.enabled", "--enable-cdi", dest="cdi", action="store_true")
    parser.add_argument("--dry-run", action="store_true")
    asked = parser.parse_args(arguments)
    config = machine.path(asked.config or MAIN[asked.runtime])
    text = config.read_text() if config.is_file() else ""
    try:
        files = _files(machine, version, asked, text, config)
    except tomllib.TOMLDecodeError as error:
        complain(f"nvidia-ctk: unable to load config {asked.config or MAIN[asked.runtime]}: {error}")
        return 1
    return _write(files, asked.runtime, dry_run=asked.dry_run)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def _files(machine: Machine, version: str, asked: argparse.Namespace, text: str, config: Path) -> dict[Path, str]:
    """The files to write, by path."""
    drop_in = machine.path(asked.drop_in_config or DROP_IN[asked.runtime])
    path = asked.nvidia_runtime_path
    if asked.runtime == "crio":
        head = '[crio.runtime]\ndefault_runtime = "nvidia"\n\n' if asked.set_as_default else ""
        body = f'{head}[crio.runtime.runtimes.nvidia]\nruntime_path = "{path}"\nruntime_type = "oci"\n'
        return {drop_in if _numbers(version) >= DROP_IN_SINCE else config: body}
    if _numbers(version) < DROP_IN_SINCE:
        return {config: containerd.with_runtime(text, "nvidia", path, default=asked.set_as_default, cdi=asked.cdi)}
    head = f"version = {containerd.layout(text)}\n"
    body = containerd.with_runtime(head, "nvidia", path, default=asked.set_as_default, cdi=asked.cdi)
    return {drop_in: body, config: containerd.with_import(text, f"/{drop_in.parent.relative_to(machine.root)}/*.toml")}


def _write(files: dict[Path, str], runtime: str, *, dry_run: bool) -> int:
    for path, text in files.items():
        if dry_run:
            say(text)
        elif not path.is_file() or path.read_text() != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            complain(f'time="sandbox" level=info msg="Wrote updated config to {path}"')
    if not dry_run:
        complain(f'time="sandbox" level=info msg="It is recommended that {runtime} daemon be restarted."')
    return 0


def _cdi_generate(machine: Machine, arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="nvidia-ctk cdi generate")
    parser.add_argument("--output")
    parser.add_argument("--format", default="yaml")
    asked, _ = parser.parse_known_args(arguments)
    state = survey(machine)
    if state.problem:
        complain(f"nvidia-ctk: failed to create device CDI specs: {state.problem}")
        return 1
    lines = ["cdiVersion: 0.5.0", "kind: nvidia.com/gpu", "devices:"]
    for gpu in gpus(machine, state):
        node = f"/dev/nvidia{gpu.index}"
        lines += [f'  - name: "{gpu.index}"', "    containerEdits:", "      deviceNodes:", f"        - path: {node}"]
    text = "\n".join(lines) + "\n"
    if not asked.output:
        say(text.rstrip())
        return 0
    path = machine.path(asked.output)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return 0


def _cdi_list(machine: Machine) -> int:
    text = machine.text("etc/cdi/nvidia.yaml") or ""
    names = re.findall(r'- name: "(\d+)"', text)
    complain(f'time="sandbox" level=info msg="Found {len(names)} CDI devices"')
    for name in names:
        say(f"nvidia.com/gpu={name}")
    return 0
