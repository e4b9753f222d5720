"""The Ascend Docker Runtime package: its files and the runtime's entry in docker's or containerd's configuration."""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path

from .. import containerd, guard
from ..machine import Machine
from .driver import as_root
from .package import Journal, Options, Package, Refusal, base_path, copy_tree

FOLDER = "Ascend-Docker-Runtime"
CONFIG = {
    "docker": "/etc/docker/daemon.json",
    "containerd": "/etc/containerd/config.toml",
    "crio": "/etc/crio/crio.conf.d/99-ascend-runtime.conf",
    "isula": "/etc/isulad/daemon.json",
}
NAME = "ascend"


def run(machine: Machine, package: Package, options: Options, journal: Journal) -> None:
    """Install, upgrade or uninstall.

    Raises:
        Refusal: an unknown scene, a configuration that cannot be read, not installed, or a fault.
    """
    as_root()
    target = machine.path(f"{base_path(options)}/{FOLDER}")
    scene = options.values.get("install-scene", "docker")
    if scene not in CONFIG:
        raise Refusal(f"ERR_NO:0x0004;ERR_DES: --install-scene={scene}: one of {', '.join(CONFIG)} is expected")
    config = machine.path(options.values.get("config-file-path", CONFIG[scene]))
    binary = f"{base_path(options)}/{FOLDER}/ascend-docker-runtime"
    if options.action == "uninstall":
        _uninstall(target, config, scene, journal)
        return
    if options.action == "upgrade" and not target.is_dir():
        raise Refusal("ERR_NO:0x0080;ERR_DES: Ascend Docker Runtime is not installed, upgrade failed")
    if options.action not in {"install", "upgrade"}:
        raise Refusal(f"ERR_NO:0x0004;ERR_DES: --{options.action} is not supported by this package")
    if failure := guard.install_fault(machine):
        raise Refusal(f"install failed: {failure}")
    copy_tree(package.folder / "ascend", target)
    copy_tree(package.folder / "root", machine.root)
    if options.action == "install":
        _configure(config, scene, binary)
    journal.info(f"Ascend Docker Runtime has been installed in: {target}")
    word = "upgrade" if options.action == "upgrade" else "install"
    journal.info(f"Ascend Docker Runtime {word} success; restart {scene} for it to take effect")


def _configure(config: Path, scene: str, binary: str) -> None:
    text = config.read_text() if config.is_file() else ""
    try:
        if scene in {"docker", "isula"}:
            settings = json.loads(text or "{}")
            settings.setdefault("runtimes", {})[NAME] = {"path": binary, "runtimeArgs": []}
            settings["default-runtime"] = NAME
            new = json.dumps(settings, indent=2) + "\n"
        elif scene == "containerd":
            new = containerd.with_runtime(text, NAME, binary, default=True)
        else:
            head = f'[crio.runtime]\ndefault_runtime = "{NAME}"\n\n'
            new = f'{head}[crio.runtime.runtimes.{NAME}]\nruntime_path = "{binary}"\n'
    except (json.JSONDecodeError, tomllib.TOMLDecodeError) as error:
        raise Refusal(f"ERR_NO:0x0080;ERR_DES: {config} cannot be read: {error}") from error
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(new)


def _uninstall(target: Path, config: Path, scene: str, journal: Journal) -> None:
    if not target.is_dir():
        raise Refusal("ERR_NO:0x0080;ERR_DES: Ascend Docker Runtime is not installed, uninstall failed")
    shutil.rmtree(target)
    if config.is_file() and scene == "containerd":
        config.write_text(containerd.without_runtime(config.read_text(), NAME))
    elif config.is_file() and scene in {"docker", "isula"}:
        settings = json.loads(config.read_text())
        settings.get("runtimes", {}).pop(NAME, None)
        if settings.get("default-runtime") == NAME:
            del settings["default-runtime"]
        config.write_text(json.dumps(settings, indent=2) + "\n")
    elif config.is_file():
        config.unlink()
    journal.info("Ascend Docker Runtime uninstall success")
