"""A pool's hosts as the provider asks the cluster for them; the cluster is a dictionary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import pytest

from causeway.cluster.model import Access, NodeState, RolloutMark
from causeway.provider import pool_hosts
from causeway.provider.model import Call
from causeway.provider.pool_hosts import RealHosts
from causeway.provider.values import Secret

CALL = cast("Call", None)
MARK = RolloutMark("r1", "drained", "2026-11-22T03:00:00+00:00", cordoned=True)


def node(name: str, mark: RolloutMark | None, *, schedulable: bool = True) -> NodeState:
    return NodeState(
        name, ready=True, schedulable=schedulable, operands=True, allocatable={}, mark=mark, plugin_expected=True
    )


class Cluster:
    """Stands in for `causeway.cluster.nodes.ClusterNodes`."""

    asked: Access | None = None
    nodes = {"a": node("a", MARK, schedulable=False), "b": node("b", None, schedulable=False), "c": node("c", None)}

    def __init__(self, access: Access) -> None:
        type(self).asked = access

    def read(self, names: Sequence[str]) -> Mapping[str, NodeState]:
        return {name: self.nodes[name] for name in names if name in self.nodes}


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> type[Cluster]:
    monkeypatch.setattr(Cluster, "asked", None)
    monkeypatch.setattr(pool_hosts, "Api", lambda access: access)
    monkeypatch.setattr(pool_hosts, "ClusterNodes", Cluster)
    return Cluster


def test_a_node_with_a_rollout_s_mark_is_held_and_one_that_a_person_cordoned_is_not(cluster: type[Cluster]) -> None:
    access: dict[str, Any] = {"access": Secret({"kubeconfig": Secret("a kubeconfig")})}
    assert RealHosts().held(CALL, access, ["a", "b", "c", "gone"]) == ["a"]
    assert cluster.asked == Access(None, "a kubeconfig")


def test_hosts_of_no_cluster_are_held_by_nobody(cluster: type[Cluster]) -> None:
    assert RealHosts().held(CALL, {}, ["a"]) == ()
    assert cluster.asked is None
