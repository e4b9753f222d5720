"""Hosts that are worked on although their stamp is right: they drifted, failed, or nobody could tell. In memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from causeway.hosts.drift import look
from causeway.hosts.model import Bundle, HostSpec, PoolSpec, RunEnd, Surroundings, TaskEvent
from tests.clusters.harness import eventually
from tests.hosts.test_between_runs import marked, world
from tests.hosts.world import NEW, OLD, RESOURCE, FakeHost, FakeNodes, FakeTransport, World, go, pool, serving, spec_of

FAILED = "failed installer-failed: it said no"
DRIFTED = "drifted: driver 1 runs, not 2"
AWAY = 10_000


def looked(made: World, home: Path, spec: PoolSpec, before: dict[str, str]) -> dict[str, str]:
    """What a look says of a pool's hosts."""
    around = Surroundings(
        transport=FakeTransport(made),
        nodes=FakeNodes(made),
        now=lambda: made.now,
        sleep=made.sleep,
        cancelled=made.cancelled,
        observer=made.steps.append,
        home=home,
    )
    return look(spec, before, list(made.hosts), around, "facts")


@pytest.mark.parametrize("before", [FAILED, DRIFTED])
def test_a_cancelled_mending_leaves_no_host_serving_asleep_and_none_called_right(tmp_path: Path, before: str) -> None:
    for call in range(1, 24):
        made = world(2)
        host = made.hosts["h01"]
        host.code_changes = "reboot"
        made.cancel_at = call
        states = go(made, pool(made, OLD), tmp_path / str(call), {"h01": before, "h02": OLD}, ["h01"]).states
        assert host.node is not None
        assert not (host.node.schedulable and host.asleep), f"cancelled at call {call}"
        assert states["h01"] != OLD or host.runs, f"cancelled at call {call}"


def test_a_host_that_a_killed_run_left_asleep_never_serves_so_wherever_the_run_after_the_look_is_cancelled(
    tmp_path: Path,
) -> None:
    struck = 0
    for call in range(1, 24):
        made = World(
            {"h01": marked("h01", "drained", operands=False, allocatable={RESOURCE: 0}), "h02": serving("h02")}
        )
        host = made.hosts["h01"]
        host.pods, host.asleep = {}, True
        home = tmp_path / str(call)
        known = looked(made, home, pool(made, OLD), dict.fromkeys(made.hosts, OLD))
        assert known["h01"].startswith("drifted: ")
        made.cancel_at = made.calls + call
        go(made, pool(made, OLD), home, known, ["h01"])
        assert host.node is not None
        struck += host.asleep
        assert not (host.node.schedulable and host.asleep), f"cancelled at call {call}"
    assert struck


def test_a_host_that_failed_while_it_was_emptied_is_mended_and_not_only_put_back(tmp_path: Path) -> None:
    made = world(2)
    host = made.hosts["h01"]
    host.code_changes, host.fault = "reboot", "fail"
    states = dict(go(made, pool(made, OLD), tmp_path, {"h01": DRIFTED, "h02": OLD}, ["h01"]).states)
    assert (states["h01"], made.out()) == (FAILED, {"h01"})
    host.fault = ""
    assert go(made, pool(made, OLD), tmp_path, states, ["h01"]).states["h01"] == OLD
    assert (host.runs, made.out()) == (1, set())


def test_a_failure_is_not_forgotten_while_its_host_is_deferred(tmp_path: Path) -> None:
    made = world(1)
    made.hosts["h01"].code_changes = "reboot"
    closed = pool(made, OLD, window={"hours": "02:00-03:00"})
    states = dict(go(made, closed, tmp_path, {"h01": FAILED}).states)
    assert states["h01"].endswith(f"outside the window 02:00-03:00; {FAILED}")
    made.api_down_until_call = AWAY
    states = dict(go(made, closed, tmp_path, states).states)
    made.api_down_until_call = 0
    assert go(made, pool(made, OLD), tmp_path, states).states == {"h01": OLD}
    assert made.hosts["h01"].runs == 1


