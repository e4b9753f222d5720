"""A checkout and an environment to build in, with a fake Go."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from causeway.toolchain.build import Workshop
from causeway.toolchain.manifest import tools
from tests.toolchain.fakes import FAKE_GO, FakeShop, write_program

TOP = Path(__file__).parents[2]


@pytest.fixture
def shop(tmp_path: Path) -> FakeShop:
    """A checkout with the real Go modules' go.mod files, an empty environment, and a fake Go on PATH."""
    for module in TOP.glob("tools/*/go.mod"):
        copy = tmp_path / "checkout" / "tools" / module.parent.name / "go.mod"
        copy.parent.mkdir(parents=True)
        shutil.copyfile(module, copy)
    (tmp_path / "env" / "bin").mkdir(parents=True)
    write_program(tmp_path / "go" / "go", FAKE_GO)
    versions = tmp_path / "versions"
    versions.mkdir()
    for tool in tools():
        (versions / tool.name).write_text(f"v{tool.version}", "utf-8")
    journal = tmp_path / "journal"
    environ = {
        "PATH": f"{tmp_path / 'go'}{os.pathsep}{_basics(tmp_path / 'basics')}",
        "FAKE_GO_JOURNAL": str(journal),
        "FAKE_GO_VERSIONS": str(versions),
    }
    return FakeShop(Workshop(tmp_path / "checkout", tmp_path / "env", environ), journal)


def _basics(folder: Path) -> Path:
    """What the scripts need of the system, and none of the tools that this machine may have."""
    folder.mkdir()
    for name in ("bash", "sh", "basename", "cat", "chmod", "seq", "sleep"):
        (folder / name).symlink_to(shutil.which(name) or f"/bin/{name}")
    return folder
