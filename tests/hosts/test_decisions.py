"""What a rollout decides: who is touched, in which waves, and how each host ends. On a pool in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from causeway.cluster.model import RolloutMark
from causeway.errors import Permanent
from causeway.hosts.model import HostSpec
from causeway.hosts.states import told
from tests.hosts.world import (
    EXPECTED,
    NEW,
    OLD,
    POOL,
    RESOURCE,
    FakeHost,
    World,
    go,
    node,
    pool,
    serving,
    spec_of,
    stamp,
)

NAMES = [f"h{number:02d}" for number in range(1, 13)]


def twelve() -> World:
    return World({name: serving(name) for name in NAMES})


def world(count: int) -> World:
    return World({name: serving(name) for name in NAMES[:count]})


def untouched(made: World, *names: str) -> bool:
    return all(made.hosts[name].runs == 0 for name in names)


def test_waves_begin_with_a_canary_double_and_never_take_more_than_allowed(tmp_path: Path) -> None:
    made = twelve()
    outcome = go(made, pool(made, max_unavailable=3, canary=1), tmp_path)
    assert [len(wave) for wave in made.waves] == [1, 2, 3, 3, 3]
    assert made.most_out == 3
    assert set(outcome.states.values()) == {NEW}
    assert made.out() == set()


def test_a_wave_takes_from_every_rack(tmp_path: Path) -> None:
    made = world(6)
    hosts = tuple(
        HostSpec(name, NEW, {"causeway__driver_role": "x"}, rack=rack)
        for name, rack in zip(made.hosts, "AAABBB", strict=True)
    )
    go(made, spec_of(hosts, max_unavailable=2, canary=0, failure_domain="rack"), tmp_path)
    racks = {host.name: host.rack for host in hosts}
    assert [{racks[name] for name in wave} for wave in made.waves] == [{"A", "B"}] * 3


def test_hosts_that_are_right_are_left_alone_whatever_the_state_said(tmp_path: Path) -> None:
    made = World({"h01": serving("h01", NEW), "h02": serving("h02", OLD)})
    outcome = go(made, pool(made), tmp_path, before={})
    assert made.hosts["h01"].runs == 0
    assert made.hosts["h02"].runs == 1
    assert outcome.states == {"h01": NEW, "h02": NEW}


def test_only_named_hosts_are_looked_at(tmp_path: Path) -> None:
    made = world(3)
    outcome = go(made, pool(made), tmp_path, names=["h02"])
    assert untouched(made, "h01", "h03")
    assert outcome.states == {"h01": OLD, "h02": NEW, "h03": OLD}


def test_hosts_on_which_nothing_runs_need_no_window_no_cordon_and_no_wave(tmp_path: Path) -> None:
    made = World({name: FakeHost(None, node(name, allocatable={RESOURCE: 0})) for name in NAMES})
    closed = {"hours": "02:00-03:00"}
    outcome = go(made, pool(made, max_unavailable=1, window=closed), tmp_path, before={})
    assert made.waves == [tuple(NAMES)]
    assert made.most_out == 0
    assert set(outcome.states.values()) == {NEW}


def test_a_host_without_a_stamp_that_has_pods_is_in_service(tmp_path: Path) -> None:
    made = World({"h01": FakeHost(None, node("h01", allocatable={}), {"doubao": 1}, code_changes="reboot")})
    go(made, pool(made), tmp_path, before={})
    assert made.most_out == 1


def test_a_serving_host_without_a_stamp_that_is_right_already_is_adopted_in_service(tmp_path: Path) -> None:
    made = World({"h01": FakeHost(None, node("h01"), {"doubao": 1})})
    outcome = go(made, pool(made, max_unavailable=1, window={"hours": "02:00-03:00"}), tmp_path, before={})
    assert (made.most_out, made.hosts["h01"].pods) == (0, {"doubao": 1})
    assert outcome.states == {"h01": NEW}


def test_changed_code_that_changes_nothing_stamps_hosts_anew_in_service(tmp_path: Path) -> None:
    made = twelve()
    outcome = go(made, pool(made, "ok old c2", max_unavailable=1, window={"hours": "02:00-03:00"}), tmp_path)
    assert made.most_out == 0
    assert set(outcome.states.values()) == {"ok old c2"}


def test_changed_code_drains_only_hosts_for_which_a_disruptive_task_is_predicted(tmp_path: Path) -> None:
    made = world(4)
    made.hosts["h03"].code_changes = "reboot"
    made.hosts["h02"].code_changes = "restart"
    go(made, pool(made, "ok old c2"), tmp_path)
    assert [step.host for step in made.steps if "cordoned" in step.text] == ["h03"]
    assert made.hosts["h02"].pods == {"doubao": 1}


def test_a_change_that_disturbs_nothing_cordons_nobody(tmp_path: Path) -> None:
    made = world(4)
    go(made, pool(made, disruption="none", max_unavailable=1), tmp_path)
    assert made.most_out == 0
    assert [len(wave) for wave in made.waves] == [1, 2, 1]


def test_one_failure_beyond_the_budget_stops_the_pool_and_the_rest_stays_pending(tmp_path: Path) -> None:
    made = twelve()
    made.hosts["h01"].fault = "fail"
    outcome = go(made, pool(made, max_unavailable=3), tmp_path)
    assert outcome.over_budget
    assert outcome.stopped == "failure budget spent: h01 failed, and none may"
    assert outcome.states["h01"] == "failed installer-failed: it said no"
    assert {outcome.states[name] for name in NAMES[1:]} == {f"pending; was {OLD}, needs reboot"}
    assert made.out() == {"h01"}


def test_failures_within_the_budget_let_the_others_go_on_with_the_failed_host_counted_out(tmp_path: Path) -> None:
    made = twelve()
    made.hosts["h02"].fault = "fail"
    outcome = go(made, pool(made, max_unavailable=3, failure_budget=1), tmp_path)
    assert not outcome.over_budget
    assert outcome.stopped == ""
    assert made.most_out == 3
    assert [name for name, state in outcome.states.items() if state != NEW] == ["h02"]


def test_after_a_failed_host_the_waves_do_not_grow(tmp_path: Path) -> None:
    made = twelve()
    made.hosts["h01"].fault = "fail"
    go(made, pool(made, max_unavailable=4, failure_budget=1), tmp_path)
    assert [len(wave) for wave in made.waves][:3] == [1, 1, 2]


@pytest.mark.parametrize(("way", "budget", "counted"), [("stop", 0, True), ("skip", 0, False), ("stop", 1, False)])
def test_an_unreachable_host_counts_or_is_passed_over_as_declared(
    tmp_path: Path, way: str, budget: int, *, counted: bool
) -> None:
    made = world(4)
    made.hosts["h02"].reachable = False
    outcome = go(made, pool(made, on_unreachable=way, failure_budget=budget), tmp_path)
    assert outcome.over_budget is counted
    assert told(outcome.states["h02"]) == "unreachable: off"
    assert told(outcome.states["h03"]) == ("pending" if counted else NEW)


def test_a_host_that_dies_while_it_is_worked_on_counts_even_where_unreachable_hosts_are_skipped(tmp_path: Path) -> None:
    made = world(4)
    made.hosts["h01"].fault = "die"
    outcome = go(made, pool(made, on_unreachable="skip"), tmp_path)
    assert outcome.over_budget
    assert outcome.states["h01"].startswith("unreachable: lost in Drivers")


def test_outside_the_window_hosts_in_service_wait_for_the_next_one(tmp_path: Path) -> None:
    made = world(2)  # 20:00 in Shanghai
    outcome = go(made, pool(made, window={"hours": "22:00-06:00"}), tmp_path)
    assert untouched(made, "h01", "h02")
    assert {told(state) for state in outcome.states.values()} == {
        "deferred until 2026-11-22 22:00 Asia/Shanghai: outside the window 22:00-06:00"
    }
    assert not outcome.over_budget
    assert made.slept == 0


def test_no_wave_begins_when_the_window_ends_before_it_could(tmp_path: Path) -> None:
    made = world(2)
    made.now = datetime(2026, 11, 22, 21, 50, tzinfo=UTC)  # 05:50 in Shanghai
    outcome = go(made, pool(made, window={"hours": "22:00-06:00"}), tmp_path)
    assert {told(state) for state in outcome.states.values()} == {
        "deferred until 2026-11-23 22:00 Asia/Shanghai: the window ends at 06:00, before a wave could"
    }


def test_hosts_that_were_emptied_when_the_window_closed_go_back_into_service(tmp_path: Path) -> None:
    made = world(1)
    made.now = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
    made.task_minutes = 300
    outcome = go(made, pool(made, window={"hours": "22:00-06:00"}), tmp_path)
    assert outcome.states["h01"].startswith(
        "deferred until 2026-11-23 22:00 Asia/Shanghai: the window 22:00-06:00 ended"
    )
    assert made.out() == set()
    assert untouched(made, "h01")


def test_the_canary_is_watched_before_the_second_wave_and_only_once(tmp_path: Path) -> None:
    made = world(4)
    go(made, pool(made, soak="30m", max_unavailable=2), tmp_path)
    assert made.slept == 30 * 60
    assert [len(wave) for wave in made.waves] == [1, 2, 1]


def test_a_rollout_that_goes_on_later_does_not_repeat_its_canary(tmp_path: Path) -> None:
    made = world(4)
    spec = pool(made, soak="30m", max_unavailable=2, window={"hours": "22:00-22:30"})
    made.now = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)  # 22:00 in Shanghai
    first = go(made, spec, tmp_path)
    assert [len(wave) for wave in made.waves] == [1]
    assert made.slept == 0, "a canary that would be watched beyond the window is watched by the next run"
    assert first.states["h02"].startswith("deferred until 2026-11-23 22:00")
    made.now += timedelta(days=1)
    second = go(made, spec, tmp_path, before=first.states)
    assert [len(wave) for wave in made.waves] == [1, 2, 1]
    assert made.slept == 0
    assert set(second.states.values()) == {NEW}


def test_hosts_that_are_out_already_take_room_whoever_took_them_out(tmp_path: Path) -> None:
    made = twelve()
    for name, state in (("h11", {"schedulable": False}), ("h12", {"ready": False})):
        made.hosts[name].node = node(name, **state)
    outcome = go(made, pool(made, max_unavailable=3), tmp_path, names=NAMES[:10])
    assert made.most_out == 3
    assert [len(wave) for wave in made.waves] == [1] * 10
    assert {outcome.states[name] for name in NAMES[:10]} == {NEW}


def test_without_room_hosts_are_deferred_with_the_numbers(tmp_path: Path) -> None:
    made = world(4)
    made.hosts["h04"].node = node("h04", schedulable=False)
    outcome = go(made, pool(made, max_unavailable=1), tmp_path, names=["h01", "h02"])
    assert told(outcome.states["h01"]) == (
        "deferred until the next run: 1 of 4 hosts are out of service, and max_unavailable allows 1"
    )


def test_a_host_that_somebody_else_cordoned_stays_cordoned_afterwards(tmp_path: Path) -> None:
    made = world(2)
    made.hosts["h01"].node = node("h01", schedulable=False)
    outcome = go(made, pool(made, max_unavailable=1), tmp_path)
    assert {name: told(state) for name, state in outcome.states.items()} == {
        "h01": NEW,
        "h02": "deferred until the next run: 1 of 2 hosts are out of service, and max_unavailable allows 1",
    }
    assert made.out() == {"h01"}


def test_a_host_that_failed_before_is_mended_first_though_no_room_is_left(tmp_path: Path) -> None:
    made = world(3)
    made.hosts["h03"].fault = "fail"
    spec = pool(made, max_unavailable=1, canary=1)
    first = go(made, spec, tmp_path, names=["h03"])
    made.hosts["h03"].fault = ""
    second = go(made, spec, tmp_path, before=first.states)
    assert made.waves[1] == ("h03",)
    assert set(second.states.values()) == {NEW}
    assert made.most_out == 1


def test_a_node_that_a_killed_run_left_cordoned_is_restored_when_its_stamp_is_right(tmp_path: Path) -> None:
    made = world(2)
    mark = RolloutMark("r0", "verified", "2026-11-01T00:00:00+00:00", cordoned=True)
    left = node("h01", schedulable=False, operands=False, mark=mark, allocatable={RESOURCE: 0})
    made.hosts["h01"] = FakeHost(stamp(NEW, "h01"), left)
    outcome = go(made, pool(made), tmp_path, names=["h01"])
    assert untouched(made, "h01")
    assert outcome.states["h01"] == NEW
    assert made.out() == set()


def test_a_host_that_joins_gets_its_pool_and_its_operands_on_its_node(tmp_path: Path) -> None:
    made = world(1)
    plain = node("h01", operands=False, pool=None, allocatable={RESOURCE: 0}, plugin_expected=False)
    made.hosts["h01"] = FakeHost(None, plain)
    outcome = go(made, pool(made), tmp_path, names=["h01"])
    assert outcome.states["h01"] == NEW
    after = made.hosts["h01"].node
    assert after is not None
    assert (after.pool, after.operands, after.schedulable, after.mark) == (POOL, True, True, None)


def test_pods_that_a_budget_keeps_defer_their_host_and_leave_it_in_service(tmp_path: Path) -> None:
    made = world(3)
    made.hosts["h02"].stuck = True
    outcome = go(made, pool(made, max_unavailable=1), tmp_path)
    assert told(outcome.states["h02"]) == (
        "deferred until the next run: pod doubao/p (the budget doubao allows no disruption) did not leave within 10 min"
    )
    assert made.out() == set()
    assert untouched(made, "h02")
    assert outcome.states["h03"] == NEW


def test_a_workload_that_refuses_drains_defers_only_the_hosts_it_runs_on(tmp_path: Path) -> None:
    made = world(3)
    made.hosts["h02"].pods = {"jimeng": 2}
    outcome = go(made, pool(made, on_drain={"jimeng": "refuse", "doubao": "wait_for_end"}), tmp_path)
    assert outcome.states["h02"].startswith("deferred until the next run: jimeng runs on it and refuses")
    assert outcome.states["h01"] == outcome.states["h03"] == NEW


def test_when_nobody_can_tell_what_refuses_no_host_is_drained(tmp_path: Path) -> None:
    made = world(2)
    spec = pool(made, on_drain={"jimeng": "refuse"})
    # the first call reads the nodes, the second is the probe, the third reads the nodes again: then the cluster is gone
    made.api_down_from_call = 4
    outcome = go(made, spec, tmp_path)
    assert all(state.startswith("deferred until the next run: ") for state in outcome.states.values())
    assert untouched(made, "h01", "h02")
    assert made.out() == set()


def test_a_host_that_another_run_holds_is_deferred_and_goes_back_into_service(tmp_path: Path) -> None:
    made = world(2)
    made.hosts["h01"].fault = "locked"
    outcome = go(made, pool(made), tmp_path)
    assert told(outcome.states["h01"]) == "deferred until the next run: another run holds it"
    assert made.out() == set()
    assert not outcome.over_budget


def test_while_the_cluster_is_away_hosts_in_service_are_deferred_after_a_bounded_wait(tmp_path: Path) -> None:
    made = world(2)
    made.api_down_until_call = 10_000
    outcome = go(made, pool(made), tmp_path)
    assert untouched(made, "h01", "h02")
    assert made.slept < 120
    assert all("the cluster's API is away: connection refused" in state for state in outcome.states.values())


def test_a_cluster_that_comes_back_in_time_is_waited_for(tmp_path: Path) -> None:
    made = world(2)
    made.api_down_until_call = 3
    assert set(go(made, pool(made), tmp_path).states.values()) == {NEW}


def test_cancelled_between_waves_the_rest_stays_pending_and_nobody_is_left_cordoned(tmp_path: Path) -> None:
    made = world(4)
    spec = pool(made, max_unavailable=1)
    calls = World({name: serving(name) for name in NAMES[:4]})
    go(calls, spec, tmp_path / "whole")
    for at in range(1, calls.calls):
        made = world(4)
        made.cancel_at = at
        outcome = go(made, spec, tmp_path / str(at))
        assert outcome.stopped == "cancelled"
        assert not outcome.over_budget
        interrupted = {name for name, state in outcome.states.items() if state.startswith("failed interrupted")}
        assert made.out() <= interrupted, at
        made.cancel_at = 0
        again = go(made, spec, tmp_path / str(at), before=outcome.states)
        assert set(again.states.values()) == {NEW}
        assert made.out() == set()


def test_declared_out_of_service_hosts_are_not_touched_and_take_room(tmp_path: Path) -> None:
    made = world(4)
    hosts = tuple(replace(host, desired="out_of_service") if host.name == "h01" else host for host in pool(made).hosts)
    outcome = go(made, spec_of(hosts, max_unavailable=2), tmp_path)
    assert untouched(made, "h01")
    assert [len(wave) for wave in made.waves] == [1, 1, 1]
    assert outcome.states["h01"] == "out_of_service"


def test_a_drifted_host_is_run_again_although_its_stamp_says_that_it_is_right(tmp_path: Path) -> None:
    made = World({"h01": serving("h01", NEW)})
    made.hosts["h01"].code_changes = "drain"
    outcome = go(made, pool(made), tmp_path, before={"h01": "drifted: driver 1 is loaded"})
    assert made.hosts["h01"].runs == 1
    assert outcome.states["h01"] == NEW


def test_a_copied_disk_with_another_hosts_stamp_proves_nothing(tmp_path: Path) -> None:
    made = World({"h01": FakeHost(stamp(NEW, "h99"), node("h01", allocatable={RESOURCE: EXPECTED}))})
    go(made, pool(made), tmp_path, before={})
    assert made.hosts["h01"].runs == 1


def test_a_secret_without_a_value_is_told_before_any_host_is_touched(tmp_path: Path) -> None:
    made = world(1)
    hosts = (HostSpec("h01", NEW, {"chip_driver__token": {"secret": "token"}}),)
    with pytest.raises(Permanent, match="token has no value"):
        go(made, spec_of(hosts), tmp_path)
    assert made.calls == 0
