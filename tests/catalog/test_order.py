"""The order of driver and engine changes: directions, parts on a host, and every pair of allowed sets of the tables."""

from __future__ import annotations

from datetime import date
from itertools import product
from pathlib import Path

import pytest

from causeway.catalog import Catalog
from causeway.catalog.judge import judge
from causeway.catalog.order import order
from causeway.catalog.proposal import known_releases
from causeway.catalog.query import Query

ANY_DAY = date(2026, 11, 22)


def ascend(driver: str, toolkit: str, engine: str, firmware: str | None = None) -> Query:
    return Query(
        "ascend-910b3",
        driver=driver,
        firmware=firmware,
        toolkit=toolkit,
        engine="vllm-ascend",
        engine_version=engine,
    )


def test_going_up_hosts_come_first_and_firmware_before_the_driver(catalog: Catalog) -> None:
    plan = order(
        catalog, ascend("25.5.0", "8.5.0", "0.13.0", "7.8.0.5.216"), ascend("25.5.2", "8.5.1", "0.18.0", "7.8.0.7.220")
    )
    assert [step.where for step in plan.steps] == ["hosts", "images"]
    assert plan.steps[0].sequence == ("firmware", "driver", "toolkit")
    assert plan.direction == "up"


def test_going_down_images_come_first(catalog: Catalog) -> None:
    plan = order(catalog, ascend("25.5.2", "8.5.1", "0.18.0"), ascend("25.5.0", "8.5.0", "0.13.0"))
    assert [step.where for step in plan.steps] == ["images", "hosts"]
    assert plan.direction == "down"


def test_a_fresh_host_gets_its_driver_before_the_firmware(catalog: Catalog) -> None:
    plan = order(catalog, Query("ascend-910b3"), Query("ascend-910b3", driver="25.5.2", firmware="7.8.0.7.220"))
    assert [step.sequence for step in plan.steps] == [("driver", "firmware")]


def test_where_no_pair_overlaps_the_intermediate_step_is_named(catalog: Catalog) -> None:
    plan = order(catalog, ascend("25.5.2", "8.5.1", "0.18.0"), ascend("26.0.RC1", "9.1.0", "0.23.0"))
    assert [str(step) for step in plan.steps] == [
        "images: engine_version 0.18.0 -> 0.20.2rc1",
        "hosts: driver 25.5.2 -> 26.0.RC1, toolkit 8.5.1 -> 9.1.0",
        "images: engine_version 0.20.2rc1 -> 0.23.0",
    ]
    assert [state.engine_version for state in plan.intermediate] == ["0.20.2rc1", "0.20.2rc1"]


def test_nvidia_drivers_go_first_because_they_run_older_images(catalog: Catalog) -> None:
    before = Query("h20", driver="580.95.05", engine="vllm")
    plan = order(catalog, before, Query("h20", driver="595.91.07", engine="vllm", engine_version="0.20.1"))
    assert [step.where for step in plan.steps] == ["hosts", "images"]
    assert plan.feasible


def test_one_side_alone_is_one_step(catalog: Catalog) -> None:
    plan = order(catalog, ascend("25.5.0", "8.5.0", "0.13.0"), ascend("25.5.1", "8.5.0", "0.13.0"))
    assert [step.where for step in plan.steps] == ["hosts"]


def test_what_the_new_set_leaves_out_stays(catalog: Catalog) -> None:
    plan = order(catalog, ascend("25.5.0", "8.5.0", "0.13.0"), Query("ascend-910b3", driver="25.5.1"))
    assert plan.steps[-1].state.engine_version == "0.13.0"


def test_nothing_to_change_has_no_steps(catalog: Catalog) -> None:
    same = ascend("25.5.0", "8.5.0", "0.13.0")
    assert order(catalog, same, same).steps == ()


def test_different_accelerators_have_no_order(catalog: Catalog) -> None:
    with pytest.raises(ValueError, match="one accelerator"):
        order(catalog, Query("h20"), Query("l20"))


def test_the_example_of_the_catalog_s_page_holds(catalog: Catalog) -> None:
    plan = order(
        catalog,
        ascend("25.0.RC1", "8.1.RC1", "0.7.3", "7.7.0.1.231"),
        ascend("25.5.2", "8.5.1", "0.18.0", "7.8.0.7.220"),
    )
    assert [(step.where, step.state.driver, step.state.engine_version) for step in plan.steps] == [
        ("images", "25.0.RC1", "0.13.0"),
        ("hosts", "25.5.2", "0.13.0"),
        ("images", "25.5.2", "0.18.0"),
    ]
    page = (Path(__file__).parents[2] / "docs" / "catalog.md").read_text(encoding="utf-8")
    assert "first the images to 0.13.0, then the hosts, then the images to 0.18.0" in page


PARTS = 24
"""Every pair of the tables is taken by one seed of 0 to 23."""


def allowed_sets(catalog: Catalog, chip: str, engine: str) -> list[Query]:
    """Every allowed set of driver and engine release, with the engine's own CANN."""
    drivers = known_releases(catalog, chip, engine, "driver")
    releases = known_releases(catalog, chip, engine, "engine_version")
    found = [
        Query(chip, driver=each, engine=engine, engine_version=release) for each in drivers for release in releases
    ]
    return [query for query in found if judge(catalog, query, ANY_DAY)[0] == "allowed"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("chip", "engine", "pairs"),
    [("ascend-910b3", "vllm-ascend", 2300), ("ascend-910c", "vllm-ascend", 2300), ("ascend-910b3", "mindie", 220)],
)
def test_over_the_pairs_of_the_tables_no_step_passes_a_set_that_does_not_fit(
    catalog: Catalog, seed: int, chip: str, engine: str, pairs: int
) -> None:
    every = list(product(allowed_sets(catalog, chip, engine), repeat=2))
    assert len(every) > pairs
    for before, after in every[seed % PARTS :: PARTS]:
        plan = order(catalog, before, after)
        assert plan.feasible, (before, after)
        state = before
        for step in plan.steps:
            moved = [each for each in ("driver", "engine_version") if getattr(state, each) != getattr(step.state, each)]
            assert len(moved) == 1, (before, after, step)
            assert judge(catalog, step.state, ANY_DAY)[0] == "allowed", (before, after, step)
            state = step.state
        assert state == after
