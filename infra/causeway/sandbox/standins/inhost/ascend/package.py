"""What the `.run` packages have in common: their description, options, log files and install record."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..machine import Machine, complain, say
from .survey import DEFAULT_PATH, INSTALL_INFO, install_params

SECLOG = "var/log/ascend_seclog"
INSTALL_LOG = f"{SECLOG}/ascend_install.log"
OPERATION_LOG = f"{SECLOG}/operation.log"
ACTIONS = ("full", "run", "devel", "docker", "install", "upgrade", "uninstall")
VALUES = (
    "install-path",
    "install-username",
    "install-usergroup",
    "install-scene",
    "config-file-path",
    "injection-mode",
    "install-type",
)
FLAGS = ("quiet", "force", "install-for-all", "pylocal", "nox11", "debug")


class Refusal(Exception):
    """The installer stops; the text goes to the log and the screen, the exit status is 1."""


@dataclass(frozen=True, slots=True)
class Package:
    """The unpacked package: where it lies, what it is, and the name of the file it came in."""

    folder: Path
    file: str
    kind: str
    version: str
    chip: str
    label: str

    @classmethod
    def read(cls, folder: Path, file: str) -> Package:
        """From package.json of the unpacked folder."""
        raw = json.loads((folder / "package.json").read_text())
        return cls(folder, file, raw["kind"], raw["version"], raw["chip"], raw["label"])


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks."""

    action: str
    flags: frozenset[str]
    values: Mapping[str, str]
    line: str

    @property
    def quiet(self) -> bool:
        """No question is asked."""
        return "quiet" in self.flags

    @property
    def force(self) -> bool:
        """Refusals that may be overridden are."""
        return "force" in self.flags

    @classmethod
    def parse(cls, arguments: list[str]) -> Options:
        """Read the command line.

        Raises:
            Refusal: an option that there is not, or none of the actions.
        """
        action, flags, values = "", set(), {}
        for argument in arguments:
            name, mark, value = argument.removeprefix("--").partition("=")
            if argument.startswith("--") and name in ACTIONS and not mark:
                action = name
            elif argument.startswith("--") and name in VALUES and value:
                values[name] = value
            elif argument.startswith("--") and name in FLAGS and not mark:
                flags.add(name)
            else:
                raise Refusal(
                    f"ERR_NO:0x0004;ERR_DES: Unrecognized parameters: {argument}. Try '--help' for more information."
                )
        if not action:
            raise Refusal(
                "ERR_NO:0x0004;ERR_DES: only one of --full, --run, --install, --upgrade, --uninstall is expected"
            )
        return cls(action, frozenset(flags), values, " ".join(arguments))


@dataclass(frozen=True, slots=True)
class Journal:
    """The installer's voice: the screen, ascend_install.log and operation.log."""

    machine: Machine
    label: str

    def info(self, text: str) -> None:
        """Tell of a step."""
        self._tell("INFO", text)

    def warning(self, text: str) -> None:
        """Tell of something to know."""
        self._tell("WARNING", text)

    def error(self, text: str) -> None:
        """Tell why it stopped."""
        self._tell("ERROR", text)

    def _tell(self, level: str, text: str) -> None:
        line = f"[{self.label}] [{_now()}] [{level}]{text}"
        (complain if level == "ERROR" else say)(line)
        sys.stdout.flush()
        self._append(INSTALL_LOG, line, 0o640)

    def operation(self, options: Options, package: Package, *, success: bool) -> None:
        """The audit line that each run ends with."""
        name = {"upgrade": "Upgrade", "uninstall": "Uninstall"}.get(options.action, "Install")
        result = "success" if success else "failed"
        head = f"{name} MAJOR root {_now()} 127.0.0.1 {package.file} {result}"
        line = f"{head} install_type={options.action}; cmdlist={options.line}"
        self._append(OPERATION_LOG, line, 0o400)

    def _append(self, name: str, line: str, mode: int) -> None:
        path = self.machine.path(name)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        if path.exists():
            path.chmod(mode | 0o200)  # the installer also runs for one who is not root
        with path.open("a") as stream:
            stream.write(line + "\n")
        path.chmod(mode)


def _now() -> str:
    return dt.datetime.now(tz=dt.UTC).strftime("%Y-%m-%d %H:%M:%S")


def base_path(options: Options) -> str:
    """Where to install: the option, or /usr/local/Ascend for root and ~/Ascend for others."""
    default = DEFAULT_PATH if os.geteuid() == 0 else str(Path.home() / "Ascend")
    return options.values.get("install-path", default).rstrip("/")


def confirm(question: str) -> None:
    """Ask on the terminal; without an answer, or with another than y, the installer stops.

    Raises:
        Refusal: not agreed.
    """
    say(f"{question} [y/n] ")
    try:
        answer = input()
    except EOFError:
        answer = ""
    if answer.strip().lower() not in {"y", "yes"}:
        raise Refusal("installation stopped: not agreed (use --quiet to agree beforehand)")


def copy_tree(source: Path, target: Path) -> tuple[Path, ...]:
    """Copy a folder's files over another; the files written."""
    written = []
    for folder, _, files in os.walk(source):
        place = target / Path(folder).relative_to(source)
        place.mkdir(parents=True, exist_ok=True)
        for file in files:
            shutil.copy2(Path(folder) / file, place / file)
            written.append(place / file)
    return tuple(written)


def record(machine: Machine, changes: Mapping[str, str | None]) -> None:
    """Set keys of /etc/ascend_install.info; None takes one away, and the file goes with the last path."""
    params = install_params(machine) | {key: value for key, value in changes.items() if value is not None}
    for key, value in changes.items():
        if value is None:
            params.pop(key, None)
    path = machine.path(INSTALL_INFO)
    if not any(key.endswith("Install_Path_Param") for key in params):
        path.unlink(missing_ok=True)
        return
    path.write_text("".join(f"{key}={value}\n" for key, value in params.items()))
    path.chmod(0o644)
