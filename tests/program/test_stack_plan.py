"""What a stack declares: the same as the plan says, for every cluster of the fleets of this repository."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from causeway.errors import Permanent
from causeway.fleet.ranges import parse_range
from causeway.program.document import StackDocument
from causeway.program.fleet_plan import PlannedFleet, planned
from causeway.program.ordered_ranges import fold_in_order
from causeway.program.stack_plan import document
from causeway.provider.pool_inputs import PoolInputs
from causeway.provider.values import to_python, to_struct

INVENTORY = Path(__file__).parents[2] / "inventory"
ON = date(2026, 11, 22)


@pytest.fixture(scope="module", params=["sandbox", "reference"])
def fleet(request: pytest.FixtureRequest) -> PlannedFleet:
    return planned(INVENTORY / request.param, ON)


def through_the_engine(inputs: Any) -> Any:
    """Inputs as the provider gets them: over the wire, where whole numbers lose their kind."""
    return to_python(to_struct(json.loads(json.dumps(inputs))))


def test_the_provider_finds_the_desired_states_that_the_plan_has(fleet: PlannedFleet) -> None:
    seen = 0
    for name, plan in fleet.plan.clusters.items():
        made = document(fleet, name)
        for baseline in plan.baselines:
            inputs = PoolInputs.of(through_the_engine(made.pools[baseline.pool]))
            assert inputs.states(None) == dict(baseline.hosts())
            seen += len(baseline.names)
    assert seen == sum(plan.hosts for plan in fleet.plan.clusters.values())
    assert seen


def test_a_document_is_the_same_after_it_was_kept(fleet: PlannedFleet) -> None:
    for name in fleet.plan.clusters:
        made = document(fleet, name)
        assert StackDocument.from_json(made.to_json()).to_json() == made.to_json()


def test_no_input_holds_a_path_of_this_machine(fleet: PlannedFleet) -> None:
    for name in fleet.plan.clusters:
        made = document(fleet, name)
        told = json.dumps([made.leases, made.pools, [each.inputs for each in made.releases]])
        assert str(Path(__file__).parents[2]) not in told


def test_an_unknown_cluster_is_told_with_those_that_there_are_and_how_to_wind_it_up(fleet: PlannedFleet) -> None:
    with pytest.raises(Permanent) as refused:
        document(fleet, "gone")
    assert "pulumi destroy --stack" in refused.value.hint
    assert next(iter(fleet.plan.clusters)) in refused.value.reason


def test_leased_pools_and_their_leases_are_protected_and_owned_ones_are_not() -> None:
    sandbox = planned(INVENTORY / "sandbox", ON)
    leased = document(sandbox, "my-johor-training")
    assert leased.pools["h200"]["protection"]["subject"] == "johor-h200"
    assert leased.leases["johor-h200"]["protection"]["subject"] == "johor-h200"
    owned = document(sandbox, "cn-north-inference")
    assert not any("protection" in pool for pool in owned.pools.values())


@given(st.lists(st.integers(0, 40), min_size=1, max_size=30, unique=True), st.sampled_from([1, 2, 4]))
def test_folding_keeps_every_name_in_its_place(numbers: list[int], width: int) -> None:
    names = [f"rack-{number % 3}-gpu{number:0{width}d}.north" for number in numbers]
    assert [name for pattern in fold_in_order(names) for name in parse_range(pattern).names()] == names


def test_a_thousand_neighbours_are_one_range() -> None:
    assert list(fold_in_order(f"gpu-{number:04d}" for number in range(1, 1001))) == ["gpu-[0001:1000]"]
