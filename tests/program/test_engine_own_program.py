"""The example program of one's own, under the real engine: typed arguments, Outputs among them, no YAML."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.provider.engine import TOP, Project, fake_plugin

pytestmark = pytest.mark.tools
EXAMPLE = TOP / "examples/own-program/__main__.py"


def made(tmp_path: Path, program: str, stack: str = "dev") -> tuple[Project, Path]:
    world = tmp_path / "world"
    world.mkdir()
    environ = {"CAUSEWAY_TEST_WORLD": str(world)}
    project = Project(tmp_path / "project", stack, "own-program", environ, fake_plugin(tmp_path / "plugin"))
    project.write(program)
    project.opened()
    return project, world


def test_the_example_declares_a_cluster_and_a_lease_and_changes_with_its_configuration(tmp_path: Path) -> None:
    project, world = made(tmp_path, EXAMPLE.read_text())
    project.pulumi("up", "--yes", "--skip-preview")
    state = project.state()
    assert set(state["lab/cpu"]["outputs"]["state"]) == {"lab-01", "lab-02", "lab-03"}
    assert state["lab/cpu"]["inputs"]["variables"]["our_monitoring__note"] == "driver 580.95.05"
    assert state["johor-h200"]["inputs"]["share"] == 8
    project.pulumi("config", "set", "driver", "580.105.08")
    steps = {name: step for name, step in project.preview().items() if step["op"] != "same"}
    assert set(steps) == {"lab/cpu"}
    assert "variables.our_monitoring__note" in steps["lab/cpu"]["detailedDiff"]
    project.pulumi("up", "--yes", "--skip-preview")
    told = [json.loads(line) for line in (world / "runs.jsonl").read_text().splitlines()]
    assert [each["hosts"] for each in told if "hosts" in each] == [["lab-01", "lab-02", "lab-03"]] * 2


def test_a_wrong_argument_is_told_in_one_message(tmp_path: Path) -> None:
    project, world = made(tmp_path, EXAMPLE.read_text().replace('kubernetes="1.34"', 'kubernetes="soon"'))
    told = project.pulumi("preview", expect=None).stdout
    assert "kubernetes" in told
    assert "Traceback" not in told
    assert not (world / "runs.jsonl").exists()
