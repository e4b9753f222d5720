"""Where the provider looks for a fleet's own roles and files: its own working directory is the program's folder."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from causeway.assets import playbooks
from causeway.provider import pool_hosts
from causeway.provider.model import Call
from causeway.provider.service import Service

URN = "urn:pulumi:onshore.north::project::causeway:index:Baseline::north/gpu"


def call(environ: dict[str, str]) -> Call:
    return Service({}, environ=environ)._call(URN)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository of one's own, whose program lies in a folder below."""
    for folder in ("inventory/onshore", "infra", "roles"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "Pulumi.yaml").touch()
    return tmp_path


@pytest.mark.parametrize("here", ["infra", "."])
@pytest.mark.parametrize("named", ["inventory/onshore", None])
def test_home_and_own_roles_are_the_repositorys_wherever_the_program_lies(
    repository: Path, monkeypatch: pytest.MonkeyPatch, here: str, named: str | None
) -> None:
    monkeypatch.chdir(repository / here)
    made = call({"CAUSEWAY_FLEET": str(repository / named)} if named else {})
    assert made.home == repository / ".causeway"
    run = SimpleNamespace(pool=SimpleNamespace(values={}), names=())
    transport = cast("Any", pool_hosts._around(made, cast("Any", run)).transport)
    assert transport._playbooks.roles == (playbooks() / "roles", repository / "roles")


def test_outside_of_a_project_the_working_directory_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert call({"CAUSEWAY_HOME": str(tmp_path / "home")}).fleet_dir == tmp_path
