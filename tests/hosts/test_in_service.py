"""A host counts as in service when its node is: there, ready, offering what it has. In memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from causeway.hosts.model import Phase, PoolOutcome, PoolSpec, Surroundings
from causeway.hosts.rollout import converge
from tests.hosts.test_between_runs import marked, world
from tests.hosts.test_right_stamp import AWAY, joining
from tests.hosts.world import (
    NEW,
    OLD,
    RESOURCE,
    FakeHost,
    FakeNodes,
    FakeTransport,
    World,
    go,
    node,
    pool,
    serving,
    stamp,
)


@pytest.mark.parametrize(
    ("what", "told"), [("gone", "is gone"), ("cordoned", "was cordoned meanwhile"), ("not-ready", "is not ready")]
)
def test_a_canary_whose_node_leaves_service_while_it_is_watched_ends_the_rollout(
    tmp_path: Path, what: str, told: str
) -> None:
    made = world(4)
    plain = made.sleep

    def sleep(seconds: float) -> None:
        plain(seconds)
        host = made.hosts["h01"]
        if host.runs and host.node is not None:
            changed = {"gone": None, "cordoned": replace(host.node, schedulable=False)}
            host.node = changed.get(what, replace(host.node, ready=False))

    made.sleep = sleep  # type: ignore[method-assign]
    states = go(made, pool(made, NEW, soak="10m", canary=1, max_unavailable=2), tmp_path).states
    assert made.waves == [("h01",)]
    assert states["h01"] == f"failed canary-unwell: after 0:10:00 its node {told}"
    assert states["h02"].startswith("deferred until the next run: the canary is not well: h01")
    states = go(made, pool(made, NEW, soak="10m", canary=1, max_unavailable=2), tmp_path, states).states
    assert states["h01"].startswith("failed canary-unwell: ")
    assert made.waves == [("h01",)]


def at_the_end(made: World, change: Callable[[FakeHost], None]) -> Callable[..., str | None]:
    """`FakeTransport._one` with something that happens to each host when all is proved on it."""
    plain = FakeTransport._one

    def one(self: FakeTransport, name: str, play: str, variables: Mapping[str, Any]) -> str | None:
        bad = plain(self, name, play, variables)
        if play == "Finish":
            change(made.hosts[name])
        return bad

    return one


def down(host: FakeHost) -> None:
    assert host.node is not None
    host.node = replace(host.node, ready=False)


def gone(host: FakeHost) -> None:
    host.node = None


@pytest.mark.parametrize("accelerators", [True, False])
@pytest.mark.parametrize(
    ("change", "state"),
    [
        (down, "failed node-not-ready: its node is not ready; it stays cordoned"),
        (gone, "failed node-missing: the cluster has no node of it any more"),
    ],
)
def test_a_host_whose_node_does_not_come_back_is_not_in_service(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[FakeHost], None],
    state: str,
    *,
    accelerators: bool,
) -> None:
    made = world(2)
    spec: PoolSpec = pool(made, NEW, canary=1, max_unavailable=1)
    spec = spec if accelerators else replace(spec, resource=None, expected=0)
    with monkeypatch.context() as patch:
        patch.setattr(FakeTransport, "_one", at_the_end(made, change))
        states = dict(go(made, spec, tmp_path).states)
    assert states["h01"] == state
    assert states["h02"].startswith("pending")
    again = go(made, spec, tmp_path, states).states
    assert again["h01"] == state, "as long as its node is not back"
    host = made.hosts["h01"]
    host.node = replace(host.node, ready=True) if host.node is not None else node("h01", operands=False, pool=None)
    assert set(go(made, spec, tmp_path, states).states.values()) == {NEW}
    assert (host.runs, made.out()) == (1, set())
    assert host.node.operands
    assert host.node.pool == spec.pool


def test_a_node_that_is_ready_after_a_while_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = world(1)
    plain = made.sleep

    def sleep(seconds: float) -> None:
        plain(seconds)
        host = made.hosts["h01"]
        if made.slept > 60 and host.node is not None:
            host.node = replace(host.node, ready=True)

    made.sleep = sleep  # type: ignore[method-assign]
    monkeypatch.setattr(FakeTransport, "_one", at_the_end(made, down))
    assert go(made, pool(made, NEW), tmp_path).states == {"h01": NEW}
    assert 60 < made.slept < 90
    assert any(step.text == "waits until its node is ready" for step in made.steps)


def test_a_cancelled_wait_for_a_node_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = world(1)
    plain = made.sleep

    def sleep(seconds: float) -> None:
        plain(seconds)
        made.cancel_at = 1

    made.sleep = sleep  # type: ignore[method-assign]
    with monkeypatch.context() as patch:
        patch.setattr(FakeTransport, "_one", at_the_end(made, down))
        states = dict(go(made, pool(made, NEW), tmp_path).states)
    assert states["h01"] == "failed return-interrupted: stopped while its node was not ready"
    host = made.hosts["h01"]
    assert host.node is not None
    made.cancel_at, host.node = 0, replace(host.node, ready=True)
    assert go(made, pool(made, NEW), tmp_path, states).states == {"h01": NEW}
    assert made.out() == set()


def test_a_host_that_joins_is_not_right_while_nobody_can_tell_whether_its_device_plugin_came_back(
    tmp_path: Path,
) -> None:
    made = World({"h01": FakeHost(stamp(OLD, "h01"), node("h01", operands=False, allocatable={RESOURCE: 0}))})
    made.api_down_until_call = AWAY
    states = dict(go(made, joining(made), tmp_path, {"h01": "pending"}).states)
    assert states["h01"].startswith("deferred until the next run: nobody can tell whether its node is in service")
    made.api_down_until_call = 0
    assert go(made, joining(made), tmp_path, states).states == {"h01": OLD}
    found = made.hosts["h01"].node
    assert found is not None
    assert found.operands


def test_a_host_that_joins_is_told_right_only_with_its_device_plugin_wherever_the_cluster_goes_away(
    tmp_path: Path,
) -> None:
    for call in range(1, 25):
        made = World({"h01": FakeHost(None, node("h01", allocatable={RESOURCE: 0}))})
        made.api_down_from_call = call
        states: dict[str, str] = {}
        for _ in range(2):
            states = dict(go(made, joining(made), tmp_path / str(call), states).states)
        found = made.hosts["h01"].node
        assert found is not None
        assert states["h01"] != OLD or found.operands, f"away from call {call}"


def without_access(made: World, spec: PoolSpec, home: Path, before: dict[str, str], why: str) -> PoolOutcome:
    around = Surroundings(
        transport=FakeTransport(made),
        nodes=None,
        now=lambda: made.now,
        sleep=made.sleep,
        cancelled=made.cancelled,
        observer=made.steps.append,
        home=home,
        nodes_away=why,
    )
    return converge(spec, before, ["h01"], around)


def test_a_host_that_was_woken_is_not_passed_over_when_its_cluster_cannot_be_asked(tmp_path: Path) -> None:
    made = World({"h01": marked("h01", "drained", operands=False), "h02": serving("h02")})
    made.hosts["h01"].asleep = True
    before = {"h01": "pending", "h02": OLD}
    outcome = without_access(made, pool(made, OLD), tmp_path / "a", before, "[kubeconfig-missing] it is gone")
    assert outcome.states["h01"].startswith("deferred until the next run: nobody can tell whether its node")
    assert not made.hosts["h01"].asleep
    made.hosts["h01"].asleep = True
    outcome = without_access(made, pool(made, OLD), tmp_path / "b", before, "")
    assert (outcome.states["h01"], outcome.reports[0].phase) == (OLD, Phase.DONE)


MISSING = f"failed accelerators-missing: its node offers 7 of 8 {RESOURCE}"


def test_a_host_that_a_cancelled_run_left_cordoned_goes_back_without_ansible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = world(2)

    def cancelled(*_: object) -> int:
        made.cancel_at = 1
        return 0

    with monkeypatch.context() as patch:
        patch.setattr(FakeNodes, "wait_allocatable", cancelled)
        states = dict(go(made, pool(made, NEW, canary=1, max_unavailable=1), tmp_path).states)
    assert states["h01"] == f"failed return-interrupted: stopped while its node offered 0 of 8 {RESOURCE}"
    made.cancel_at = 0
    made.played.clear()
    assert go(made, pool(made, NEW), tmp_path, states, ["h01"]).states["h01"] == NEW
    assert (made.out(), made.played) == (set(), [])


def test_a_canary_that_is_not_well_stays_so_when_the_run_that_waits_for_it_is_cancelled(tmp_path: Path) -> None:
    made = world(2)
    made.hosts["h01"].node = node("h01", ready=False)
    plain = made.sleep

    def sleep(seconds: float) -> None:
        plain(seconds)
        made.cancel_at = 1

    made.sleep = sleep  # type: ignore[method-assign]
    states = {"h01": "failed canary-unwell: after 0:10:00 its node is not ready", "h02": OLD}
    for _ in range(2):
        made.cancel_at = 0
        states = dict(go(made, pool(made, OLD), tmp_path, states, ["h01"]).states)
        assert states["h01"].startswith("failed canary-unwell: ")


@pytest.mark.parametrize("joins", [True, False])
def test_a_host_whose_node_offers_too_little_is_worked_on_again_and_looked_at_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, joins: bool
) -> None:
    made = world(1)
    host = made.hosts["h01"]
    host.code_changes, host.pods = "restart", {}
    monkeypatch.setattr(FakeNodes, "wait_allocatable", lambda *_: 8 if host.runs > 1 else 7)
    spec = joining(made) if joins else pool(made, OLD)
    states = dict(go(made, spec, tmp_path, {"h01": MISSING}).states)
    assert (host.runs, states) == (1, {"h01": MISSING})
    assert go(made, spec, tmp_path, states).states == {"h01": OLD}
    assert host.runs == 2


def test_a_host_whose_node_offers_too_little_keeps_no_new_one_from_being_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = World({name: FakeHost(None, node(name, allocatable={RESOURCE: 0})) for name in ("h01", "h02")})
    monkeypatch.setattr(FakeNodes, "wait_allocatable", lambda _self, name, *_: 7 if name == "h01" else 8)
    states = dict(go(made, joining(made), tmp_path, {}, ["h01"]).states)
    assert states["h01"] == MISSING
    assert go(made, joining(made), tmp_path, states).states == {"h01": MISSING, "h02": OLD}


def test_a_host_that_was_not_well_on_its_node_is_deferred_while_the_cluster_is_away(tmp_path: Path) -> None:
    made = world(2)
    made.api_down_until_call = AWAY
    outcome = go(made, pool(made, OLD), tmp_path, {"h01": MISSING, "h02": OLD}, ["h01"])
    assert outcome.states["h01"].endswith(f"; {MISSING}")
    assert not outcome.over_budget


def test_a_host_that_is_to_join_anew_needs_no_node(tmp_path: Path) -> None:
    made = World({"h01": FakeHost(stamp(OLD, "h01"), None)})
    assert go(made, joining(made), tmp_path, {"h01": MISSING}).states == {"h01": OLD}
    assert made.slept == 0


def test_a_joining_host_s_node_may_become_ready_later(tmp_path: Path) -> None:
    made = World({"h01": FakeHost(None, node("h01", ready=False, plugin_expected=False, allocatable={}, pool=None))})
    assert go(made, joining(made), tmp_path, {}).states == {"h01": OLD}
    found = made.hosts["h01"].node
    assert found is not None
    assert (found.operands, found.pool, made.slept) == (True, "p", 0)


def test_an_unknown_disruption_counts_as_the_worst(tmp_path: Path) -> None:
    made = world(2)
    states = go(made, pool(made, NEW, disruption="rebind", window={"hours": "02:00-03:00"}), tmp_path).states
    assert all(state.endswith(f"; was {OLD}, needs rebind") for state in states.values())
    assert set(go(made, pool(made, NEW, disruption="none"), tmp_path, states).states.values()) == {NEW}
    assert made.most_out == 1
