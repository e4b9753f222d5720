"""The package schema names what the provider takes, and Pulumi itself accepts it."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from causeway.program.fleet_plan import planned
from causeway.program.stack_plan import document
from causeway.provider.kinds import KINDS
from causeway.provider.package_schema import package_schema
from tests.provider.engine import TOP, Project


def test_every_kind_and_every_input_that_programs_send_is_in_the_schema() -> None:
    schema = json.loads(package_schema("0.1.0"))
    assert schema["resources"].keys() == KINDS.keys()
    made = document(planned(TOP / "inventory/sandbox", date(2026, 11, 22)), "my-johor-training")
    sent = {
        "Baseline": {name for pool in made.pools.values() for name in pool} - {"secretNames"},
        "Lease": {name for lease in made.leases.values() for name in lease},
        "Release": {name for release in made.releases for name in release.inputs},
    }
    for kind, names in sent.items():
        assert names <= schema["resources"][f"causeway:index:{kind}"]["inputProperties"].keys()


def test_a_pool_s_playbook_is_no_input_since_it_is_always_the_same() -> None:
    made = document(planned(TOP / "inventory/sandbox", date(2026, 11, 22)), "my-johor-training")
    offered = json.loads(package_schema("0.1.0"))["resources"]["causeway:index:Baseline"]["inputProperties"]
    assert "play" not in offered.keys() | {name for pool in made.pools.values() for name in pool}


@pytest.mark.tools
def test_pulumi_reads_the_schema_from_the_plugin(tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    project.write("")
    told = project.run("package", "get-schema", str(TOP / "infra/plugin/pulumi-resource-causeway"))
    assert json.loads(told)["name"] == "causeway"
