"""What a rollout does to a cluster's nodes, on a real API server."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from causeway.cluster.api import Api
from causeway.cluster.model import Access, Drained, Nodes, PodLeft, RolloutMark
from causeway.cluster.nodes import ClusterNodes
from causeway.errors import Permanent, Retryable
from tests.cluster.harness import Live
from tests.waiting import eventually

pytestmark = pytest.mark.tools
MARK = RolloutMark("run-1", "cordoned", "2026-01-01T00:00:00+00:00", cordoned=True)
TOLERATE = [{"operator": "Exists"}]


def never() -> bool:
    return False


@pytest.fixture
def nodes(live: Live) -> Nodes:
    return live.nodes


@pytest.fixture
def namespace(live: Live, new_name: Callable[[], str]) -> Iterator[str]:
    """A namespace of its own, gone afterwards."""
    name = new_name()
    live.kubectl("create", "namespace", name)
    yield name
    live.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def node(live: Live) -> Iterator[str]:
    """A node without accelerators, as it was afterwards."""
    yield "plain-1"
    patch = {"metadata": {"annotations": {"causeway/rollout": None}}, "spec": {"unschedulable": None}}
    live.kubectl("patch", "node", "plain-1", "--type=merge", "-p", json.dumps(patch))


def pods_on(live: Live, namespace: str, node: str) -> list[dict[str, Any]]:
    found = live.api.items(f"/api/v1/namespaces/{namespace}/pods", {"fieldSelector": f"spec.nodeName={node}"})
    return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]


def left_of(namespace: str, drained: Drained) -> list[PodLeft]:
    """What is left of one test's pods; those of others may still be on their way."""
    return [each for each in drained.left if each.namespace == namespace]


def deployment(name: str, replicas: int, node: str | None, **labels: str) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "terminationGracePeriodSeconds": 1,
        "containers": [{"name": "main", "image": "registry.test/x:1"}],
    }
    if node:
        spec["nodeSelector"] = {"kubernetes.io/hostname": node}
    own = {"app": name, **labels}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": own}, "spec": spec},
        },
    }


def apply(live: Live, namespace: str, *documents: dict[str, Any]) -> None:
    text = "\n---\n".join(json.dumps(document) for document in documents)
    live.kubectl("-n", namespace, "apply", "-f", "-", stdin=text)


def test_nodes_are_read_by_name_and_those_that_are_not_there_are_left_out(nodes: Nodes) -> None:
    found = nodes.read(["plain-1", "gpu-1", "no-such-node"])
    assert sorted(found) == ["gpu-1", "plain-1"]
    assert found["gpu-1"].ready
    assert found["gpu-1"].operands
    assert found["plain-1"].mark is None
    many = nodes.read([f"plain-{number}" for number in range(1, 30)])
    assert sorted(many) == ["plain-1", "plain-2"]


def test_a_cordon_is_marked_and_undone_only_by_whom_it_was_made(live: Live, nodes: Nodes, node: str) -> None:
    nodes.cordon(node, MARK)
    state = nodes.read([node])[node]
    assert (state.schedulable, state.mark) == (False, MARK)
    nodes.cordon(node, RolloutMark("run-2", "cordoned", MARK.since, cordoned=True))
    again = nodes.read([node])[node].mark
    assert again is not None
    assert again.cordoned, "a second run took over the first one's cordon"
    nodes.restore(node)
    state = nodes.read([node])[node]
    assert (state.schedulable, state.mark) == (True, None)

    live.kubectl("cordon", node)
    nodes.cordon(node, MARK)
    mark = nodes.read([node])[node].mark
    assert mark is not None
    assert not mark.cordoned, "a person's cordon is not ours"
    nodes.mark(node, RolloutMark("run-1", "drained", MARK.since, cordoned=False))
    nodes.restore(node)
    state = nodes.read([node])[node]
    assert (state.schedulable, state.mark) == (False, None)


def test_a_mark_that_nobody_can_read_counts_as_none(live: Live, nodes: Nodes, node: str) -> None:
    live.kubectl("annotate", "node", node, "causeway/rollout={not json")
    assert nodes.read([node])[node].mark is None
    nodes.restore(node)
    assert nodes.read([node])[node].mark is None


def test_a_node_that_is_not_there_is_named(nodes: Nodes) -> None:
    with pytest.raises(Permanent, match="no such node") as caught:
        nodes.cordon("no-such-node", MARK)
    assert caught.value.subject == "no-such-node"


