"""Host variables and groups, and what the sandbox's fleet gives as a whole: the committed files under `golden/`.

Write the files anew after an intended change, and read what changed in them before committing:

    CAUSEWAY_WRITE_GOLDEN=1 .venv/bin/pytest tests/plan/test_hostvars.py
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from causeway.catalog import load_catalog
from causeway.fleet.hosts import Host
from causeway.fleet.load import LoadedFleet, load_fleet
from causeway.plan.hostvars import effective, group_name, host_variables, pool_variables
from tests.plan.fleets import NORTH, changed, planned, pool, sandbox

GOLDEN = Path(__file__).parent / "golden"
EXAMPLE = Path(__file__).parents[2] / "examples" / "in-house-chip"


def hostvars() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for (cluster, name), hosts in sandbox().hosts.pools.items():
        if hosts.nodes:
            continue
        shared = pool_variables(sandbox(), load_catalog(), cluster, name)
        for number, host in hosts.numbered():
            made = host_variables(shared, host, number, hosts.records.get(host))
            found[host] = {"groups": list(shared.groups), "variables": made}
    return found


def releases() -> dict[str, Any]:
    plan = planned(sandbox())
    return {
        cluster: [
            {
                "release": f"{release.namespace}/{release.name}",
                "chart": release.chart,
                "secrets": list(release.secrets),
                "values": release.values,
            }
            for release in made.releases
        ]
        for cluster, made in plan.clusters.items()
    }


@pytest.mark.parametrize(("name", "make"), [("hostvars", hostvars), ("releases", releases)])
def test_the_sandboxs_fleet_gives_what_is_committed(name: str, make: Any) -> None:
    path = GOLDEN / f"{name}.json"
    text = json.dumps(make(), indent=2, sort_keys=True) + "\n"
    if os.environ.get("CAUSEWAY_WRITE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_addresses_of_the_fabric_follow_host_and_port() -> None:
    found = hostvars()["cn-asc-02"]["variables"]["ascend_driver__fabric_addresses"]
    assert found == [f"10.21.2.{port}/16" for port in range(1, 9)]


def test_a_retired_host_leaves_the_others_their_numbers() -> None:
    loaded = changed(
        lambda document: document["host_overrides"].update({"cn-asc-01": {"state": "retired", "reason": "sold"}})
    )
    assert list(loaded.hosts.pool(NORTH, "ascend").numbered()) == [(2, "cn-asc-02")]


def of(loaded: LoadedFleet, name: str, host: Host | None = None) -> dict[str, Any]:
    shared = pool_variables(loaded, load_catalog(loaded.fleet.catalog), NORTH, name)
    return host_variables(shared, "cn-x-01", 3, host)


def test_a_host_s_own_variables_lie_over_its_pools() -> None:
    host = Host(
        "cn-x-01", "10.0.0.7", rack="r1", expected_accelerators=7, variables={"nvidia_driver__driver_version": "1"}
    )
    found = of(changed(), "h20", host)
    assert found["nvidia_driver__driver_version"] == "1"
    assert found["nvidia_driver__expected_accelerators"] == 7
    assert (found["ansible_host"], found["causeway__rack"]) == ("10.0.0.7", "r1")


def test_addresses_of_a_host_s_own_follow_its_number_even_where_its_pools_do_not() -> None:
    own = {"nvidia_driver__fabric_addresses": {"per_port": "10.9.{host}.{port}", "ports": 2}}
    found = of(changed(), "h20", Host("cn-x-01", "cn-x-01", variables=own))
    assert found["nvidia_driver__fabric_addresses"] == ["10.9.3.1", "10.9.3.2"]


def test_a_pool_s_template_without_a_number_stays_a_template() -> None:
    shared = pool_variables(sandbox(), load_catalog(), NORTH, "ascend")
    assert effective(shared.variables, {})["ascend_driver__fabric_addresses"][0] == "10.21.{host}.1/16"


def test_nothing_is_said_that_the_declaration_does_not_say() -> None:
    found = of(changed(lambda document: pool(document, "h20").pop("drivers")), "h20")
    assert found["causeway__driver_role"] is None
    assert not [name for name in found if name.startswith("nvidia_driver__")]


def test_groups_of_different_names_are_different() -> None:
    assert group_name("pool", "a--b", "c") != group_name("pool", "a", "b--c")
    assert group_name("pool", "cn-north", "ascend") == "pool_cn_north__ascend"
    assert group_name("site", "a--b").isidentifier()


def test_a_chip_of_the_fleets_own_gets_the_role_of_its_own() -> None:
    loaded = load_fleet(EXAMPLE)
    shared = pool_variables(loaded, load_catalog(loaded.fleet.catalog, loaded.marks), "cn-lab", "seedchip")
    assert shared.role is not None
    assert shared.variables[f"{shared.role}__driver_version"] == "0.9.0"
    assert shared.context["causeway__driver_role"] == shared.role
    (baseline,) = planned(loaded).clusters["cn-lab"].baselines
    assert [state.split()[0] for _, state in baseline.hosts()] == ["ok", "ok"]
