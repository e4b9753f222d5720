"""A variable that its role does not take is told at its place, with the nearest that it takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from causeway.assets import Playbooks, playbooks_of
from causeway.errors import CausewayError, Location, Permanent, Problems
from causeway.fleet.load import load_fleet
from causeway.plan import role_variables
from causeway.plan.catalog_of import catalog_of

SANDBOX = Path(__file__).parents[2] / "inventory" / "sandbox" / "fleet.yaml"


def told(folder: Path, text: str, playbooks: Playbooks | None = None) -> tuple[CausewayError, ...]:
    (folder / "fleet.yaml").write_text(text, encoding="utf-8")
    return tuple(role_variables.unknown(load_fleet(folder), playbooks or playbooks_of(folder)))


def with_host_variable(line: str) -> str:
    text = SANDBOX.read_text(encoding="utf-8")
    assert "\nhost_overrides: {}" in text
    return text.replace("\nhost_overrides: {}", f"\nhost_overrides:\n  cn-asc-02:\n    variables:\n      {line}\n#", 1)


def test_a_variable_that_its_role_takes_is_right(tmp_path: Path) -> None:
    assert told(tmp_path, with_host_variable("baseline_os__huge_pages: 4")) == ()


def test_a_misspelt_variable_of_a_host_is_told_with_the_right_one(tmp_path: Path) -> None:
    (error,) = told(tmp_path, with_host_variable("baseline_os__hugepages: 4"))
    assert error.code == "unknown-variable"
    assert "did you mean baseline_os__huge_pages?" in error.hint
    assert isinstance(error.where, Location)
    assert "baseline_os__hugepages" in (tmp_path / "fleet.yaml").read_text().splitlines()[error.where.line - 1]


def test_a_misspelt_variable_of_a_pool_is_told_too(tmp_path: Path) -> None:
    text = SANDBOX.read_text(encoding="utf-8")
    old = '        hosts: "cn-asc-[01:02]"'
    assert old in text
    (error,) = told(tmp_path, text.replace(old, f"        variables: {{ascend_driver__persistence: true}}\n{old}", 1))
    assert (error.code, 'no variable "ascend_driver__persistence"' in error.reason) == ("unknown-variable", True)


@pytest.mark.parametrize("line", ["our_monitoring__port: 9100", "ansible_port: 2222", "http_proxy: none"])
def test_variables_of_other_roles_are_somebody_else_s(tmp_path: Path, line: str) -> None:
    assert told(tmp_path, with_host_variable(line)) == ()


@pytest.mark.parametrize("content", ["", "argument_specs: []", "argument_specs: {main: 1}", "{", "\xff"])
def test_a_role_s_list_that_cannot_be_read_is_told(tmp_path: Path, content: str) -> None:
    listed = tmp_path / "playbooks" / "roles" / "baseline_os" / "meta" / "argument_specs.yml"
    listed.parent.mkdir(parents=True)
    listed.write_bytes(content.encode("latin-1"))
    with pytest.raises(Permanent) as caught:
        told(tmp_path, with_host_variable("baseline_os__huge_pages: 4"), Playbooks(tmp_path / "playbooks"))
    assert caught.value.code == "role-arguments"


def test_it_is_told_together_with_what_the_catalog_has_not(tmp_path: Path) -> None:
    text = with_host_variable("baseline_os__hugepages: 4")
    assert "accelerator: h20\n" in text
    (tmp_path / "fleet.yaml").write_text(text.replace("accelerator: h20\n", "accelerator: h2o\n", 1), encoding="utf-8")
    with pytest.raises(Problems) as caught:
        catalog_of(load_fleet(tmp_path), playbooks_of(tmp_path))
    assert {error.code for error in caught.value.errors} >= {"unknown-variable", "unknown-accelerator"}
