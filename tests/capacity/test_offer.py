"""Offered, asked and left."""

from __future__ import annotations

from typing import Any

from causeway.capacity.offer import compute
from tests.capacity.conftest import Load


def test_a_pool_offers_what_its_hosts_hold_and_keeps_what_nobody_asks_for(load: Load) -> None:
    pool = compute(load()).pools["serving", "ascend"]
    assert (pool.hosts, pool.installed, pool.offered, pool.asked, pool.left) == (4, 32, 32, 20, 12)


def test_a_training_job_asks_for_whole_hosts(load: Load) -> None:
    pool = compute(load()).pools["training", "h200"]
    assert (pool.asked, pool.left) == (24, 8)


def test_hosts_out_of_service_or_joining_are_installed_but_offer_nothing(load: Load) -> None:
    def change(fleet: dict[str, Any]) -> None:
        fleet["host_overrides"] = {
            "a-1": {"state": "out_of_service", "reason": "broken"},
            "a-2": {"state": "joining", "reason": "new"},
        }

    pool = compute(load(change)).pools["serving", "ascend"]
    assert (pool.hosts, pool.hosts_in_service, pool.installed, pool.offered) == (4, 2, 32, 16)
    assert pool.out_of_service == 16


def test_a_retired_host_counts_nowhere(load: Load) -> None:
    def change(fleet: dict[str, Any]) -> None:
        fleet["host_overrides"] = {"a-1": {"state": "retired", "reason": "sold", "expected_accelerators": 7}}

    pool = compute(load(change)).pools["serving", "ascend"]
    assert (pool.hosts, pool.installed, pool.offered) == (3, 24, 24)


def test_a_host_with_fewer_working_accelerators_offers_fewer(load: Load) -> None:
    def change(fleet: dict[str, Any]) -> None:
        fleet["host_overrides"] = {"a-3": {"expected_accelerators": 7}}

    pool = compute(load(change)).pools["serving", "ascend"]
    assert (pool.installed, pool.offered) == (31, 31)


def test_parts_know_their_place_in_the_declaration(load: Load) -> None:
    parts = compute(load()).parts_on("serving", "h20")
    assert [(part.path, part.asked) for part in parts] == [(("workloads", "chat", "serve", 1), 6)]