def test_a_right_host_that_fails_before_its_first_change_is_not_emptied_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, plain, away = world(1), FakeTransport.run, "mirror-away: the mirror does not answer"

    def run(
        self: FakeTransport, bundle: Bundle, on_event: Callable[[TaskEvent], None], cancelled: Callable[[], bool]
    ) -> RunEnd:
        if bundle.playbook != "site.yml":
            return plain(self, bundle, on_event, cancelled)
        for name in bundle.hosts:
            on_event(TaskEvent(name, "Validate", "t", "failed", away))
        return RunEnd("failed", dict.fromkeys(bundle.hosts, away), {}, {})

    monkeypatch.setattr(FakeTransport, "run", run)
    states = {"h01": f"failed {away}"}
    for _ in range(2):
        states = dict(go(made, pool(made, OLD), tmp_path, states).states)
        assert states == {"h01": f"failed {away}"}
        assert (made.most_out, made.hosts["h01"].pods) == (0, {"doubao": 1})
    monkeypatch.undo()
    assert go(made, pool(made, OLD), tmp_path, states).states == {"h01": OLD}


@pytest.mark.parametrize("way", ["looked", "planned"])
def test_a_cluster_that_was_away_for_a_moment_makes_no_small_change_a_large_one(tmp_path: Path, way: str) -> None:
    made = world(4)
    made.api_down_until_call = AWAY
    known = dict.fromkeys(made.hosts, OLD)
    if way == "looked":
        known = looked(made, tmp_path, pool(made, OLD), known)
    else:
        known = dict(go(made, pool(made, OLD), tmp_path, dict.fromkeys(made.hosts, "pending")).states)
    assert all("nobody can tell" in state and state.endswith(f"; was {OLD}") for state in known.values())
    made.api_down_until_call = 0
    outcome = go(made, pool(made, NEW, disruption="none", max_unavailable=1), tmp_path, known)
    assert set(outcome.states.values()) == {NEW}
    assert (made.most_out, "quiesce.yml" in made.played) == (0, False)
    assert all(host.pods for host in made.hosts.values())


def joining(made: World) -> PoolSpec:
    hosts = (HostSpec(name, OLD, {"causeway__driver_role": "chip_driver"}, joining=True) for name in made.hosts)
    return spec_of(tuple(hosts))


def test_hosts_that_join_a_cluster_that_is_not_yet_there_are_right_without_it(tmp_path: Path) -> None:
    made = World({name: FakeHost(None, None) for name in ("h01", "h02")})
    made.api_down_until_call = AWAY
    known = dict.fromkeys(made.hosts, OLD)
    states = dict(go(made, joining(made), tmp_path, {}).states)
    assert states == known
    assert looked(made, tmp_path, joining(made), states) == known
    states = dict(go(made, joining(made), tmp_path, dict.fromkeys(made.hosts, "pending")).states)
    assert all(state.startswith("deferred until the next run: nobody can tell") for state in states.values())
    made.api_down_until_call = 0
    assert go(made, joining(made), tmp_path, states).states == known
    assert [host.runs for host in made.hosts.values()] == [1, 1]


def test_a_joining_host_without_a_node_that_failed_is_installed_anew(tmp_path: Path) -> None:
    made = world(1)
    host = made.hosts["h01"]
    host.node, host.pods, host.code_changes = None, {}, "reboot"
    assert go(made, joining(made), tmp_path, {"h01": FAILED}).states == {"h01": OLD}
    assert host.runs == 1


def test_a_host_whose_drain_is_refused_serves_again_before_the_slowest_of_its_wave_has_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, plain, seen = world(2), FakeNodes.drain, []
    made.hosts["h01"].stuck = True

    def drain(self: FakeNodes, name: str, seconds: float, cancelled: Callable[[], bool]) -> object:
        if name == "h02":
            stuck = made.hosts["h01"]
            eventually(lambda: stuck.node is not None and stuck.node.schedulable and made.calls > 5, "h01", timeout=5)
            seen.append(name)
        return plain(self, name, seconds, cancelled)

    monkeypatch.setattr(FakeNodes, "drain", drain)
    go(made, pool(made, canary=0, max_unavailable=2), tmp_path)
    assert seen == ["h02"]
