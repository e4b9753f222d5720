"""What was found of a host is not forgotten before a run has proved it, whatever comes between. In memory."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from causeway.hosts.model import Bundle, HostFacts, RunEnd, TaskEvent
from causeway.hosts.states import past
from tests.hosts.test_between_runs import marked, world
from tests.hosts.test_right_stamp import DRIFTED, FAILED, looked
from tests.hosts.world import OLD, RESOURCE, FakeNodes, FakeTransport, Killed, World, go, pool, serving

Cancelled = Callable[[], bool]


@pytest.mark.parametrize("way", ["stop", "skip"])
@pytest.mark.parametrize("before", [DRIFTED, FAILED])
def test_a_host_that_did_not_answer_once_is_mended_all_the_same(tmp_path: Path, before: str, way: str) -> None:
    made = world(2)
    host = made.hosts["h01"]
    host.code_changes, host.reachable = "restart", False
    spec = pool(made, OLD, failure_budget=1, on_unreachable=way)
    states = dict(go(made, spec, tmp_path, {"h01": before, "h02": OLD}, ["h01"]).states)
    assert states["h01"] == f"unreachable: off; {before}"
    host.reachable = True
    assert go(made, spec, tmp_path, states, ["h01"]).states["h01"] == OLD
    assert host.runs == 1


def test_a_look_at_a_host_that_is_off_forgets_no_failure(tmp_path: Path) -> None:
    made = world(2)
    host = made.hosts["h01"]
    host.code_changes, host.reachable = "restart", False
    states = looked(made, tmp_path, pool(made, OLD), {"h01": FAILED, "h02": OLD})
    host.reachable = True
    states = looked(made, tmp_path, pool(made, OLD), states)
    assert go(made, pool(made, OLD), tmp_path, states, ["h01"]).states["h01"] == OLD
    assert host.runs == 1


@pytest.mark.parametrize("kind", ["restart", "none"])
def test_a_host_that_died_in_the_middle_of_its_mending_is_mended_again(tmp_path: Path, kind: str) -> None:
    made = world(2)
    host = made.hosts["h01"]
    host.code_changes, host.fault = kind if kind != "none" else "restart", "die"
    spec = pool(made, OLD, failure_budget=1)
    states = dict(go(made, spec, tmp_path, {"h01": DRIFTED, "h02": OLD}, ["h01"]).states)
    assert states["h01"].startswith("unreachable: ")
    host.reachable, host.fault, host.code_changes = True, "", kind
    assert go(made, spec, tmp_path, states, ["h01"]).states["h01"] == OLD
    assert host.runs == 1


def test_a_host_that_was_away_and_was_right_before_is_right_already(tmp_path: Path) -> None:
    made = world(2)
    made.hosts["h01"].reachable = False
    spec = pool(made, OLD, on_unreachable="skip")
    states = looked(made, tmp_path, spec, dict.fromkeys(made.hosts, OLD))
    states = dict(go(made, spec, tmp_path, states, ["h01"]).states)
    assert states["h01"] == f"unreachable: off; was {OLD}"
    made.hosts["h01"].reachable = True
    assert go(made, pool(made, OLD), tmp_path, states, ["h01"]).states["h01"] == OLD
    assert (made.most_out, made.played) == (0, [])


def test_a_marked_host_whose_mending_failed_is_not_only_put_back(tmp_path: Path) -> None:
    made = World({"h01": marked("h01", "cordoned"), "h02": serving("h02")})
    host = made.hosts["h01"]
    host.code_changes, host.fault = "restart", "fail"
    states = looked(made, tmp_path, pool(made, OLD), dict.fromkeys(made.hosts, OLD))
    spec = pool(made, OLD, failure_budget=1)
    states = dict(go(made, spec, tmp_path, states, ["h01"]).states)
    host.fault = ""
    assert go(made, spec, tmp_path, states, ["h01"]).states["h01"] == OLD
    assert host.runs == 1


def test_a_host_that_failed_and_whose_next_run_is_killed_while_it_is_emptied_is_mended(tmp_path: Path) -> None:
    cut = 0
    for call in range(1, 20):
        made = world(2)
        host = made.hosts["h01"]
        host.code_changes, made.kill_at = "reboot", call
        try:
            go(made, pool(made, OLD), tmp_path / str(call), {"h01": FAILED, "h02": OLD}, ["h01"])
        except Killed:
            cut += 1
        made.kill_at = 0
        states = go(made, pool(made, OLD), tmp_path / f"{call}b", {"h01": FAILED, "h02": OLD}, ["h01"]).states
        assert (states["h01"], bool(host.runs)) == (OLD, True), f"killed at call {call}"
        assert host.node is not None
        assert host.node.schedulable
    assert cut > 10


@pytest.mark.parametrize("end", ["lost", "held"])
def test_a_drifted_host_whose_devices_did_not_come_free_is_mended_and_not_only_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    made, plain = world(2), FakeTransport.run
    host = made.hosts["h01"]
    host.code_changes = "reboot"

    def run(self: FakeTransport, bundle: Bundle, on_event: Callable[[TaskEvent], None], cancelled: Cancelled) -> RunEnd:
        if bundle.playbook == "quiesce.yml" and end == "lost":
            host.asleep = True
            return RunEnd("failed", {}, {"h01": "timed out"}, {"h01": 0})
        if bundle.playbook == "quiesce.yml":
            on_event(TaskEvent("h01", "Quiesce", "t", "failed", "devices-held: pid 7"))
            return RunEnd("failed", {"h01": "devices-held: pid 7"}, {}, {"h01": 0})
        if bundle.playbook == "wake.yml":
            return RunEnd("failed", {"h01": "service-failed: no"}, {}, {"h01": 0})
        return plain(self, bundle, on_event, cancelled)

    spec = pool(made, OLD, failure_budget=1)
    with monkeypatch.context() as patch:
        patch.setattr(FakeTransport, "run", run)
        states = dict(go(made, spec, tmp_path, {"h01": DRIFTED, "h02": OLD}, ["h01"]).states)
    assert made.out() == {"h01"}
    assert go(made, spec, tmp_path, states, ["h01"]).states["h01"] == OLD
    assert (host.runs, made.out()) == (1, set())


def test_a_canary_that_is_not_well_stays_so_while_another_run_holds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, plain = world(2), FakeTransport.probe
    host = made.hosts["h01"]
    assert host.node is not None
    host.node = replace(host.node, allocatable={RESOURCE: 0})
    monkeypatch.setattr(FakeNodes, "wait_allocatable", lambda *_: 0)

    def held(self: FakeTransport, hosts: dict[str, Any], cancelled: Cancelled) -> dict[str, HostFacts]:
        lock = {"owner": "x/y/1/2", "run": "r9", "expires": (made.now + timedelta(minutes=5)).timestamp()}
        found = plain(self, hosts, cancelled)
        return {name: HostFacts(name, {**(each.facts or {}), "lock": lock}) for name, each in found.items()}

    states = {"h01": "failed canary-unwell: after 10m its node offers 0 of 8", "h02": OLD}
    with monkeypatch.context() as patch:
        patch.setattr(FakeTransport, "probe", held)
        states = dict(go(made, pool(made, OLD, failure_budget=1), tmp_path, states, ["h01"]).states)
    assert states["h01"].startswith("deferred ")
    states = dict(go(made, pool(made, OLD, failure_budget=1), tmp_path, states, ["h01"]).states)
    assert states["h01"].startswith("failed canary-unwell: ")


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(
    hosts=st.lists(
        st.tuples(
            st.sampled_from([OLD, DRIFTED, FAILED]),
            st.sampled_from(["none", "restart", "reboot"]),
            st.sampled_from(["", "", "fail", "die", "locked", "stuck"]),
        ),
        min_size=1,
        max_size=5,
    ),
    away=st.integers(0, 40),
    kill=st.integers(0, 40),
    cancel=st.integers(0, 40),
    look_between=st.booleans(),
)
def test_no_drift_and_no_failure_is_ever_forgotten(
    hosts: list[tuple[str, str, str]], away: int, kill: int, cancel: int, *, look_between: bool
) -> None:
    made, known = World({}), {}
    for number, (before, change, fault) in enumerate(hosts):
        name = f"h{number}"
        host = made.hosts[name] = serving(name)
        host.code_changes = change if before != OLD else "none"
        host.stuck, host.fault = fault == "stuck", fault if fault != "stuck" else ""
        known[name] = before
    bad = {name for name, state in known.items() if state != OLD and made.hosts[name].code_changes != "none"}
    made.api_down_from_call, made.kill_at, made.cancel_at = away, kill, cancel
    spec = pool(made, OLD, failure_budget=5, max_unavailable=2)
    with tempfile.TemporaryDirectory() as home:
        for turn in range(6):
            names = [name for name, state in known.items() if state != OLD]
            try:
                states = go(made, spec, Path(home), known, names or ["h0"]).states
                known.update({name: states[name] for name in names})
            except Killed:
                pass
            note(f"{turn} {known}")
            for name, host in made.hosts.items():
                assert known[name] != OLD or host.runs or name not in bad
                assert known[name] != OLD or (host.node is not None and host.node.schedulable)
            made.api_down_from_call = made.kill_at = made.cancel_at = 0
            if turn >= 1:
                for host in made.hosts.values():
                    host.fault, host.stuck, host.reachable = "", False, True
            if look_between:
                known = looked(made, Path(home), spec, known)
        assert set(known.values()) == {OLD}


@pytest.mark.parametrize(
    ("state", "found", "proved", "needs"),
    [
        ("ok i c", "", "ok i c", ""),
        ("pending", "", "", ""),
        ("pending; was ok i c, needs restart", "", "ok i c", "restart"),
        ("pending; was ok i c, needs nonsense", "", "ok i c", "reboot"),
        ("deferred until the next run: a; b; was ok i", "", "ok i", ""),
        ("deferred until the next run: a; drifted: b; c", "drifted: b; c", "", ""),
        ("unreachable: off; failed a-b: c", "failed a-b: c", "", ""),
        ("unreachable: off; was ok i c, needs none", "", "ok i c", "none"),
        ("failed a-b: c; was ok i c, needs none", "failed a-b: c", "ok i c", "none"),
        ("drifted: nobody can tell whether it is right: x; was ok i c", "", "ok i c", ""),
        ("failed a-b: c; was late", "failed a-b: c; was late", "", ""),
    ],
)
def test_what_a_state_keeps(state: str, found: str, proved: str, needs: str) -> None:
    kept = past(state)
    assert (kept.found, kept.proved, kept.needs) == (found, proved, needs)
