"""What `diff` says of two plans: one entry for what many hosts share, single hosts only where they differ."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from causeway.errors import Location
from causeway.plan.diff_fields import ABSENT, Change, changes, span
from causeway.plan.diff_model import PlanDiff, PoolDiff
from causeway.plan.render_json import diff_document
from causeway.plan.render_view import headline, view
from causeway.policy.findings import Finding
from tests.plan.diff_fleets import (
    CLOUD,
    JOHOR,
    NORTH,
    Document,
    Edit,
    both,
    changed,
    compared,
    drivers,
    north,
    nothing,
    override,
    planned,
    pool_of,
)


def only_pool(found: PlanDiff) -> PoolDiff:
    (pool,) = found.pools()
    return pool


def test_a_plan_and_itself_differ_in_nothing() -> None:
    found = compared(planned(rules=True), planned(rules=True))
    assert found.empty
    assert found.findings.same
    assert headline(found) == "Nothing changes."


def test_a_comment_changes_the_files_and_not_the_plan() -> None:
    plan = planned()
    assert headline(compared(plan, replace(plan, digest="other"))).startswith("The files differ, the plan does not")


def test_an_upgrade_is_one_entry_however_many_hosts_take_it() -> None:
    pool = only_pool(changed(drivers("cambricon", driver="6.2.30")))
    (variable,) = pool.variables
    assert variable.change == Change("cambricon_driver__driver_version", "6.2.29", "6.2.30")
    assert (variable.disruption, variable.hosts, variable.own) == ("reboot", 2, 0)
    assert pool.hosts == ()
    impact = pool.impact
    assert impact is not None
    assert (impact.disruption, impact.hosts, impact.waves, impact.out_at_once) == ("reboot", 2, 2, 1)
    assert impact.accelerators_out == 8
    assert [move.workload for move in impact.moves] == ["doubao"]


@pytest.mark.parametrize(
    ("edit", "disruption"),
    [
        pytest.param(drivers("cambricon", driver="6.2.30"), "reboot", id="driver"),
        pytest.param(drivers("ascend", firmware="7.8.0.7.220"), "reboot", id="firmware"),
        pytest.param(drivers("h20", managed_by="operator"), "none", id="who-installs"),
        pytest.param(north("h20", variables={"my_own_role__x": 1}), "reboot", id="a-role-that-says-nothing"),
    ],
)
def test_what_a_change_does_decides_whether_hosts_leave_service(edit: Edit, disruption: str) -> None:
    impact = only_pool(changed(edit)).impact
    assert impact is not None
    assert impact.disruption == disruption
    assert bool(impact.accelerators_out) is (disruption in ("drain", "reboot"))


def test_a_change_in_place_takes_no_time_for_drains_and_reboots() -> None:
    rebooting = only_pool(changed(drivers("h20", driver="580.95.06"))).impact
    in_place = only_pool(changed(drivers("h20", managed_by="operator"))).impact
    assert rebooting is not None
    assert in_place is not None
    assert in_place.estimate.worst_minutes < rebooting.estimate.typical_minutes


def test_a_host_with_a_value_of_its_own_is_not_reached_by_its_pool() -> None:
    own = override("cn-mlu-02", variables={"cambricon_driver__driver_version": "6.2.28"})
    pool = only_pool(changed(both(own, drivers("cambricon", driver="6.2.30")), before=own))
    assert [(each.hosts, each.own) for each in pool.variables] == [(1, 1)]
    assert pool.hosts == ()
    assert pool.impact is not None
    assert pool.impact.hosts == 1


def test_a_host_that_alone_gets_a_variable_stands_alone() -> None:
    own = {"cambricon_driver__driver_version": "6.2.30"}
    pool = only_pool(changed(override("cn-mlu-02", variables=own)))
    (host,) = pool.hosts
    assert host.names == ("cn-mlu-02",)
    assert host.variables == (Change("cambricon_driver__driver_version", "6.2.29", "6.2.30"),)
    assert pool.variables == ()
    assert pool.impact is not None
    assert (pool.impact.hosts, pool.impact.waves) == (1, 1)


def test_hosts_that_change_alike_are_one_entry() -> None:
    broken = {"state": "out_of_service", "reason": "fans", "ticket": "OPS-1"}
    found = changed(both(override("cn-mlu-01", **broken), override("cn-mlu-02", **broken)))
    pool = only_pool(found)
    (hosts,) = pool.hosts
    assert (hosts.names, hosts.state) == (("cn-mlu-01", "cn-mlu-02"), ("in_service", "out_of_service"))
    assert pool.impact is None
    (capacity,) = found.capacity()
    assert capacity.before is not None
    assert capacity.after is not None
    assert (capacity.before.offered, capacity.after.offered) == (16, 0)
    assert [item.detail for item in view(found).lost] == ["in service → out of service (reason: fans)"]


def test_an_upgrade_that_finds_no_room_is_said_to_wait() -> None:
    out = override("cn-mlu-01", state="out_of_service", reason="fans")
    found = changed(both(out, drivers("cambricon", driver="6.2.30")), before=out)
    impact = only_pool(found).impact
    assert impact is not None
    assert (impact.hosts, impact.waves) == (1, 0)
    assert "cannot begin" in view(found).leaving[0].sentence


def test_a_retired_host_is_told_from_one_that_is_no_longer_declared() -> None:
    retired = override("cn-asc-01", state="retired")
    gone = only_pool(changed(retired))
    assert (gone.retired, gone.removed, gone.hosts) == (("cn-asc-01",), (), ())
    back = only_pool(changed(nothing, before=retired))
    assert (back.returned, back.added) == (("cn-asc-01",), ())
    deleted = only_pool(changed(north("ascend", hosts="cn-asc-02")))
    assert (deleted.removed, deleted.retired) == (("cn-asc-01",), ())


def test_hosts_that_follow_another_number_are_one_entry() -> None:
    wide, shifted = north("ascend", hosts="cn-asc-[01:06]"), north("ascend", hosts="cn-asc-[02:06]")
    (hosts,) = only_pool(changed(shifted, before=wide)).hosts
    assert hosts.names == tuple(f"cn-asc-0{number}" for number in range(2, 7))
    assert (hosts.renumbered, hosts.disruption) == (("ascend_driver__fabric_addresses",), "drain")


def test_a_host_in_another_pool_has_moved_and_is_neither_new_nor_gone() -> None:
    found = changed(both(north("h20", hosts="cn-h20-01"), north("cambricon", hosts=["cn-mlu-[01:02]", "cn-h20-02"])))
    (move,) = found.moved
    assert (move.source, move.target, move.names) == ((NORTH, "h20"), (NORTH, "cambricon"), ("cn-h20-02",))
    assert not any(pool.added or pool.removed for pool in found.pools())
    assert not found.empty


def test_rollout_settings_and_nodes_of_a_cloud_pool_are_told() -> None:
    window = {"hours": "01:00-05:00", "days": ["sat"]}
    pool = only_pool(changed(north("h20", rollout={"canary": 2, "max_unavailable": "50%", "window": window})))
    assert {change.field for change in pool.rollout} == {"canary", "window"}
    nodes = only_pool(changed(lambda document: pool_of(document, CLOUD, "h200").update(nodes=3)))
    assert nodes.fields == (Change("nodes", 1, 3),)
    assert nodes.impact is None


def test_releases_are_told_field_by_field() -> None:
    def edit(document: Document) -> None:
        document["workloads"]["doubao"]["serve"][0]["replicas"] = 3
        document["workloads"]["doubao"]["values"] = {"probe": {"seconds": 5}}

    found = {release.name: release.values for release in changed(edit).releases()}
    assert found["doubao-ascend"] == (Change("probe.seconds", ABSENT, 5), Change("replicas", 2, 3)) or found[
        "doubao-ascend"
    ] == (Change("probe", ABSENT, {"seconds": 5}), Change("replicas", 2, 3))
    assert found.keys() == {"doubao-ascend", "doubao-cambricon", "doubao-h20"}


def test_a_release_that_comes_is_gone_the_other_way() -> None:
    def without_jimeng(document: Document) -> None:
        del document["workloads"]["jimeng"]

    one, other = planned(without_jimeng), planned()
    assert [(r.name, r.kind) for r in compared(one, other).releases()] == [("jimeng-h20", "added")]
    assert [(r.name, r.kind) for r in compared(other, one).releases()] == [("jimeng-h20", "removed")]


def test_no_secret_is_ever_shown_and_a_changed_one_is_told() -> None:
    def leaking(password: str) -> Edit:
        return north("h20", variables={"nvidia_driver__password": password, "nvidia_driver__of": {"secret": "a-key"}})

    found = changed(leaking("hunter2-after"), before=leaking("hunter1-before"))
    (variable,) = only_pool(found).variables
    assert variable.change.field == "nvidia_driver__password"
    assert "hunter" not in repr(found)
    assert "hunter" not in str(diff_document(found, "a", "b"))


def test_a_lease_s_terms_and_shares_are_told_once() -> None:
    def edit(document: Document) -> None:
        document["leases"]["johor-h200"]["term"]["end"] = date(2029, 9, 30)
        document["leases"]["johor-h200"]["quantity"] = 24
        pool_of(document, JOHOR, "h200")["hosts"] = "my-h200-[01:03]"

    (lease,) = changed(edit).leases
    assert {change.field for change in lease.terms} >= {"end", "quantity", "last day for notice"}
    assert lease.shares == ((JOHOR, 16, 24),)


def test_a_lease_in_no_pool_is_told_when_it_comes_and_goes() -> None:
    def edit(document: Document) -> None:
        document["leases"]["spare"] = {**document["leases"]["johor-h200"], "quantity": 8}

    one, other = planned(), planned(edit)
    assert [(lease.lease, lease.kind) for lease in compared(one, other).leases] == [("spare", "added")]
    assert [(lease.lease, lease.kind) for lease in compared(other, one).leases] == [("spare", "removed")]


def test_money_is_told_for_fleet_and_cluster_and_unknown_is_never_zero() -> None:
    money = changed(north("h20", hosts="cn-h20-[01:03]")).money
    assert [change.subject for change in money.clusters] == [NORTH]
    assert money.fleet.difference == money.clusters[0].difference > 0
    assert money.fleet.complete

    def unpriced(document: Document) -> None:
        del document["leases"]["johor-h200"]["price"]

    money = changed(unpriced).money
    assert not money.fleet.complete
    assert money.clusters[0].after.unknown


def finding(rule: str, *, severity: Any = "warn", verdict: Any = "fail", reason: str = "so") -> Finding:
    return Finding(
        rule, date(2026, 1, 1), verdict, severity, "fleet", (), (), Location("fleet.yaml", 1), reason, "", {}, None, ""
    )


def test_findings_are_new_gone_changed_or_still_there() -> None:
    plan = planned()
    old = (finding("stays"), finding("goes"), finding("grows"), finding("passes", verdict="pass"), finding("cured"))
    new = (
        finding("stays", reason="said otherwise"),
        finding("grows", severity="stop"),
        finding("passes"),
        finding("cured", verdict="pass"),
    )
    found = compared(replace(plan, findings=old), replace(plan, findings=new)).findings
    assert [each.rule for each in found.new] == ["passes"]
    assert [each.rule for each in found.gone] == ["cured", "goes"]
    assert [(each.before.severity, each.after.severity) for each in found.changed] == [("warn", "stop")]
    assert [each.rule for each in found.same] == ["stays"]
    assert [each.rule for each in found.blocking] == ["grows"]


def test_without_a_fleet_before_everything_is_added_and_without_one_after_everything_goes() -> None:
    plan = planned()
    came, went = compared(None, plan), compared(plan, None)
    assert {cluster.kind for cluster in came.clusters} == {"added"}
    assert {cluster.kind for cluster in went.clusters} == {"removed"}
    assert {lease.kind for lease in came.leases} == {"added"}
    assert came.money.fleet.difference == -went.money.fleet.difference > 0
    with pytest.raises(ValueError, match="do not exist"):
        compared(None, None)


def sizes(seed: int) -> dict[str, int]:
    choose = random.Random(seed)
    return {pool: choose.randint(1, 9) for pool in ("ascend", "cambricon", "h20")}


def sized(hosts: dict[str, int]) -> Edit:
    short = {"ascend": "asc", "cambricon": "mlu", "h20": "h20"}
    return both(*(north(pool, hosts=f"cn-{short[pool]}-[01:{count:02}]") for pool, count in hosts.items()))


@pytest.mark.parametrize("draw", range(8))
def test_one_more_host_changes_that_host_s_entry_and_no_other(draw: int) -> None:
    hosts = sizes(draw)
    pool = random.Random(draw).choice(sorted(hosts))
    found = compared(planned(sized(hosts)), planned(sized({**hosts, pool: hosts[pool] + 1})))
    (told,) = found.pools()
    assert told.pool == pool
    assert len(told.added) == 1
    assert told.added[0].endswith(f"{hosts[pool] + 1:02}")
    assert replace(told, added=(), hosts_before=0, hosts_after=0) == PoolDiff(NORTH, pool, "changed", 0, 0)


@pytest.mark.parametrize("draw", range(8))
def test_what_is_added_one_way_is_removed_the_other_way(draw: int) -> None:
    one, other = planned(sized(sizes(draw))), planned(sized(sizes(draw + 100)))
    there = {pool.subject: pool for pool in compared(one, other).pools()}
    back = {pool.subject: pool for pool in compared(other, one).pools()}
    assert there
    assert there.keys() == back.keys()
    for subject, pool in there.items():
        assert (pool.added, pool.removed) == (back[subject].removed, back[subject].added)
        assert (pool.hosts_before, pool.hosts_after) == (back[subject].hosts_after, back[subject].hosts_before)


@pytest.mark.parametrize(
    ("before", "after", "paths"),
    [
        pytest.param({"a": {"b": 1}}, {"a": {"b": 2, "c": 3}}, ["a.b", "a.c"], id="deep"),
        pytest.param({"a": [1, 2]}, {"a": [1, 3]}, ["a[1]"], id="list-of-one-length"),
        pytest.param({"a": [1]}, {"a": [1, 3]}, ["a"], id="list-that-grew"),
        pytest.param(
            {"a": [{"name": "x", "v": 1}, {"name": "y", "v": 1}]},
            {"a": [{"name": "y", "v": 2}, {"name": "x", "v": 1}]},
            ["a[y].v"],
            id="entries-with-names-in-another-order",
        ),
        pytest.param({"a": None}, {}, ["a"], id="none-is-not-absent"),
        pytest.param({"a": 1}, {"a": True}, ["a"], id="one-is-not-true"),
        pytest.param({"a": {"secret": "x"}}, {"a": {"secret": "y"}}, ["a"], id="secrets-by-name"),
        pytest.param({"a": (1, 2)}, {"a": [1, 2]}, [], id="a-tuple-is-a-list"),
        pytest.param({"a": 8}, {"a": 8.0}, ["a"], id="as-fingerprints-take-it"),
    ],
)
def test_fields_are_compared_by_path(before: dict[str, Any], after: dict[str, Any], paths: list[str]) -> None:
    assert [change.field for change in changes(before, after)] == paths


@pytest.mark.parametrize(
    ("minutes", "text"), [(0, "0 min"), (59.6, "1 h"), (80, "1 h 20 min"), (1440, "1 d"), (1510, "1 d 1 h")]
)
def test_time_is_told_in_words(minutes: float, text: str) -> None:
    assert span(minutes) == text
