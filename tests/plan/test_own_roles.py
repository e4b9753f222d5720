"""Roles of a fleet's own: where they lie, and that their code, their variables and their disruption count."""

from __future__ import annotations

from pathlib import Path

import pytest

from causeway.assets import Playbooks, home_root, playbooks, playbooks_of
from causeway.catalog import load_catalog
from causeway.errors import Permanent, Problems
from causeway.fleet.load import load_fleet
from causeway.plan.catalog_of import catalog_of
from causeway.plan.disruption import Disruptions
from causeway.plan.hostvars import pool_variables
from causeway.plan.playbook_code import code_of, reached
from causeway.plan.playbook_files import PlaybookFiles
from tests.examples.in_house import EXAMPLE, ROLE, edit, repository

TASKS = f"roles/{ROLE}/tasks"


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    return repository(tmp_path / "repository")


def codes(fleet: Path) -> dict[str, str | None]:
    loaded = load_fleet(fleet)
    catalog = catalog_of(loaded, playbooks_of(fleet))
    code = code_of(playbooks_of(fleet))
    return {pool: code(pool_variables(loaded, catalog, "cn-lab", pool)) for pool in ("seedchip", "plain")}


def wrong(fleet: Path) -> Problems:
    with pytest.raises(Problems) as caught:
        catalog_of(load_fleet(fleet), playbooks_of(fleet))
    return caught.value


def test_they_lie_beside_the_inventory_folder_or_in_the_fleets_own_wherever_its_home_is(tmp_path: Path) -> None:
    fleet = tmp_path / "inventory" / "mine"
    fleet.mkdir(parents=True)
    (fleet / "fleet.yaml").touch()
    assert home_root(fleet, {"CAUSEWAY_HOME": "/elsewhere"}) == Path("/elsewhere")
    for named in (fleet, fleet / "fleet.yaml"):
        assert playbooks_of(named).roles == (playbooks() / "roles", tmp_path / "roles")
    assert playbooks_of(EXAMPLE).role(ROLE) == EXAMPLE / "roles" / ROLE


def test_a_pools_code_is_known_and_holds_the_files_of_the_own_role(fleet: Path) -> None:
    assert all(codes(fleet).values())
    loaded = load_fleet(fleet)
    pool = pool_variables(loaded, load_catalog(loaded.fleet.catalog, loaded.marks), "cn-lab", "seedchip")
    parts = reached(PlaybookFiles(playbooks_of(fleet)), pool).parts
    assert {name.removeprefix(f"{TASKS}/") for name in parts if name.startswith(TASKS)} == {
        "install.yml",
        "main.yml",
        "validate.yml",
        "verify.yml",
        "wake.yml",
    }
    assert f"roles/{ROLE}/vars/main.yml" in parts


def test_the_same_role_gives_the_same_code_in_another_folder(fleet: Path, tmp_path: Path) -> None:
    assert codes(repository(tmp_path / "other")) == codes(fleet)


@pytest.mark.parametrize("name", [f"{TASKS}/install.yml", f"roles/{ROLE}/vars/main.yml", f"{TASKS}/verify.yml"])
def test_an_edited_own_role_changes_the_code_of_the_pools_that_use_it_alone(fleet: Path, name: str) -> None:
    before = codes(fleet)
    path = fleet.parents[1] / name
    text = path.read_text(encoding="utf-8")
    more = "more: 1\n" if "/vars/" in name else "- name: One more\n  ansible.builtin.meta: noop\n"
    path.write_text(text + more, encoding="utf-8")
    after = codes(fleet)
    assert {pool for pool in before if before[pool] != after[pool]} == {"seedchip"}


@pytest.mark.parametrize("name", [f"{TASKS}/install.yml", f"roles/{ROLE}/README.md", f"{TASKS}/quiesce.yml"])
def test_a_comment_and_what_no_play_reaches_change_nothing(fleet: Path, name: str) -> None:
    before = codes(fleet)
    path = fleet.parents[1] / name
    more = "- name: One more\n  ansible.builtin.meta: noop\n" if "quiesce" in name else "# Another comment.\n"
    path.write_text(path.read_text(encoding="utf-8") + more, encoding="utf-8")
    assert codes(fleet) == before


def test_a_file_that_an_own_role_names_and_has_not_is_told_with_its_place(fleet: Path) -> None:
    edit(fleet.parents[1] / TASKS / "main.yml", "install.yml", "gone.yml")
    with pytest.raises(Permanent, match=r"there is no file gone\.yml") as caught:
        codes(fleet)
    assert str(caught.value.where) == f"{TASKS}/main.yml:2"


def test_a_variable_that_an_own_role_does_not_take_is_told_with_the_right_one(fleet: Path) -> None:
    edit(fleet / "fleet.yaml", f"{ROLE}__count_command", f"{ROLE}__count_comand")
    (error,) = wrong(fleet).errors
    assert error.code == "unknown-variable"
    assert f"did you mean {ROLE}__count_command?" in error.hint


def test_what_a_change_of_its_variables_does_is_the_own_roles_word(fleet: Path) -> None:
    catalog = load_catalog(load_fleet(fleet).fleet.catalog)
    own = Disruptions(catalog, playbooks_of(fleet))
    assert own.of_variable(f"{ROLE}__count_command") == "none"
    assert Disruptions(catalog, Playbooks(playbooks())).of_variable(f"{ROLE}__count_command") == "reboot"


def test_a_role_that_is_nowhere_is_told_where_it_is_named_with_the_folder_to_write_it_in(fleet: Path) -> None:
    edit(fleet / "catalog" / "seedchip.yaml", "role: seedchip-driver", "role: seedchip-setup")
    edit(fleet / "fleet.yaml", f"        variables: {{{ROLE}__count_command", "#")
    (error,) = wrong(fleet).errors
    assert error.code == "role-missing"
    assert "seedchip.yaml:" in str(error.where)
    assert str(fleet.parents[1] / "roles" / "seedchip_setup") in error.hint
    assert str(playbooks() / "roles") in error.reason


def test_a_role_that_a_pool_names_itself_is_looked_for_as_well(fleet: Path) -> None:
    edit(fleet / "fleet.yaml", "accelerator: bytedance-seedchip", "accelerator: bytedance-seedchip\n        role: gone")
    (error,) = wrong(fleet).errors
    assert (error.code, "fleet.yaml:" in str(error.where)) == ("role-missing", True)


def test_an_own_role_of_the_name_of_one_of_causeways_is_an_error(fleet: Path) -> None:
    twice = fleet.parents[1] / "roles" / "nvidia_driver"
    twice.mkdir()
    (error,) = wrong(fleet).errors
    assert (error.code, str(error.where)) == ("role-twice", str(twice))
    assert "our_nvidia_driver" in error.hint
