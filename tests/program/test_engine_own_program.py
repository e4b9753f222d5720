"""Programs of one's own, under the real engine: typed arguments, Outputs among them, no YAML."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.provider.engine import TOP, Project, fake_plugin

EXAMPLE = TOP / "examples/own-program/__main__.py"
KUBECONFIG = "planted-kubeconfig-7c1e"
NETWORK = """
import pulumi

pulumi.export("kubeconfig", pulumi.Output.secret("{kubeconfig}"))
pulumi.export("packages", "http://mirror.lab.test")
pulumi.export("driver", "{driver}")
"""
MADE_FIRST = """
import pulumi

from causeway.program import Cluster, ClusterArgs, DriversArgs, Lease, PoolArgs, SiteArgs

made = Lease(
    "made", lease="made", site="lab", accelerator="h200-sxm", quantity=8, share=8, start="2026-10-01", end="2028-09-30"
)


def once_made(text):
    return made.id.apply(lambda _: text)  # a resource's id is known once it is there


Cluster(
    "lab",
    ClusterArgs(
        fleet="own",
        kubernetes="1.34",
        kubeconfig=once_made("a kubeconfig"),
        site=SiteArgs(
            country="SG", packages=once_made("https://mirror.lab.test:8443/debs"), images=once_made("registry.lab.test")
        ),
        pools={
            "gpu": PoolArgs(
                hosts="gpu-[01:02]",
                os_id="ubuntu",
                os_version="22.04",
                accelerator="h200-sxm",
                accelerators_per_host=8,
                drivers=DriversArgs(driver=once_made("580.95.05")),
                variables={"our_monitoring__note": pulumi.Output.format("made by {0}", made.id)},
            )
        },
    ),
)
"""


class World:
    """Projects on one state, whose hosts and clusters are files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.files = folder / "world"
        self.files.mkdir()
        self._plugin = fake_plugin(folder / "plugin")
        self.state = folder / "state"
        self.state.mkdir()

    def project(self, name: str, stack: str, program: str) -> Project:
        environ = {"CAUSEWAY_TEST_WORLD": str(self.files), "PULUMI_BACKEND_URL": self.state.as_uri()}
        project = Project(self._folder / name, stack, name, environ, self._plugin)
        project.write(program)
        project.opened()
        return project

    def runs(self) -> list[list[str]]:
        """The hosts of each run."""
        path = self.files / "runs.jsonl"
        told = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return [each["hosts"] for each in told if "hosts" in each]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def network(driver: str) -> str:
    return NETWORK.format(kubeconfig=KUBECONFIG, driver=driver)


def up(project: Project) -> str:
    done = project.pulumi("up", "--yes", "--skip-preview")
    return done.stdout + done.stderr


def test_the_page_shows_the_example() -> None:
    page = (TOP / "docs/program.md").read_text(encoding="utf-8")
    assert f"```python\n{EXAMPLE.read_text(encoding='utf-8')}```\n" in page


@pytest.mark.tools
def test_the_example_takes_outputs_of_another_stack_and_changes_with_them(world: World) -> None:
    other = world.project("network", "prod", network("580.95.05"))
    up(other)
    project = world.project("own-program", "dev", EXAMPLE.read_text())
    project.pulumi("config", "set", "network", "organization/network/prod")
    told = up(project)
    assert "0.0.0-output" not in told, "what stands for an Output is nobody's to see"
    state = project.state()
    assert list(state["lab/gpu"]["outputs"]["state"]) == [f"gpu-0{number}" for number in range(1, 9)]
    variables = state["lab/gpu"]["inputs"]["variables"]
    assert variables["nvidia_driver__driver_version"] == "580.95.05"
    assert variables["nvidia_driver__mirror"] == "http://mirror.lab.test"
    assert "accelerator-platform" in state
    assert KUBECONFIG not in json.dumps(state)
    assert state["johor-h200"]["inputs"]["share"] == 64

    other.write(network("580.105.08"))
    up(other)
    steps = {name: step for name, step in project.preview().items() if step["op"] not in ("same", "read")}
    assert set(steps) == {"lab/gpu"}
    assert "variables.nvidia_driver__driver_version" in steps["lab/gpu"]["detailedDiff"]
    up(project)
    assert world.runs() == [[f"gpu-0{number}" for number in range(1, 9)]] * 2


@pytest.mark.tools
def test_outputs_that_a_preview_does_not_know_are_taken_when_they_are_there(world: World) -> None:
    project = world.project("made-first", "dev", MADE_FIRST)
    steps = project.preview()
    assert {name: steps[name]["op"] for name in ("made", "lab/gpu", "accelerator-platform")} == dict.fromkeys(
        ("made", "lab/gpu", "accelerator-platform"), "create"
    )
    assert world.runs() == []
    told = up(project)
    assert "output-" not in told
    state = project.state()
    variables = state["lab/gpu"]["inputs"]["variables"]
    assert variables["nvidia_driver__driver_version"] == "580.95.05"
    assert variables["our_monitoring__note"] == "made by made"
    for role in ("nvidia_driver", "baseline_os", "container_runtime"):
        assert variables[f"{role}__mirror"] == "https://mirror.lab.test:8443/debs"
    platform = json.dumps(state["accelerator-platform"]["inputs"])
    assert "registry.lab.test/" in platform
    assert "output" not in json.dumps(state["accelerator-platform"]["inputs"]["values"])
    assert world.runs() == [["gpu-01", "gpu-02"]]
    assert [name for name, step in project.preview().items() if step["op"] != "same"] == []


@pytest.mark.tools
def test_a_wrong_argument_is_told_in_one_message(world: World) -> None:
    up(world.project("network", "prod", network("580.95.05")))
    project = world.project("own-program", "dev", EXAMPLE.read_text().replace('kubernetes="1.34"', 'kubernetes="soon"'))
    project.pulumi("config", "set", "network", "organization/network/prod")
    told = project.pulumi("preview", expect=None).stdout
    assert "kubernetes" in told
    assert "Traceback" not in told
    assert world.runs() == []