def test_a_node_is_told_its_pool(nodes: Nodes) -> None:
    assert nodes.read(["gpu-2"])["gpu-2"].pool is None
    nodes.join_pool("gpu-2", "h20")
    assert nodes.read(["gpu-2"])["gpu-2"].pool == "h20"


def test_operands_leave_a_node_and_come_back_with_its_accelerators(live: Live, nodes: Nodes, namespace: str) -> None:
    plugin = {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "plugin"},
        "spec": {
            "selector": {"matchLabels": {"app": "plugin"}},
            "template": {
                "metadata": {
                    "labels": {
                        "app": "plugin",
                        "app.kubernetes.io/component": "device-plugin",
                        "causeway/vendor": "nvidia",
                    }
                },
                "spec": {
                    "terminationGracePeriodSeconds": 1,
                    "nodeSelector": {"causeway/operands": "on", "causeway/vendor": "nvidia"},
                    "tolerations": TOLERATE,
                    "containers": [{"name": "main", "image": "registry.test/plugin:1"}],
                },
            },
        },
    }
    assert not nodes.read(["gpu-1"])["gpu-1"].plugin_expected
    apply(live, namespace, plugin)
    assert nodes.wait_allocatable("gpu-1", "nvidia.com/gpu", 8, 30, never) == 8
    state = nodes.read(["gpu-1", "plain-1"])
    assert state["gpu-1"].plugin_expected
    assert not state["plain-1"].plugin_expected
    assert state["gpu-1"].allocatable["nvidia.com/gpu"] == 8
    nodes.operands("gpu-1", on=False)
    assert nodes.wait_operands_gone("gpu-1", 30, never) == ()
    eventually(
        lambda: not nodes.read(["gpu-1"])["gpu-1"].allocatable.get("nvidia.com/gpu"), "its accelerators are gone"
    )
    state = nodes.read(["gpu-1"])
    assert (state["gpu-1"].operands, state["gpu-1"].plugin_expected) == (False, True)
    left = nodes.wait_operands_gone("gpu-2", 0.2, never)
    assert [(pod.namespace, "still runs" in pod.reason) for pod in left] == [(namespace, True)]
    nodes.operands("gpu-1", on=True)
    assert nodes.wait_allocatable("gpu-1", "nvidia.com/gpu", 8, 30, never) == 8
    started = time.monotonic()
    assert nodes.wait_allocatable("gpu-1", "nvidia.com/gpu", 9, 60, lambda: True) == 8
    assert time.monotonic() - started < 5, "a cancel ends a wait"


def test_a_drain_evicts_nothing_beside_a_pod_that_would_not_come_back_and_names_it(
    live: Live, nodes: Nodes, namespace: str, node: str
) -> None:
    bare = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "alone"},
        "spec": {
            "nodeName": node,
            "tolerations": TOLERATE,
            "containers": [{"name": "main", "image": "registry.test/x:1"}],
        },
    }
    daemon = deployment("daemon", 1, node)
    daemon["kind"] = "DaemonSet"
    del daemon["spec"]["replicas"]
    apply(live, namespace, deployment("web", 2, node), bare, daemon)
    eventually(lambda: len(pods_on(live, namespace, node)) == 4, "four pods on the node")
    nodes.cordon(node, MARK)
    done = nodes.drain(node, 60, never)
    left = left_of(namespace, done)
    assert ([each.name for each in left], done.evicted) == (["alone"], 0)
    command = f"kubectl -n {namespace} delete pod alone"
    assert command in left[0].reason

    def kinds() -> list[str]:
        return sorted(pod["metadata"]["name"].partition("-")[0] for pod in pods_on(live, namespace, node))

    assert kinds() == ["alone", "daemon", "web", "web"]
    live.kubectl(*command.split()[1:])
    assert nodes.drain(node, 60, never).evicted >= 2
    assert kinds() == ["daemon"]


def test_a_drain_waits_for_a_disruption_budget_and_then_names_it(
    live: Live, nodes: Nodes, namespace: str, node: str
) -> None:
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "keep-one"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}},
    }
    apply(live, namespace, deployment("web", 1, node), budget)

    def settled() -> bool:
        path = f"/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets/keep-one"
        status = (live.api.get(path) or {}).get("status") or {}
        return status.get("currentHealthy") == 1

    eventually(settled, "the budget to see its pod")
    nodes.cordon(node, MARK)
    started = time.monotonic()
    left = left_of(namespace, nodes.drain(node, 3, never))
    assert 2 < time.monotonic() - started < 15
    assert len(left) == 1
    assert "keep-one" in left[0].reason
    assert "relax the budget" in left[0].reason
    assert len(pods_on(live, namespace, node)) == 1
    live.kubectl("-n", namespace, "patch", "pdb", "keep-one", "--type=merge", "-p", '{"spec":{"minAvailable":0}}')
    eventually(lambda: left_of(namespace, nodes.drain(node, 10, never)) == [], "the drain to go through")


