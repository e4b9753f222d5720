"""What one run leaves for the next: half-changed hosts, canaries, marks on nodes. On a pool in memory."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest

from causeway.cluster.model import RolloutMark
from causeway.hosts.drift import look
from causeway.hosts.model import Bundle, PoolSpec, RunEnd, Surroundings, TaskEvent
from causeway.hosts.states import told
from tests.hosts.world import (
    NEW,
    OLD,
    RESOURCE,
    FakeHost,
    FakeNodes,
    FakeTransport,
    Killed,
    World,
    go,
    node,
    pool,
    serving,
    stamp,
)

SINCE = "2026-11-01T00:00:00+00:00"
CLOSED = {"hours": "02:00-03:00"}


def world(count: int) -> World:
    return World({f"h{number:02d}": serving(f"h{number:02d}") for number in range(1, count + 1)})


def marked(name: str, phase: str, **more: object) -> FakeHost:
    """A host whose node a run that was killed has left cordoned."""
    mark = RolloutMark("r0", phase, SINCE, cordoned=True)
    return FakeHost(stamp(OLD, name), node(name, **{"schedulable": False, "mark": mark, **more}), {"doubao": 1})


def half_changed(tmp_path: Path) -> tuple[World, PoolSpec, dict[str, str]]:
    """A pool of two whose first host failed while its driver was exchanged."""
    made = world(2)
    made.hosts["h01"].fault = "fail"
    spec = pool(made, max_unavailable=1)
    states = dict(go(made, spec, tmp_path).states)
    assert made.out() == {"h01"}
    return made, spec, states


def test_a_half_changed_host_does_not_serve_when_the_next_run_ends_before_it_changes_anything(tmp_path: Path) -> None:
    made, spec, states = half_changed(tmp_path)
    made.hosts["h01"].fault = "locked"
    outcome = go(made, spec, tmp_path, before=states)
    assert made.out() == {"h01"}
    assert outcome.states["h01"].startswith("deferred until the next run")
    assert "; its node stays cordoned; failed installer-failed: " in outcome.states["h01"]


def test_a_half_changed_host_does_not_serve_wherever_the_next_run_is_cancelled(tmp_path: Path) -> None:
    made, spec, states = half_changed(tmp_path)
    made.hosts["h01"].fault = ""
    struck = 0
    for call in range(1, 40):
        again = deepcopy(made)
        again.cancel_at = made.calls + call
        go(again, spec, tmp_path / str(call), before=states)
        host = again.hosts["h01"]
        assert host.node is not None
        assert host.stamp is not None
        if host.stamp["phase"] != "verified":
            struck += 1
            assert not host.node.schedulable, f"cancelled at call {call}"
    assert struck > 10


def test_a_host_that_was_quiesced_and_not_changed_serves_with_its_services(tmp_path: Path) -> None:
    made = world(1)
    made.hosts["h01"].fault = "locked"
    go(made, pool(made), tmp_path)
    assert made.out() == set()
    assert not made.hosts["h01"].asleep
    assert "quiesce.yml" in made.played
    assert made.played[-1] == "wake.yml"


def test_a_host_that_a_killed_run_had_quiesced_serves_with_its_services(tmp_path: Path) -> None:
    made = World({"h01": marked("h01", "drained", operands=False, allocatable={RESOURCE: 0})})
    made.hosts["h01"].asleep = True
    go(made, pool(made, OLD), tmp_path)
    assert made.out() == set()
    assert (made.hosts["h01"].asleep, made.hosts["h01"].runs) == (False, 0)


def test_a_host_that_a_killed_run_had_quiesced_never_serves_asleep_wherever_the_next_run_is_cancelled(
    tmp_path: Path,
) -> None:
    served = 0
    for call in range(1, 30):
        made = World(
            {"h01": marked("h01", "drained", operands=False, allocatable={RESOURCE: 0}), "h02": serving("h02")}
        )
        made.hosts["h01"].asleep = True
        made.cancel_at = call
        go(made, pool(made), tmp_path / str(call))
        host = made.hosts["h01"]
        assert host.node is not None
        if host.node.schedulable:
            served += 1
            assert not host.asleep, f"cancelled at call {call}"
    assert served > 5


def test_a_host_whose_services_cannot_be_started_again_does_not_serve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = World({"h01": marked("h01", "drained", operands=False, allocatable={RESOURCE: 0})})
    made.hosts["h01"].asleep = made.hosts["h01"].stuck = True
    plain = FakeTransport.run

    def run(
        self: FakeTransport, bundle: Bundle, on_event: Callable[[TaskEvent], None], cancelled: Callable[[], bool]
    ) -> RunEnd:
        if bundle.playbook == "wake.yml":
            return RunEnd("failed", {"h01": "service-failed: it said no"}, {}, {})
        return plain(self, bundle, on_event, cancelled)

    monkeypatch.setattr(FakeTransport, "run", run)
    outcome = go(made, pool(made), tmp_path)
    assert made.out() == {"h01"}
    assert told(outcome.states["h01"]).endswith("its node stays cordoned until then")


def test_a_host_whose_run_ended_before_its_first_change_serves_on_when_a_later_drain_is_refused(tmp_path: Path) -> None:
    made = world(1)
    made.hosts["h01"].stamp = stamp("", "h01", "applying")
    made.hosts["h01"].stuck = True
    outcome = go(made, pool(made), tmp_path)
    assert made.out() == set()
    assert told(outcome.states["h01"]).endswith("did not leave within 10 min")


def test_a_host_that_failed_although_its_stamp_is_right_is_proved_anew_in_service(tmp_path: Path) -> None:
    made = world(1)
    made.hosts["h01"].fault = "fail"
    states = {"h01": "failed device-unhealthy: one is off the bus"}
    states = dict(go(made, pool(made, OLD), tmp_path, before=states).states)
    assert states == {"h01": "failed installer-failed: it said no"}
    assert (made.out(), made.hosts["h01"].pods) == (set(), {"doubao": 1})
    made.hosts["h01"].fault = ""
    assert go(made, pool(made, OLD), tmp_path, before=states).states == {"h01": OLD}
    assert (made.most_out, made.hosts["h01"].pods) == (0, {"doubao": 1})


def unstamped(count: int) -> World:
    """Hosts that serve and that Causeway has not worked on yet; their drivers would be exchanged."""
    made = world(count)
    for host in made.hosts.values():
        host.stamp, host.code_changes = None, "reboot"
    return made


def test_an_unstamped_host_that_a_killed_run_had_only_cordoned_waits_for_its_turn_in_service(tmp_path: Path) -> None:
    struck = 0
    for call in range(1, 20):
        made = unstamped(4)
        made.kill_at = call
        try:
            go(made, pool(made, max_unavailable=1), tmp_path / str(call), {})
        except Killed:
            host = made.hosts["h01"]
            assert host.node is not None
            if host.node.mark is None or not host.pods:
                continue
        else:
            break
        struck += 1
        made.kill_at = 0
        spec = pool(made, max_unavailable=1, window=CLOSED, on_drain={"doubao": "refuse"})
        outcome = go(made, spec, tmp_path / str(call), {})
        assert made.waves == []
        assert made.out() == set()
        assert all(state.startswith("deferred until") for state in outcome.states.values())
    assert struck


def test_an_unstamped_host_whose_drain_is_refused_goes_on_serving(tmp_path: Path) -> None:
    made = unstamped(2)
    made.hosts["h01"].node = marked("h01", "cordoned").node
    made.hosts["h01"].stuck = True
    go(made, pool(made, max_unavailable=1), tmp_path, {})
    assert made.out() == set()


def test_a_node_that_was_drained_keeps_that_in_its_mark_while_it_is_emptied_again(tmp_path: Path) -> None:
    for call in range(1, 12):
        made = World({"h01": marked("h01", "drained")})
        made.hosts["h01"].stamp = stamp("", "h01", "applying")
        made.kill_at = call
        with contextlib.suppress(Killed):
            go(made, pool(made), tmp_path / str(call))
        host = made.hosts["h01"]
        assert host.node is not None
        assert host.node.mark is None or host.node.mark.phase != "cordoned"


def lose_devices(made: World, name: str) -> Callable[[float], None]:
    """The clock, with a host that loses devices after ten minutes of it."""
    plain = made.sleep

    def sleep(seconds: float) -> None:
        plain(seconds)
        found = made.hosts[name].node
        assert found is not None
        if made.slept > 600:
            made.hosts[name].node = replace(found, allocatable={RESOURCE: 5})

    return sleep


@pytest.mark.parametrize("budget", [0, 2])
def test_a_canary_that_does_not_stay_well_stops_this_run_and_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, budget: int
) -> None:
    made = world(4)
    spec = pool(made, max_unavailable=2, soak="30m", failure_budget=budget)
    monkeypatch.setattr(made, "sleep", lose_devices(made, "h01"))
    first = go(made, spec, tmp_path)
    assert first.states["h01"] == f"failed canary-unwell: after 0:30:00 its node offers 5 of 8 {RESOURCE}"
    assert [made.hosts[name].runs for name in sorted(made.hosts)] == [1, 0, 0, 0]
    second = go(made, spec, tmp_path, before=first.states)
    assert [made.hosts[name].runs for name in sorted(made.hosts)] == [1, 0, 0, 0]
    assert told(second.states["h02"]) == "deferred until the next run: the canary is not well: h01"


def test_a_canary_that_was_changed_before_its_run_was_killed_is_looked_at_by_the_next(tmp_path: Path) -> None:
    made = world(4)
    spec = pool(made, max_unavailable=2, soak="30m", window={"hours": "19:55-20:15"}, failure_budget=4)
    go(made, spec, tmp_path)  # 20:00 in Shanghai: the canary is done, and watched beyond the window's end
    assert [made.hosts[name].runs for name in sorted(made.hosts)] == [1, 0, 0, 0]
    found = made.hosts["h01"].node
    assert found is not None
    made.hosts["h01"].node = replace(found, allocatable={RESOURCE: 5})
    made.sleep(24 * 3600)
    second = go(made, spec, tmp_path)
    assert second.states["h01"].startswith("failed canary-unwell")
    assert [made.hosts[name].runs for name in sorted(made.hosts)] == [1, 0, 0, 0]


def test_a_host_that_dies_after_its_wave_is_no_canary_of_the_next_run(tmp_path: Path) -> None:
    made = world(8)
    spec = pool(made, max_unavailable=4, soak="10m", failure_budget=3, window={"hours": "19:55-20:45"})
    made.task_minutes = 10
    states = dict(go(made, spec, tmp_path).states)
    changed = [name for name, host in made.hosts.items() if host.runs]
    assert 1 < len(changed) < 8
    died = made.hosts[changed[-1]]
    assert died.node is not None
    died.node, died.reachable = replace(died.node, ready=False), False
    made.task_minutes = 0
    made.sleep((made.now.replace(hour=12, minute=0) - made.now).total_seconds() + 24 * 3600)
    waiting = [name for name, state in states.items() if state != NEW]
    outcome = go(made, spec, tmp_path, before=states, names=waiting)
    assert {outcome.states[name] for name in waiting} == {NEW}


def test_hosts_that_leave_service_while_the_canary_is_watched_take_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = world(12)
    plain = made.sleep

    def sleep(seconds: float) -> None:
        plain(seconds)
        for name in ("h09", "h10", "h11") if made.slept > 300 else ():
            host = made.hosts[name]
            host.node = node(name, schedulable=False)

    monkeypatch.setattr(made, "sleep", sleep)
    outcome = go(made, pool(made, max_unavailable=3, soak="10m"), tmp_path)
    assert made.most_out == 3
    assert outcome.states["h02"].startswith("deferred until the next run: 3 of 12 hosts are out of service")


def test_a_canary_that_nobody_can_look_at_ends_the_rollout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = world(4)
    plain = made.sleep

    def sleep(seconds: float) -> None:
        plain(seconds)
        made.api_down_from_call = 1

    monkeypatch.setattr(made, "sleep", sleep)
    outcome = go(made, pool(made, max_unavailable=3, soak="10m", disruption="restart"), tmp_path)
    assert [name for name, host in made.hosts.items() if host.runs] == ["h01"]
    assert (
        told(outcome.states["h02"]) == "deferred until the next run: nobody can look at the canary: connection refused"
    )


def test_a_pool_that_returns_to_an_earlier_target_begins_with_its_canary_again(tmp_path: Path) -> None:
    made = world(6)
    for target, before in ((NEW, OLD), (OLD, NEW), (NEW, OLD)):
        made.waves.clear()
        slept = made.slept
        known = dict.fromkeys(made.hosts, before)
        go(made, pool(made, target, max_unavailable=4, soak="30m"), tmp_path, before=known)
        assert [len(wave) for wave in made.waves] == [1, 2, 3]
        assert made.slept - slept >= 1800


def test_a_canary_whose_drain_was_refused_leaves_the_next_host_to_be_the_canary(tmp_path: Path) -> None:
    made = world(4)
    made.hosts["h01"].stuck = True
    go(made, pool(made, max_unavailable=3, soak="10m"), tmp_path)
    assert made.waves == [("h02",), ("h03", "h04")]
    assert made.slept >= 600


def test_a_canary_that_failed_in_part_is_watched_from_the_wave_that_made_it_whole(tmp_path: Path) -> None:
    made = world(6)
    made.hosts["h01"].fault = "fail"
    made.task_minutes = 20
    go(made, pool(made, canary=2, max_unavailable=4, soak="30m", failure_budget=1), tmp_path)
    assert made.waves == [("h01", "h02"), ("h03", "h04"), ("h05", "h06")]
    assert made.slept >= 1800


def test_a_repair_is_no_canary(tmp_path: Path) -> None:
    made = world(4)
    made.hosts["h04"] = FakeHost(stamp("", "h04", "applying"), node("h04", ready=False))
    made.hosts["h04"].node = marked("h04", "drained").node
    made.task_minutes = 20
    go(made, pool(made, max_unavailable=3, soak="15m"), tmp_path)
    assert made.waves == [("h04",), ("h01",), ("h02", "h03")]
    assert made.slept >= 900


def test_a_node_that_was_only_cordoned_waits_for_its_window_in_service(tmp_path: Path) -> None:
    made = World({name: marked(name, "cordoned") for name in ("h01", "h02", "h03")})
    outcome = go(made, pool(made, max_unavailable=1, window=CLOSED), tmp_path)
    assert all(state.startswith("deferred until 2026-11-23 02:00") for state in outcome.states.values())
    assert made.waves == []
    assert made.out() == set()
    assert all(host.pods == {"doubao": 1} for host in made.hosts.values())


def test_nodes_that_somebody_uncordoned_meanwhile_go_in_waves(tmp_path: Path) -> None:
    made = World({name: marked(name, "drained", schedulable=True) for name in ("h01", "h02", "h03")})
    go(made, pool(made, max_unavailable=1), tmp_path)
    assert [len(wave) for wave in made.waves] == [1, 1, 1]
    assert made.most_out == 1


def test_verified_hosts_that_their_cluster_does_not_know_are_left_alone(tmp_path: Path) -> None:
    made = World({f"h{n}": FakeHost(stamp(OLD, f"h{n}"), None) for n in range(1, 8)})
    outcome = go(made, pool(made), tmp_path)
    assert made.waves == []
    (told,) = set(outcome.states.values())
    assert told.startswith(
        "deferred until the next run: it has to be emptied, and its cluster has no node of this name"
    )


def test_hosts_that_their_cluster_does_not_know_hold_up_no_others(tmp_path: Path) -> None:
    made = world(6)
    made.hosts["h02"].node = None
    outcome = go(made, pool(made, max_unavailable=2), tmp_path)
    assert [name for name, host in made.hosts.items() if host.runs] == ["h01", "h03", "h04", "h05", "h06"]
    assert outcome.states["h02"].startswith("deferred until the next run")


def test_a_look_finds_a_node_that_a_killed_run_has_left_cordoned(tmp_path: Path) -> None:
    made = World({"h01": marked("h01", "drained"), "h02": serving("h02")})
    around = Surroundings(
        transport=FakeTransport(made),
        nodes=FakeNodes(made),
        now=lambda: made.now,
        sleep=made.sleep,
        cancelled=made.cancelled,
        observer=made.steps.append,
        home=tmp_path,
    )
    known = dict.fromkeys(made.hosts, OLD)
    found = look(pool(made, OLD), known, list(made.hosts), around, "facts")
    assert found == {"h01": "drifted: a run that did not end has left its node out of service", "h02": OLD}
    outcome = go(made, pool(made, OLD), tmp_path, before=found)
    assert (made.out(), outcome.states) == (set(), known)
