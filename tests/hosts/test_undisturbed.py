"""Hosts that serve are not emptied where the change does not ask for it, whatever came between. In memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from causeway.hosts.model import Bundle, RunEnd, TaskEvent
from tests.hosts.test_between_runs import marked, world
from tests.hosts.world import NEW, OLD, FakeTransport, World, go, node, pool, serving

CODE = "ok old c2"
Cancelled = Callable[[], bool]


def undisturbed(made: World) -> bool:
    return made.most_out == 0 and "quiesce.yml" not in made.played and all(host.pods for host in made.hosts.values())


@pytest.mark.parametrize("later", ["none", "restart"])
def test_a_small_change_stays_small_when_it_was_deferred(tmp_path: Path, later: str) -> None:
    made = world(4)
    closed = pool(made, NEW, disruption="restart", window={"hours": "02:00-03:00"})
    states = dict.fromkeys(made.hosts, OLD)
    for _ in range(2):
        states = dict(go(made, closed, tmp_path, states).states)
        assert all(
            state.endswith(f"outside the window 02:00-03:00; was {OLD}, needs restart") for state in states.values()
        )
    states = dict(go(made, pool(made, NEW, disruption=later), tmp_path, states).states)
    assert set(states.values()) == {NEW}
    assert undisturbed(made)


def test_a_deferred_change_that_has_grown_empties_hosts(tmp_path: Path) -> None:
    made = world(2)
    closed = pool(made, NEW, disruption="restart", window={"hours": "02:00-03:00"})
    states = dict(go(made, closed, tmp_path).states)
    states = dict(go(made, pool(made, "ok newer c1", disruption="drain"), tmp_path, states).states)
    assert set(states.values()) == {"ok newer c1"}
    assert made.most_out == 1


@pytest.mark.parametrize("call", range(1, 5))
def test_a_small_change_stays_small_when_the_run_before_was_cancelled(tmp_path: Path, call: int) -> None:
    made = world(4)
    made.cancel_at = call
    states = dict(go(made, pool(made, NEW, disruption="restart"), tmp_path).states)
    made.cancel_at = 0
    assert set(states.values()) == {f"pending; was {OLD}, needs restart"}
    assert set(go(made, pool(made, NEW, disruption="none"), tmp_path, states).states.values()) == {NEW}
    assert undisturbed(made)


def test_a_small_change_stays_small_for_hosts_that_the_failure_budget_kept_from_their_turn(tmp_path: Path) -> None:
    made = world(3)
    made.hosts["h01"].fault = "fail"
    states = dict(go(made, pool(made, NEW, disruption="restart"), tmp_path).states)
    assert states["h02"] == states["h03"] == f"pending; was {OLD}, needs restart"
    made.hosts["h01"].fault = ""
    assert go(made, pool(made, NEW, disruption="none"), tmp_path, states, ["h02", "h03"]).states["h03"] == NEW
    assert undisturbed(made)


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (RunEnd("broken", {}, {}, {}, "its process was killed"), "deferred until the next run: nobody can tell what"),
        (RunEnd("failed", {}, {"h01": "timed out", "h02": "timed out"}, {}), "unreachable: lost in "),
    ],
)
def test_hosts_on_which_check_mode_did_not_come_off_serve_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: RunEnd, expected: str
) -> None:
    made, plain = world(2), FakeTransport.run

    def run(self: FakeTransport, bundle: Bundle, on_event: Callable[[TaskEvent], None], cancelled: Cancelled) -> RunEnd:
        if bundle.check:
            on_event(TaskEvent("h01", "Drivers", "t", "ok", ""))
            return end
        return plain(self, bundle, on_event, cancelled)

    with monkeypatch.context() as patch:
        patch.setattr(FakeTransport, "run", run)
        states = dict(go(made, pool(made, CODE, failure_budget=2), tmp_path).states)
    assert all(state.startswith(expected) for state in states.values())
    assert undisturbed(made)
    assert set(go(made, pool(made, CODE), tmp_path, states).states.values()) == {CODE}
    assert undisturbed(made)


def test_a_change_of_code_alone_empties_no_host_while_the_mirror_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, plain, away = world(4), FakeTransport.run, "mirror-away: the mirror does not answer"

    def run(self: FakeTransport, bundle: Bundle, on_event: Callable[[TaskEvent], None], cancelled: Cancelled) -> RunEnd:
        if bundle.playbook != "site.yml":
            return plain(self, bundle, on_event, cancelled)
        for name in bundle.hosts:
            on_event(TaskEvent(name, "Validate", "t", "failed", away))
        return RunEnd("failed", dict.fromkeys(bundle.hosts, away), {}, {})

    monkeypatch.setattr(FakeTransport, "run", run)
    states = dict(go(made, pool(made, CODE, failure_budget=4, max_unavailable=2), tmp_path).states)
    assert set(states.values()) == {f"failed {away}; was {OLD}, needs reboot"}
    assert undisturbed(made)
    monkeypatch.undo()
    assert set(go(made, pool(made, CODE), tmp_path, states).states.values()) == {CODE}
    assert undisturbed(made)


def test_hosts_whose_nodes_are_down_for_a_moment_do_not_all_change_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, plain = world(8), FakeTransport.run
    for name, host in made.hosts.items():
        host.node = node(name, ready=False)

    def run(self: FakeTransport, bundle: Bundle, on_event: Callable[[TaskEvent], None], cancelled: Cancelled) -> RunEnd:
        end = plain(self, bundle, on_event, cancelled)
        for host in made.hosts.values():
            assert host.node is not None
            host.node = replace(host.node, ready=True)
        return end

    monkeypatch.setattr(FakeTransport, "run", run)
    spec = pool(made, NEW, canary=1, max_unavailable=1, soak="10m", window={"hours": "02:00-03:00"})
    states = go(made, spec, tmp_path).states
    assert made.waves == [("h01",)]
    assert [name for name, state in states.items() if "outside the window" in state] == list(made.hosts)[1:]


@pytest.mark.parametrize("kind", ["restart", "reboot"])
def test_a_host_whose_node_is_down_for_another_reason_keeps_no_other_from_its_change(tmp_path: Path, kind: str) -> None:
    made = world(4)
    made.hosts["h02"].node = node("h02", ready=False)
    spec = pool(made, NEW, disruption=kind, soak="10m", max_unavailable=2, on_drain={"training": "refuse"})
    made.hosts["h02"].pods = {"training": 1}
    outcome = go(made, spec, tmp_path)
    assert made.waves[:2] == [("h02",), ("h01",)], "by itself, and no canary"
    assert set(outcome.states.values()) == {NEW}
    told = [step.text for step in made.steps if step.host == "h02" and step.phase == "done"]
    assert told == (["verified; its node is down, as it was"] if kind == "reboot" else ["verified"])
    assert made.slept < 1200


@pytest.mark.parametrize("broken", [False, True])
def test_a_host_that_a_killed_run_has_cordoned_goes_back_when_check_mode_does_not_come_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, broken: bool
) -> None:
    made = World({"h01": marked("h01", "cordoned"), "h02": serving("h02")})

    def run(self: FakeTransport, bundle: Bundle, on_event: Callable[[TaskEvent], None], cancelled: Cancelled) -> RunEnd:
        del self, cancelled
        if broken:
            return RunEnd("broken", {}, {}, {}, "killed")
        for name in bundle.hosts:
            on_event(TaskEvent(name, "Validate", "t", "failed", "mirror-away: no"))
        return RunEnd("failed", dict.fromkeys(bundle.hosts, "mirror-away: no"), {}, {})

    monkeypatch.setattr(FakeTransport, "run", run)
    states = go(made, pool(made, CODE, failure_budget=2), tmp_path).states
    assert made.out() == set()
    assert not any("cordoned" in state for state in states.values())


@pytest.mark.parametrize("later", ["mirror away", "change"])
def test_a_host_that_could_not_be_asked_and_then_not_checked_is_not_emptied_by_a_small_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, later: str
) -> None:
    made = world(2)
    states = {"h01": f"failed mirror-away: no; was {OLD}, needs none", "h02": OLD}
    if later == "change":
        outcome = go(made, pool(made, NEW, disruption="restart"), tmp_path, states)
        assert set(outcome.states.values()) == {NEW}
    else:
        monkeypatch.setattr(FakeTransport, "run", lambda *_: RunEnd("failed", {"h01": "mirror-away: no"}, {}, {}))
        assert (
            go(made, pool(made, OLD), tmp_path, states, ["h01"]).states["h01"] == f"failed mirror-away: no; was {OLD}"
        )
    assert undisturbed(made)


def test_a_run_that_this_machine_could_not_follow_is_told_by_the_hosts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, plain = world(3), FakeTransport.run

    def run(self: FakeTransport, bundle: Bundle, on_event: Callable[[TaskEvent], None], cancelled: Cancelled) -> RunEnd:
        end = plain(self, bundle, on_event, cancelled)
        if bundle.playbook == "site.yml":
            raise OSError(28, "No space left on device")
        return end

    monkeypatch.setattr(FakeTransport, "run", run)
    assert go(made, pool(made), tmp_path).states == dict.fromkeys(made.hosts, NEW)
    assert made.out() == set()