def test_traffic_is_taken_off_a_backend_that_only_this_node_serves_and_given_back(
    live: Live, nodes: Nodes, namespace: str, node: str
) -> None:
    def server(release: str, node: str | None) -> dict[str, Any]:
        labels = {
            "app.kubernetes.io/instance": release,
            "causeway/workload": namespace,
            "causeway/on-drain": "shift_traffic",
        }
        return deployment(release, 1, node, **labels)

    table = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "gateway-shift",
            "labels": {
                "app.kubernetes.io/component": "shift",
                "app.kubernetes.io/instance": "gateway",
                "causeway/workload": namespace,
            },
            "annotations": {"causeway/weights": '{"here":70,"there":30}'},
        },
    }
    marks = {"app.kubernetes.io/component": "proxy", "app.kubernetes.io/instance": "gateway"}
    proxy = deployment("proxy", 1, "plain-2", **marks)
    apply(live, namespace, server("here", node), server("there", "plain-2"), table, proxy)
    ready = ("-n", namespace, "wait", "--for=condition=Available", "deployment", "--all", "--timeout=30s")
    live.kubectl(*ready)

    def data() -> dict[str, str]:
        found: dict[str, str] = live.object(f"v1/ConfigMap/{namespace}/gateway-shift").get("data", {})  # type: ignore[union-attr]  # it is there
        return found

    assert nodes.shift_traffic(node, away=True) == (namespace,)
    assert data() == {"weight.here": "0"}
    (seen,) = live.api.items(f"/api/v1/namespaces/{namespace}/pods", {"labelSelector": "app=proxy"})
    assert "causeway/weights-seen" in seen["metadata"]["annotations"], "so its kubelet looks at the weights at once"
    assert nodes.shift_traffic(node, away=True) == (), "it was done already"
    nodes.cordon("plain-2", MARK)
    try:
        assert nodes.shift_traffic("plain-2", away=True) == (), "nobody is left who could take its traffic"
    finally:
        nodes.restore("plain-2")
    assert nodes.shift_traffic("plain-2", away=False) == ()
    assert nodes.shift_traffic(node, away=False) == (namespace,)
    assert data() == {}


@pytest.fixture
def away() -> ClusterNodes:
    """Nodes of a cluster whose API server nobody has started."""
    kubeconfig = json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "gone",
            "clusters": [{"name": "gone", "cluster": {"server": "http://127.0.0.1:9"}}],
            "contexts": [{"name": "gone", "context": {"cluster": "gone", "user": "gone"}}],
            "users": [{"name": "gone", "user": {}}],
        }
    )
    return ClusterNodes(Api(Access(kubeconfig=kubeconfig)))


def test_an_api_server_that_is_away_is_told_within_seconds(away: ClusterNodes) -> None:
    started = time.monotonic()
    with pytest.raises(Retryable, match="nobody listens there"):
        away.read(["one"])
    assert time.monotonic() - started < 10


def test_a_node_of_which_nobody_can_tell_what_stays_on_it_is_not_drained(away: ClusterNodes) -> None:
    with pytest.raises(Retryable, match="nobody listens there"):
        away.drain("one", 1, lambda: False)


def test_wrong_credentials_are_permanent_and_a_secret_kubeconfig_is_never_told(live: Live) -> None:
    words = ("config", "view", "--raw", "--flatten", "--minify", "--output=json")
    document = json.loads(live.kubectl(*words))
    document["users"][0]["user"] = {"token": "a-token-that-nobody-knows"}
    with pytest.raises(Permanent) as caught:
        ClusterNodes(Api(Access(kubeconfig=json.dumps(document)))).read(["plain-1"])
    assert caught.value.code == "cluster-credentials"
    with pytest.raises(Permanent) as broken:
        ClusterNodes(Api(Access(kubeconfig="password: hunter2\n: {"))).read(["plain-1"])
    assert broken.value.code == "kubeconfig"
    assert "hunter2" not in f"{broken.value}{broken.value.__cause__}"
    with pytest.raises(Permanent, match="no-such-context"):
        ClusterNodes(Api(Access(context="no-such-context"))).read(["plain-1"])
