"""Where stacks' states lie, and what encrypts the secrets in them, as sites declare it. No engine runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from rich.console import Console

from causeway.cli.stack_commands import Session
from causeway.errors import Permanent
from causeway.fleet.document import Fleet
from causeway.fleet.load import LoadedFleet, load_fleet
from causeway.stacks import workspace as workspaces
from causeway.stacks.engine import Engine
from causeway.stacks.places import Place, backends, place_in, place_of
from causeway.stacks.workspace import Workspace

NORTH, JOHOR, CLOUD = "cn-north-inference", "my-johor-training", "sg-cloud-serving"
BUCKET, KEY = "s3://states-johor?region=ap-southeast-1", "awskms://alias/johor"


def declared(fleet: Fleet, **sites: Mapping[str, str]) -> Fleet:
    """The fleet with what sites of clusters say of their states."""
    changed = dict(fleet.sites)
    for cluster, said in sites.items():
        site = fleet.clusters[cluster.replace("_", "-")].site
        changed[site] = changed[site].model_copy(update=dict(said))
    return fleet.model_copy(update={"sites": changed})


@pytest.fixture(scope="module")
def loaded() -> LoadedFleet:
    return load_fleet(Path(__file__).parents[2] / "inventory" / "sandbox")


@pytest.fixture
def fleet(loaded: LoadedFleet) -> Fleet:
    return declared(loaded.fleet, my_johor_training={"state_backend": BUCKET, "secrets_provider": KEY})


def test_a_site_s_stacks_lie_where_it_says_and_the_others_with_the_project(fleet: Fleet) -> None:
    assert place_of(fleet, JOHOR) == Place(BUCKET, KEY)
    assert place_of(fleet, NORTH) == Place()


def test_only_the_backends_of_what_is_named_are_asked(fleet: Fleet) -> None:
    assert backends(fleet, [JOHOR]) == (BUCKET,)
    assert backends(fleet, [f"sandbox.{NORTH}", CLOUD]) == ("",)
    assert set(backends(fleet, [])) == {BUCKET, ""}
    assert set(backends(fleet, [JOHOR, "gone"])) == {BUCKET, ""}, "a cluster that is gone may have stood anywhere"


def test_a_stack_is_destroyed_where_it_is(fleet: Fleet) -> None:
    assert place_in(fleet, f"sandbox.{JOHOR}", ["", BUCKET]) == Place(BUCKET, KEY)
    assert place_in(fleet, "sandbox.gone", [BUCKET]) == Place(BUCKET)
    assert place_in(fleet, f"sandbox.{JOHOR}", [""]) == Place(), "its state has not been moved"


class Asked:
    """Stands in for `causeway.stacks.engine.Engine`: lists stacks by backend, and notes what it was asked."""

    held: Mapping[str, list[str]]
    asked: list[str]

    def run(self, words: list[str], _folder: str, variables: Mapping[str, str]) -> Any:
        assert words == ["stack", "ls", "--json"]
        backend = variables["PULUMI_BACKEND_URL"]
        type(self).asked.append(backend)
        listed = json.dumps([{"name": name} for name in self.held[backend]])
        return type("Result", (), {"stdout": listed})()


@pytest.fixture
def session(loaded: LoadedFleet, fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    own = tmp_path.as_uri()
    monkeypatch.setattr(Asked, "asked", [], raising=False)
    held = {own: [f"sandbox.{NORTH}", "sandbox.gone"], BUCKET: [f"sandbox.{JOHOR}"]}
    monkeypatch.setattr(Asked, "held", held, raising=False)
    monkeypatch.setattr(workspaces, "Engine", Asked)
    for name in ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"):
        monkeypatch.delenv(name, raising=False)
    workspace = Workspace(tmp_path, {"PULUMI_BACKEND_URL": own}, tmp_path, sandbox=False)
    made = type("Loaded", (), {"fleet": fleet})()
    return Session(cast("LoadedFleet", made), workspace, tmp_path, Console())


def test_a_run_on_one_site_asks_no_backend_of_another_and_needs_none_of_its_passphrases(session: Session) -> None:
    (task,) = session.tasks([JOHOR], None)
    assert (task.place, task.create) == (Place(BUCKET, KEY), False)
    assert Asked.asked == [BUCKET]


def test_a_passphrase_that_a_stack_of_the_project_needs_is_told_before_any_is_worked_on(session: Session) -> None:
    with pytest.raises(Permanent, match="need a passphrase"):
        session.tasks([JOHOR, NORTH], None)


def test_a_stack_is_made_where_its_site_s_backend_has_none(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "a phrase")
    assert [task.create for task in session.tasks([NORTH, JOHOR, CLOUD], None)] == [False, False, True]


def test_a_destruction_finds_each_stack_in_its_backend(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "a phrase")
    found = {task.name: task.place for task in session.to_destroy([])}
    assert found == {f"sandbox.{NORTH}": Place(), "sandbox.gone": Place(), f"sandbox.{JOHOR}": Place(BUCKET, KEY)}


@pytest.mark.parametrize(
    ("settings", "provider", "refused"),
    [
        (f"secretsprovider: {KEY}\n", KEY, False),
        ("encryptionsalt: v1:abc\n", "passphrase", False),
        (f"secretsprovider: {KEY}\n", "", False),
        ("encryptionsalt: v1:abc\n", KEY, True),
        (f"secretsprovider: {KEY}\n", "awskms://alias/other", True),
        (f"secretsprovider: {KEY}\n", "passphrase", True),
    ],
)
def test_a_stack_whose_secrets_another_provider_encrypts_is_not_worked_on(
    tmp_path: Path, settings: str, provider: str, *, refused: bool
) -> None:
    (tmp_path / "Pulumi.f.c.yaml").write_text(settings)
    workspace = Workspace(tmp_path, {}, tmp_path, sandbox=False).at(Place("", provider))
    engine = Engine()
    engine.stop()  # it starts nothing, which is told as well
    with pytest.raises(Permanent) as caught:
        workspace.open("f.c", engine, create=False)
    assert (caught.value.code == "other-secrets-provider") == refused
    if refused:
        assert f"change-secrets-provider {provider!r} --stack f.c" in caught.value.hint


def test_a_stack_whose_settings_are_elsewhere_is_not_said_to_have_any_secrets_provider(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, {}, tmp_path, sandbox=False).at(Place("", KEY))
    with pytest.raises(Permanent) as caught:
        workspace.open("f.c", Engine(), create=False)
    assert (caught.value.code, caught.value.where) == ("no-stack-settings", str(tmp_path / "Pulumi.f.c.yaml"))
    assert "passphrase" not in str(caught.value)
    assert "change-secrets-provider" not in str(caught.value)
    assert "bring Pulumi.f.c.yaml" in caught.value.hint


def test_a_stack_is_made_with_its_site_s_secrets_provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}

    class Local:
        def __init__(self, **settings: Any) -> None:
            given.update(settings)

    class Stack:
        @staticmethod
        def create(name: str, local: Local) -> str:
            del local
            return name

    monkeypatch.setattr(workspaces, "LocalWorkspace", Local)
    monkeypatch.setattr(workspaces, "Stack", Stack)
    workspace = Workspace(tmp_path, {}, tmp_path, sandbox=False)
    workspace.at(Place(BUCKET, KEY)).open("f.c", Engine(), create=True)
    assert given["secrets_provider"] == KEY
    assert given["env_vars"]["PULUMI_BACKEND_URL"] == BUCKET
    workspace.at(Place()).open("f.c", Engine(), create=True)
    assert given["secrets_provider"] is None
