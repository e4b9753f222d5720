"""Documents are kept by what they were made from; whatever happens to the folder costs only time."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from causeway.errors import Permanent
from causeway.program.kept import Kept, digest_of_folders
from causeway.program.stacks import fleet_folder, read_document, stack_parts
from tests.examples.in_house import ROLE, repository

FLEET = Path(__file__).parents[2] / "inventory/sandbox/fleet.yaml"


def test_a_digest_follows_names_and_bytes_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("x")
    first = digest_of_folders([tmp_path])
    file.touch()
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__/a.pyc").write_text("y")
    assert digest_of_folders([tmp_path]) == first
    file.write_text("z")
    assert digest_of_folders([tmp_path]) != first


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "kept")
    for number in range(60):
        kept.put(f"k{number}", "{}")
    assert kept.get("k59") == "{}"
    assert len(list((tmp_path / "kept").iterdir())) == 40


def test_a_folder_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    kept = Kept(tmp_path / "file" / "kept")
    kept.put("k", "{}")
    assert kept.get("k") is None


def test_a_damaged_document_is_made_again(tmp_path: Path) -> None:
    folder = tmp_path / "inventory" / "sandbox"
    folder.mkdir(parents=True)
    (folder / "fleet.yaml").write_bytes(FLEET.read_bytes())
    home = tmp_path / "home"
    environ = {"CAUSEWAY_HOME": str(home)}
    first = read_document(folder, "sg-cloud-serving", date(2026, 11, 22), environ)
    files = list((home / "cache/stacks").glob("*.json"))
    assert len(files) == 1
    files[0].write_text(files[0].read_text()[:200])
    assert read_document(folder, "sg-cloud-serving", date(2026, 11, 22), environ) == first
    assert read_document(folder, "sg-cloud-serving", date(2026, 11, 22), environ).to_json() == first.to_json()


def test_a_stacks_name_is_fleet_and_cluster() -> None:
    assert stack_parts("sandbox.cn-north-inference") == ("sandbox", "cn-north-inference")
    with pytest.raises(Permanent, match=r"FLEET\.CLUSTER"):
        stack_parts("dev")


def test_the_fleets_folder_is_the_set_one_then_the_stacks_own_then_the_shells(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "inventory" / name).mkdir(parents=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shell = {"CAUSEWAY_FLEET": str(tmp_path / "inventory/a")}
    assert fleet_folder("a", None, tmp_path, shell).name == "a"
    assert fleet_folder("b", None, tmp_path, shell).name == "b"
    assert fleet_folder("c", None, tmp_path, {"CAUSEWAY_FLEET": str(elsewhere)}) == elsewhere
    assert fleet_folder("a", "elsewhere", tmp_path, shell) == elsewhere
    with pytest.raises(Permanent, match="is not declared in"):
        fleet_folder("c", None, tmp_path, {})


def test_an_edited_role_of_the_fleets_own_makes_the_document_anew(tmp_path: Path) -> None:
    fleet = repository(tmp_path)

    def code() -> object:
        return read_document(fleet, "cn-lab", date(2026, 11, 22), {}).pools["seedchip"]["code"]

    first = code()
    assert first == code()
    tasks = tmp_path / "roles" / ROLE / "tasks" / "main.yml"
    tasks.write_text(tasks.read_text() + "- name: One more\n  ansible.builtin.meta: noop\n")
    assert code() != first
