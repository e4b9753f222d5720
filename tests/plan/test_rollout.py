"""What waves tell of workloads: findings with workload, wave and missing accelerators, each told once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from causeway.plan.model import Baseline, FleetPlan
from causeway.plan.rollout import RULE
from causeway.policy.findings import Finding
from tests.plan.fleets import NORTH, Document, changed, planned, pool

H20, SYSTEM = f"{NORTH}/h20", f"{NORTH}/system"


def asked(replicas: int, on_drain: str = "wait_for_end") -> Callable[[Document], None]:
    """Jimeng on h20 with so many replicas of four accelerators; doubao has one there, and two hosts offer sixteen."""

    def change(document: Document) -> None:
        jimeng = document["workloads"]["jimeng"]
        jimeng["on_drain"] = on_drain
        jimeng["serve"][0] |= {"replicas": replicas, "accelerators_per_replica": 4}

    return change


def told(plan: FleetPlan, subject: str) -> list[Finding]:
    return [finding for finding in plan.findings if finding.rule == RULE and finding.subject == subject]


def baseline(plan: FleetPlan, name: str) -> Baseline:
    return next(each for each in plan.clusters[NORTH].baselines if each.pool == name)


def test_a_replica_that_cannot_move_is_told_with_workload_wave_and_missing_accelerators() -> None:
    plan = planned(changed(asked(3)))
    (finding,) = told(plan, f"jimeng@{H20}")
    assert (finding.verdict, finding.severity, finding.clusters) == ("fail", "warn", (NORTH,))
    assert finding.reason == (
        f"in wave 1 of {H20} (1 host out) 2 of 3 replicas of jimeng have no room: missing: 8 accelerators; "
        "they stop until the wave is over"
    )
    assert finding.evidence["missing_accelerators"] == "8"
    assert finding.path == ("workloads", "jimeng", "serve", 0)
    assert finding.where.line > 0


@pytest.mark.parametrize(
    ("on_drain", "severity", "words"),
    [
        ("wait_for_end", "warn", "they stop"),
        ("shift_traffic", "warn", "they stop"),
        ("checkpoint", "info", "goes on from its checkpoint"),
    ],
)
def test_what_the_workload_says_of_drains_decides_how_bad_it_is(on_drain: str, severity: str, words: str) -> None:
    (finding,) = told(planned(changed(asked(3, on_drain))), f"jimeng@{H20}")
    assert finding.severity == severity
    assert words in finding.reason


def test_a_workload_that_refuses_is_told_by_the_rule_and_not_by_waves() -> None:
    plan = planned(changed(asked(3, "refuse")), rules=True)
    (finding,) = told(plan, f"jimeng@{H20}")
    assert "refuses to leave a host" in finding.reason


def test_parts_on_another_pool_take_the_traffic_and_parts_on_the_same_pool_do_not() -> None:
    def doubled(document: Document) -> None:
        asked(2, "shift_traffic")(document)
        serve = document["workloads"]["jimeng"]["serve"]
        serve[0]["weight"] = 50
        serve.append({**serve[0], "replicas": 1})

    on_one_pool = told(planned(changed(doubled)), f"jimeng@{H20}")
    assert on_one_pool
    assert all("they stop" in finding.reason for finding in on_one_pool)

    def spread(document: Document) -> None:
        doubled(document)
        document["workloads"]["jimeng"]["serve"][1]["pool"] = "ascend"
        document["workloads"]["jimeng"]["serve"][0]["replicas"] = 3

    elsewhere = told(planned(changed(spread)), f"jimeng@{H20}")
    assert elsewhere
    assert all("other parts take the traffic" in finding.reason for finding in elsewhere)


def test_findings_are_told_once_in_the_fleet_and_once_in_their_cluster() -> None:
    plan = planned(changed(asked(3)), rules=True)
    everything = [(f.rule, f.subject, f.path, f.verdict, f.reason) for f in plan.findings]
    assert len(everything) == len(set(everything))
    for name, cluster in plan.clusters.items():
        assert cluster.findings == tuple(f for f in plan.findings if name in f.clusters)


def test_a_wave_and_the_rule_never_say_two_things_of_one_subject() -> None:
    plan = planned(changed(asked(3)), rules=True)
    assert [finding.verdict for finding in told(plan, f"jimeng@{H20}")] == ["fail"]
    assert told(plan, H20) == [], "the wave speaks for the pool"
    assert [finding.verdict for finding in told(plan, f"{NORTH}/ascend")] == ["pass"]


def accepting(subject: str, expires: str = "2027-01-31") -> Callable[[Document], None]:
    def change(document: Document) -> None:
        asked(3)(document)
        document["policy"]["exceptions"] = [
            {
                "rule": RULE,
                "subject": subject,
                "reason": "night",
                "approved_by": "head of operations",
                "expires": expires,
            }
        ]

    return change


@pytest.mark.parametrize("subject", [f"jimeng@{H20}", H20])
def test_an_exception_on_the_workload_or_on_the_pool_accepts_it(subject: str) -> None:
    (finding,) = told(planned(changed(accepting(subject)), rules=True), f"jimeng@{H20}")
    assert finding.accepted_by is not None
    assert finding.accepted_by.approved_by == "head of operations"
    assert not finding.open


@pytest.mark.parametrize(
    ("subject", "expires"), [(f"doubao@{H20}", "2027-01-31"), (f"jimeng@{H20}", "2026-11-21"), (SYSTEM, "2027-01-31")]
)
def test_an_exception_on_something_else_or_one_that_ran_out_accepts_nothing(subject: str, expires: str) -> None:
    (finding,) = told(planned(changed(accepting(subject, expires))), f"jimeng@{H20}")
    assert finding.open


def override(**hosts: dict[str, Any]) -> Callable[[Document], None]:
    return lambda document: document.update(host_overrides={name.replace("_", "-"): it for name, it in hosts.items()})


OUT = {"state": "out_of_service", "reason": "fan failed", "until": date(2026, 12, 1)}


def test_hosts_that_are_out_already_count_against_the_limit() -> None:
    plan = planned(changed(override(cn_h20_02=OUT)), rules=True)
    rollout = baseline(plan, "h20").rollout
    assert (rollout.in_service, rollout.out_already, rollout.room, rollout.waves.count) == (1, 1, 0, 0)
    (finding,) = told(plan, H20)
    assert finding.verdict == "fail"
    assert "1 host of 2 may be out of service at once, and 1 are out or joining already" in finding.reason


def test_a_host_that_lacks_an_accelerator_leaves_less_room_when_the_full_one_is_out() -> None:
    def change(document: Document) -> None:
        override(cn_h20_02={"expected_accelerators": 7})(document)
        asked(1)(document)

    plan = planned(changed(change))
    assert baseline(plan, "h20").rollout.capacity[0].accelerators_left == 7
    (finding,) = told(plan, f"jimeng@{H20}")
    assert "1 of 1 replica of jimeng have no room: missing: 4 accelerators" in finding.reason


def test_a_gateway_on_the_only_host_of_a_pool_without_accelerators_is_told() -> None:
    def change(document: Document) -> None:
        document["workloads"]["cici"]["serve"] = [{"cluster": NORTH, "pool": "system", "replicas": 2}]

    (finding,) = told(planned(changed(change), rules=True), f"cici@{SYSTEM}")
    assert "2 of 2 replicas of cici have no room: no host is left for them" in finding.reason


def test_waves_partition_the_hosts_in_service_and_leave_out_the_rest() -> None:
    def change(document: Document) -> None:
        pool(document, "h20")["hosts"] = "cn-h20-[01:20]"
        override(cn_h20_03=OUT, cn_h20_07={"state": "joining"}, cn_h20_09={"state": "retired", "reason": "sold"})(
            document
        )

    made = baseline(planned(changed(change)), "h20")
    names = sorted(made.names[position] for wave in made.rollout.waves for position in wave)
    assert names == [f"cn-h20-{n:02}" for n in range(1, 21) if n not in (3, 7, 9)]
    assert made.rollout.room == 19 // 2 - 2
    assert len(next(iter(made.rollout.waves))) == 1
