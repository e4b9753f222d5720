"""The real Pulumi engine on a state of its own, with the plugin of this checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pulumi import automation

TOP = Path(__file__).parents[2]
PASSPHRASE = "planted-passphrase-5b1f"
PROJECT = """\
name: {name}
runtime: python
plugins:
  providers:
    - name: causeway
      path: {plugin}
"""


@dataclass
class Project:
    """A Pulumi project in a folder, with one stack.

    Args:
        folder: where program, state and the engine's files lie.
        stack: the stack's name.
        name: the project's name.
        environ: what the engine, the program and the provider see beside the usual.
        plugin: folder of the provider; this checkout's own, or what `fake_plugin` made.
    """

    folder: Path
    stack: str = "sandbox.test"
    name: str = "tested"
    environ: dict[str, str] = field(default_factory=dict)
    plugin: Path = TOP / "infra/plugin"

    def write(self, program: str) -> None:
        """Make the project with this program."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "Pulumi.yaml").write_text(PROJECT.format(name=self.name, plugin=self.plugin))
        (self.folder / "__main__.py").write_text(program)

    @property
    def variables(self) -> dict[str, str]:
        """The environment of the engine."""
        state = self.folder / "state"
        state.mkdir(parents=True, exist_ok=True)
        (self.folder / "home").mkdir(exist_ok=True)
        return {
            "PATH": f"{Path(sys.prefix) / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PULUMI_HOME": str(self.folder / "home"),
            "PULUMI_BACKEND_URL": state.as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "CAUSEWAY_HOME": str(self.folder / ".causeway"),
            "PYTHONDONTWRITEBYTECODE": "1",
            **self.environ,
        }

    def opened(self) -> automation.Stack:
        """The stack through the Automation API, made when it is missing."""
        workspace = automation.LocalWorkspace(
            work_dir=str(self.folder), env_vars=self.variables, pulumi_command=automation.PulumiCommand(sys.prefix)
        )
        return automation.Stack.create_or_select(self.stack, workspace)

    def pulumi(self, *words: str, expect: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Plain `pulumi`, as a user types it.

        Args:
            expect: exit status; None for any but 0.
        """
        done = subprocess.run(
            [
                str(Path(sys.prefix) / "bin/pulumi"),
                *words,
                "--stack",
                self.stack,
                "--non-interactive",
                "--color",
                "never",
            ],
            cwd=self.folder,
            env={**os.environ, **self.variables},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        good = done.returncode != 0 if expect is None else done.returncode == expect
        assert good, done.stdout + done.stderr
        return done

    def run(self, *words: str) -> str:
        """`pulumi` without a stack; returns what it printed."""
        return subprocess.run(
            [str(Path(sys.prefix) / "bin/pulumi"), *words],
            cwd=self.folder,
            env={**os.environ, **self.variables},
            capture_output=True,
            text=True,
            timeout=180,
            check=True,
        ).stdout

    def preview(self) -> dict[str, dict[str, Any]]:
        """Steps of a preview by the resource's name: `op`, `diffReasons`, `detailedDiff`."""
        document = json.loads(self.pulumi("preview", "--json").stdout)
        return {step["urn"].rpartition("::")[2]: step for step in document["steps"]}

    def state(self) -> dict[str, dict[str, Any]]:
        """Resources of the state by name."""
        resources = json.loads(self.pulumi("stack", "export").stdout)["deployment"].get("resources", [])
        return {resource["urn"].rpartition("::")[2]: resource for resource in resources}

    def files(self, without: Mapping[str, str] | None = None) -> dict[str, bytes]:
        """Every file that engine, program and provider wrote, but for the program itself."""
        skipped = {"Pulumi.yaml", "__main__.py", *(without or {})}
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for path in self.folder.rglob("*")
            if path.is_file() and path.name not in skipped
        }


def fake_plugin(folder: Path) -> Path:
    """A folder with the provider of `fake_kinds`, whose hosts and clusters are files."""
    folder.mkdir(parents=True)
    program = folder / "pulumi-resource-causeway"
    paths = f"{TOP}{os.pathsep}{TOP / 'infra'}"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={paths} exec {sys.executable} -u -m tests.provider.fake_kinds "$@"\n')
    program.chmod(0o755)
    return folder
