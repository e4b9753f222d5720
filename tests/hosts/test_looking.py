"""What a look says of hosts, and what the next rollout makes of it, also while the cluster is away. No host is real."""

from __future__ import annotations

from pathlib import Path

import pytest

from causeway.cluster.model import RolloutMark
from causeway.hosts.drift import look
from causeway.hosts.model import Surroundings
from tests.hosts.world import OLD, FakeHost, FakeNodes, FakeTransport, World, go, node, pool, serving, stamp

CLOSED = {"hours": "02:00-03:00"}
UNTOLD = "drifted: nobody can tell whether its node is in service: "
AWAY = "deferred until the next run: nobody can tell whether its node is in service"


def world(count: int) -> World:
    return World({f"h{number:02d}": serving(f"h{number:02d}") for number in range(1, count + 1)})


def left(name: str) -> FakeHost:
    """A host that a run which was killed had drained."""
    mark = RolloutMark("r0", "drained", "2026-11-01T00:00:00+00:00", cordoned=True)
    return FakeHost(stamp(OLD, name), node(name, schedulable=False, mark=mark), {"doubao": 1})


def looked(made: World, home: Path, before: dict[str, str], *, asks: bool = True, away: str = "") -> dict[str, str]:
    """What a look at a pool that wants the old state says of its hosts; `asks` is whether there is a cluster to ask."""
    surroundings = Surroundings(
        transport=FakeTransport(made),
        nodes=FakeNodes(made) if asks else None,
        now=lambda: made.now,
        sleep=made.sleep,
        cancelled=made.cancelled,
        observer=made.steps.append,
        home=home,
        nodes_away=away,
    )
    return look(pool(made, OLD), before, list(made.hosts), surroundings, "facts")


def test_a_node_that_a_killed_run_left_cordoned_is_not_forgotten_while_its_cluster_is_away(tmp_path: Path) -> None:
    made = World({"h01": left("h01"), "h02": serving("h02")})
    known = dict.fromkeys(made.hosts, OLD)
    made.api_down_until_call = 10_000
    states = looked(made, tmp_path, known)
    assert states == dict.fromkeys(made.hosts, f"{UNTOLD}connection refused; was {OLD}")
    for _ in range(2):
        states = dict(go(made, pool(made, OLD), tmp_path, before=states).states)
        assert all(state.startswith(AWAY) for state in states.values()), states
    made.api_down_until_call = 0
    assert go(made, pool(made, OLD), tmp_path, before=states).states == known
    assert made.out() == set()


def test_a_kubeconfig_that_is_gone_is_a_cluster_that_is_away(tmp_path: Path) -> None:
    made = world(1)
    found = looked(made, tmp_path, {"h01": OLD}, asks=False, away="the kubeconfig has no context lab")
    assert found == {"h01": f"{UNTOLD}the kubeconfig has no context lab; was {OLD}"}


def test_hosts_without_a_cluster_are_looked_at_by_themselves(tmp_path: Path) -> None:
    made = world(1)
    assert looked(made, tmp_path, {"h01": OLD}, asks=False) == {"h01": OLD}
    made.hosts["h01"].asleep = True
    assert looked(made, tmp_path, {"h01": OLD}, asks=False)["h01"].startswith("drifted: a run that did not end")


def test_a_look_waits_for_a_cluster_that_is_away_for_a_moment(tmp_path: Path) -> None:
    made = World({"h01": left("h01"), "h02": serving("h02")})
    made.api_down_until_call = 3
    found = looked(made, tmp_path, dict.fromkeys(made.hosts, OLD))
    assert found == {"h01": "drifted: a run that did not end has left its node out of service", "h02": OLD}


@pytest.mark.parametrize("runs_meanwhile", [0, 1])
def test_a_healthy_pool_is_not_disturbed_because_a_look_could_not_ask_its_cluster(
    tmp_path: Path, runs_meanwhile: int
) -> None:
    made = world(3)
    for host in made.hosts.values():
        host.code_changes = "reboot"  # check mode would ask for it, and nobody asks check mode
    made.api_down_until_call = 10_000
    states = looked(made, tmp_path, dict.fromkeys(made.hosts, OLD))
    for _ in range(runs_meanwhile):
        states = dict(go(made, pool(made, OLD), tmp_path, before=states).states)
    made.api_down_until_call = 0
    outcome = go(made, pool(made, OLD), tmp_path, before=states)
    assert outcome.states == dict.fromkeys(made.hosts, OLD)
    assert (made.played, made.most_out) == ([], 0)
    assert all(host.pods == {"doubao": 1} for host in made.hosts.values())


@pytest.mark.parametrize("away", [True, False])
def test_a_host_that_drifted_and_was_deferred_is_still_run_again(tmp_path: Path, *, away: bool) -> None:
    made = world(1)
    made.hosts["h01"].code_changes = "drain"
    made.api_down_until_call = 10_000 if away else 0
    states = {"h01": "drifted: driver 1 runs, not 2; toolkit 3 runs, not 4"}
    for _ in range(2):
        states = dict(go(made, pool(made, OLD, window=CLOSED), tmp_path, before=states).states)
        assert states["h01"].endswith("; drifted: driver 1 runs, not 2; toolkit 3 runs, not 4"), states
    made.api_down_until_call = 0
    assert go(made, pool(made, OLD), tmp_path, before=states).states == {"h01": OLD}
    assert made.hosts["h01"].runs == 1
