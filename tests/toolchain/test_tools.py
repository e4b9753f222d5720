"""The real tools, as they are on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from causeway.assets import checkout
from causeway.toolchain.build import Workshop, build_missing
from causeway.toolchain.buildinfo import module_versions
from causeway.toolchain.locate import locate, require, search_path
from causeway.toolchain.manifest import Tool, tools
from causeway.toolchain.progress import Progress

pytestmark = pytest.mark.tools

FOLDERS = search_path(Path(sys.prefix) / "bin", os.environ)


@pytest.mark.parametrize("tool", tools(), ids=lambda tool: tool.name)
def test_each_tool_tells_a_version_that_is_good_enough(tool: Tool) -> None:
    chosen = locate(tool, FOLDERS).chosen
    assert chosen is not None
    assert chosen.version is not None
    assert chosen.version in tool.accepts


def test_helm_renders_a_chart_that_it_made(tmp_path: Path) -> None:
    helm = str(require("helm", FOLDERS))
    subprocess.run([helm, "create", "sample"], cwd=tmp_path, check=True, capture_output=True)
    rendered = subprocess.run([helm, "template", "sample"], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert "kind: Deployment" in rendered.stdout


def test_the_engine_runs_an_empty_python_program(tmp_path: Path) -> None:
    """The language host, its executor, and the Python SDK fit the engine."""
    (tmp_path / "Pulumi.yaml").write_text("name: empty\nruntime: python\n", "utf-8")
    (tmp_path / "__main__.py").write_text("import pulumi\n\npulumi.export('answer', 42)\n", "utf-8")
    (tmp_path / "state").mkdir()
    environ = {
        **os.environ,
        "PATH": os.pathsep.join(map(str, FOLDERS)),
        "PULUMI_HOME": str(tmp_path / "home"),
        "PULUMI_BACKEND_URL": (tmp_path / "state").as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": "for this test alone",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }
    pulumi = str(require("pulumi", FOLDERS))
    for arguments in (["stack", "init", "test"], ["up", "--yes", "--skip-preview", "--stack", "test"]):
        command = [pulumi, *arguments, "--non-interactive"]
        done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    assert "answer: 42" in done.stdout


def test_a_tool_is_really_built_from_its_go_module(tmp_path: Path) -> None:
    top = checkout()
    if top is None or shutil.which("go") is None:
        pytest.skip("needs a checkout and Go: this machine has its tools from elsewhere")
    wanted = [tool for tool in tools() if tool.name == "pulumi-language-python"]
    environ = {**os.environ, "PATH": str(Path(shutil.which("go") or "").parent)}
    (tmp_path / "bin").mkdir()
    built = build_missing(wanted, Workshop(top, tmp_path, environ), Progress(Console(quiet=True)), install_go=False)
    assert [each.path.name for each in built] == ["pulumi-language-python"]
    assert module_versions(built[0].path)["github.com/pulumi/pulumi/sdk/v3"] == "v3.78.1"
    assert sorted(file.name for file in (tmp_path / "bin").iterdir()) == [
        "pulumi-language-python",
        "pulumi-language-python-exec",
    ]
