"""The sandbox's declaration as a project of its own under the real engine, on hosts and clusters that are files."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.provider.engine import TOP, Project, fake_plugin

SANDBOX = TOP / "inventory/sandbox/fleet.yaml"
PROGRAM = "from causeway.program import run\n\nrun()\n"
KEY = "planted-hmac-key-4d0a"


@dataclass
class Stack:
    """One stack of the declaration."""

    project: Project
    world: Path
    fleet: Path

    def declare(self, change: Callable[[dict[str, Any]], object]) -> None:
        """Change the declaration."""
        document = yaml.safe_load(self.fleet.read_text())
        change(document)
        self.fleet.write_text(yaml.safe_dump(document, sort_keys=False))

    def faults(self, **states: str) -> None:
        """Let hosts and releases end so; underscores in names stand for hyphens."""
        (self.world / "faults.json").write_text(json.dumps({k.replace("_", "-"): v for k, v in states.items()}))

    def runs(self) -> list[dict[str, Any]]:
        """What was done since the last look."""
        file = self.world / "runs.jsonl"
        if not file.exists():
            return []
        found = [json.loads(line) for line in file.read_text().splitlines()]
        file.unlink()
        return found

    def up(self, expect: int | None = 0) -> str:
        """`pulumi up`, without the preview before it."""
        done = self.project.pulumi("up", "--yes", "--skip-preview", "--continue-on-error", expect=expect)
        return done.stdout + done.stderr


@pytest.fixture
def stack(tmp_path: Path) -> Callable[[str], Stack]:
    """Makes the stack of a cluster, configured and empty."""

    def make(cluster: str) -> Stack:
        folder = tmp_path / "project"
        world, fleet = tmp_path / "world", folder / "inventory/sandbox/fleet.yaml"
        world.mkdir()
        fleet.parent.mkdir(parents=True)
        fleet.write_bytes(SANDBOX.read_bytes())
        environ = {"CAUSEWAY_TEST_WORLD": str(world), "CAUSEWAY_FLEET": ""}
        project = Project(folder, f"sandbox.{cluster}", "own", environ, fake_plugin(tmp_path / "plugin"))
        project.write(PROGRAM)
        project.opened()
        project.pulumi("config", "set", "--secret", "causeway:hmacKey", KEY)
        project.pulumi("config", "set", "causeway:asOf", "2026-11-22")
        return Stack(project, world, fleet)

    return make
