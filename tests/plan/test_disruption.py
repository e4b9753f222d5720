"""What a change may do to a host: the role's own word first, then the catalog's, then the worst."""

from __future__ import annotations

from pathlib import Path

import pytest

from causeway.assets import Playbooks
from causeway.catalog import load_catalog
from causeway.errors import Permanent
from causeway.fleet.catalog_entries import Disruption
from causeway.plan.disruption import Disruptions


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        ("ascend_driver__driver_version", "reboot"),
        ("ascend_driver__toolkit_version", "none"),
        ("nvidia_driver__container_toolkit_version", "restart"),
        ("nvidia_driver__expected_accelerators", "none"),
        ("container_runtime__mirror", "none"),
        ("baseline_os__kernel", "reboot"),
        ("seedchip_driver__driver_version", "reboot"),
        ("a_word_of_ones_own", "reboot"),
    ],
)
def test_what_a_change_of_a_variable_does(variable: str, expected: Disruption) -> None:
    assert Disruptions(load_catalog()).of_variable(variable) == expected


def test_the_worst_of_several_changes_counts() -> None:
    disruptions = Disruptions(load_catalog())
    assert disruptions.of(["container_runtime__mirror", "nvidia_driver__container_toolkit_version"]) == "restart"
    assert disruptions.of([]) == "none"


def test_a_role_says_it_itself(tmp_path: Path) -> None:
    meta = tmp_path / "roles" / "seedchip_driver" / "meta"
    meta.mkdir(parents=True)
    (meta / "causeway.yml").write_text("disruption: drain\nvariables: {seedchip_driver__log_level: none}\n")
    disruptions = Disruptions(load_catalog(), Playbooks(tmp_path))
    assert disruptions.of_variable("seedchip_driver__driver_version") == "drain"
    assert disruptions.of_variable("seedchip_driver__log_level") == "none"
    assert disruptions.of_role("seedchip_driver") == "drain"
    assert disruptions.of_role("nobodys_driver") == "reboot"


def test_a_role_that_says_it_wrongly_is_an_error_with_its_file(tmp_path: Path) -> None:
    meta = tmp_path / "roles" / "seedchip_driver" / "meta"
    meta.mkdir(parents=True)
    (meta / "causeway.yml").write_text("disruption: maybe\n")
    with pytest.raises(Permanent) as caught:
        Disruptions(load_catalog(), Playbooks(tmp_path)).of_role("seedchip_driver")
    assert str(caught.value.where).endswith("causeway.yml")
