"""Where the provider looks for a fleet's own roles and files: its own working directory is the program's folder."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from causeway.assets import playbooks, playbooks_of
from causeway.program.stacks import fleet_folder
from causeway.provider import pool_hosts
from causeway.provider.model import Call
from causeway.provider.service import Service

URN = "urn:pulumi:onshore.north::project::causeway:index:Baseline::north/gpu"


def call(environ: dict[str, str], setting: str | None = None) -> Call:
    service = Service({}, environ=environ)
    service._configure({"fleet": setting} if setting else {})
    return service._call(URN)


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


@pytest.mark.parametrize("setting", [None, "examples/onshore", "examples/missing"])
@pytest.mark.parametrize("named", [None, "inventory/onshore", "inventory/other", "examples/onshore", "/abroad/onshore"])
def test_the_provider_works_with_the_fleet_that_the_program_plans(
    repository: Path, monkeypatch: pytest.MonkeyPatch, setting: str | None, named: str | None
) -> None:
    for folder in ("inventory/other", "examples/onshore", "abroad/onshore"):
        (repository / folder).mkdir(parents=True)
    monkeypatch.chdir(repository / "infra")
    environ = {"CAUSEWAY_FLEET": str(repository / named.lstrip("/"))} if named else {}
    planned = fleet_folder("onshore", setting, repository, environ)
    made = call(environ, setting)
    assert made.fleet_dir == planned
    assert made.home == (planned if planned.parent.name != "inventory" else repository) / ".causeway"


def test_the_folder_that_a_stack_names_holds_own_roles_and_home(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chip = repository / "examples/chip"
    (chip / "roles").mkdir(parents=True)
    monkeypatch.chdir(repository)
    made = call({}, "examples/chip")
    assert (made.fleet_dir, made.home) == (chip, chip / ".causeway")
    assert playbooks_of(made.fleet_dir).own_roles == chip / "roles"


def test_a_program_of_ones_own_has_the_shells_fleet_or_the_projects_folder(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository)
    service = Service({}, environ={})
    own = URN.replace("onshore.north", "prod")
    assert service._call(own).fleet_dir == repository
    shell = {"CAUSEWAY_FLEET": str(repository / "inventory/onshore")}
    assert Service({}, environ=shell)._call(own).fleet_dir == repository / "inventory/onshore"
    service = Service({}, environ=shell)
    service._configure({"fleet": "."})
    assert service._call(own).fleet_dir == repository
