"""What is told of hosts that are put back into service and cannot be, on a pool in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from causeway.cluster.model import RolloutMark
from tests.hosts.world import NEW, OLD, RESOURCE, FakeHost, FakeNodes, World, go, node, pool, serving, stamp

SHORT = {RESOURCE: 6}


@pytest.fixture(autouse=True)
def _offers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nodes offer what they say, however long somebody waits."""

    def wait(nodes: FakeNodes, name: str, *_call: object) -> int:
        found = nodes.read([name])[name]
        return found.allocatable[RESOURCE]

    monkeypatch.setattr(FakeNodes, "wait_allocatable", wait)


def test_a_canary_that_stays_short_of_devices_and_serves_is_told_so_run_after_run(tmp_path: Path) -> None:
    made = World({name: serving(name) for name in ("h01", "h02")})
    made.hosts["h01"] = FakeHost(stamp(NEW, "h01"), node("h01", allocatable=SHORT))
    states = {"h01": f"failed canary-unwell: after 0:30:00 its node offers 6 of 8 {RESOURCE}", "h02": OLD}
    for _ in range(3):
        states = dict(go(made, pool(made), tmp_path, before=states).states)
        assert states["h01"] == f"failed canary-unwell: its node offers 6 of 8 {RESOURCE}"
        assert made.out() == set()
        assert made.hosts["h02"].runs == 0
    made.hosts["h01"].node = node("h01")
    assert go(made, pool(made), tmp_path, before=states).states == {"h01": NEW, "h02": NEW}


@pytest.mark.parametrize(("schedulable", "told"), [(False, "; it stays cordoned"), (True, "")])
def test_a_node_is_said_to_stay_cordoned_only_where_it_is(tmp_path: Path, *, schedulable: bool, told: str) -> None:
    mark = RolloutMark("r0", "verified", "2026-11-01T00:00:00+00:00", cordoned=True)
    found = node("h01", schedulable=schedulable, mark=mark, allocatable=SHORT)
    made = World({"h01": FakeHost(stamp(NEW, "h01"), found)})
    outcome = go(made, pool(made), tmp_path, before={"h01": "pending"})
    assert outcome.states["h01"] == f"failed accelerators-missing: its node offers 6 of 8 {RESOURCE}{told}"
    assert made.out() == (set() if schedulable else {"h01"})


@pytest.mark.parametrize(
    ("before", "code"), [("pending", "cluster-away"), ("failed canary-unwell: x", "canary-unwell")]
)
def test_where_the_cluster_goes_away_nobody_says_whether_a_node_is_cordoned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str, code: str
) -> None:
    mark = RolloutMark("r0", "verified", "2026-11-01T00:00:00+00:00", cordoned=True)
    made = World({"h01": FakeHost(stamp(NEW, "h01"), node("h01", mark=mark))})
    read: Callable[..., object] = FakeNodes.read

    def once(nodes: FakeNodes, *names: object) -> object:
        found = read(nodes, *names)
        made.api_down_from_call = made.calls
        return found

    monkeypatch.setattr(FakeNodes, "read", once)
    state = go(made, pool(made), tmp_path, before={"h01": before}).states["h01"]
    assert state.startswith(f"failed {code}: its node stays as it is, since")
    assert made.hosts["h01"].node == replace(node("h01"), mark=mark)
