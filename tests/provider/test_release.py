"""A release over gRPC: rendered against rendered, field by field; secrets are never shown; failures are kept."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from causeway.cluster.model import Drift, ReleaseSpec
from causeway.errors import CausewayError, Permanent, Retryable
from causeway.provider import release, release_cluster
from causeway.provider.model import Call
from causeway.provider.protocol import provider
from causeway.provider.release_effects import ReleaseResult, ReleaseRun
from causeway.provider.values import UNKNOWN, Secret, has_unknown
from tests.provider.grpc_client import Client, running

DEPLOYMENT = "apps/v1/Deployment/doubao/doubao-h20"
OBJECT: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "doubao-h20", "namespace": "doubao", "labels": {"app.kubernetes.io/name": "inference"}},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "doubao"}},
        "template": {
            "spec": {"containers": [{"name": "server", "image": "vllm:1", "env": [{"name": "A", "value": "1"}]}]}
        },
    },
}
RELEASE: dict[str, Any] = {
    "release": "doubao-h20",
    "namespace": "doubao",
    "chart": "inference",
    "access": {"context": "north"},
    "values": {"replicas": 2},
    "objects": {DEPLOYMENT: OBJECT},
}


@dataclass
class Clusters:
    """Clusters for tests of the provider alone."""

    status: str = "deployed"
    reasons: tuple[str, ...] = ()
    runs: list[ReleaseRun] = field(default_factory=list)
    uninstalled: list[str] = field(default_factory=list)

    def apply(self, call: Call, run: ReleaseRun) -> ReleaseResult:
        call.log("applies", ephemeral=True)
        self.runs.append(run)
        return ReleaseResult(self.status, self.reasons)

    def look(self, call: Call, run: ReleaseRun) -> ReleaseResult:  # noqa: ARG002 - the protocol's form
        return ReleaseResult(self.status)

    def uninstall(self, call: Call, run: ReleaseRun) -> None:  # noqa: ARG002
        self.uninstalled.append(run.inputs["release"])


@pytest.fixture
def clusters() -> Clusters:
    return Clusters()


@pytest.fixture
def client(tmp_path: Path, clusters: Clusters) -> Iterator[Client]:
    with running({release.TYPE: release.Release(lambda: clusters)}, tmp_path) as made:
        yield made


@pytest.fixture
def urn(client: Client) -> str:
    return client.urn(release.TYPE, "doubao-h20")


def with_object(**spec: Any) -> dict[str, Any]:
    made = copy.deepcopy(OBJECT)
    made["spec"] |= spec
    return RELEASE | {"objects": {DEPLOYMENT: made}}


def lines(client: Client, urn: str, new: dict[str, Any], outputs: dict[str, Any] | None = None) -> dict[str, Any]:
    old = client.checked(urn, RELEASE)
    answer = client.diff(urn, old, outputs or {"schema": 1, "status": "deployed"}, client.checked(urn, new, old))
    assert (answer.changes == provider.DiffResponse.DIFF_SOME) == bool(answer.detailedDiff)
    return dict(answer.detailedDiff)


def test_what_renders_the_same_is_no_change_whatever_its_values(client: Client, urn: str) -> None:
    assert lines(client, urn, RELEASE | {"values": {"replicas": "2"}}) == {}


def test_a_changed_field_is_one_line_with_its_path(client: Client, urn: str) -> None:
    found = lines(client, urn, with_object(replicas=3))
    assert list(found) == [f'objects["{DEPLOYMENT}"].spec.replicas']
    assert found[f'objects["{DEPLOYMENT}"].spec.replicas'].kind == provider.PropertyDiff.UPDATE


def test_an_object_that_comes_or_goes_is_one_line(client: Client, urn: str) -> None:
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s", "namespace": "doubao"}}
    found = lines(client, urn, RELEASE | {"objects": {DEPLOYMENT: OBJECT, "v1/Service/doubao/s": service}})
    assert {path: line.kind for path, line in found.items()} == {
        'objects["v1/Service/doubao/s"]': provider.PropertyDiff.ADD
    }
    gone = lines(client, urn, RELEASE | {"objects": {}})
    assert {path: line.kind for path, line in gone.items()} == {
        f'objects["{DEPLOYMENT}"]': provider.PropertyDiff.DELETE
    }


def test_a_variable_put_in_front_shows_the_list_and_not_a_wrong_neighbour(client: Client, urn: str) -> None:
    container = {
        "name": "server",
        "image": "vllm:1",
        "env": [{"name": "B", "value": "2"}, {"name": "A", "value": "1"}],
    }
    found = lines(client, urn, with_object(template={"spec": {"containers": [container]}}))
    assert list(found) == [f'objects["{DEPLOYMENT}"].spec.template.spec.containers[0].env']


def test_what_kubernetes_cannot_change_is_told_to_be_made_again(client: Client, urn: str) -> None:
    old = client.checked(urn, RELEASE)
    new = client.checked(urn, with_object(selector={"matchLabels": {"app": "other"}}), old)
    client.update(urn, old, {"status": "deployed"}, new, preview=True)
    assert any("is deleted and made again" in line.text for line in client.engine.lines)


def test_another_namespace_is_another_release(client: Client, urn: str) -> None:
    old = client.checked(urn, RELEASE)
    answer = client.diff(urn, old, {"status": "deployed"}, client.checked(urn, RELEASE | {"namespace": "other"}, old))
    assert list(answer.replaces) == ["namespace"]


def test_a_release_that_failed_is_kept_and_planned_again(client: Client, urn: str, clusters: Clusters) -> None:
    clusters.status, clusters.reasons = "failed release-not-ready", ("no node offers huawei.com/Ascend910",)
    inputs = client.checked(urn, RELEASE)
    answer = client.create(urn, inputs)
    assert answer.reasons == ["no node offers huawei.com/Ascend910"]
    assert answer.outputs == {"schema": 1, "status": "failed release-not-ready"}
    assert list(lines(client, urn, RELEASE, answer.outputs)) == ["status"]


def test_a_secrets_value_reaches_the_cluster_and_nothing_else(client: Client, urn: str, clusters: Clusters) -> None:
    inputs = client.checked(urn, RELEASE | {"secrets": {"key": Secret("planted-value")}})
    assert inputs["secrets"] == {"key": Secret("planted-value")}
    answer = client.create(urn, inputs)
    assert clusters.runs[0].inputs["secrets"] == {"key": "planted-value"}
    assert "planted-value" not in str(answer) + str(client.engine.lines) + repr(clusters.runs)


def test_a_secret_that_is_not_marked_as_one_is_refused(client: Client, urn: str) -> None:
    failures = client.check(urn, RELEASE | {"secrets": {"key": "planted-value"}}).failures
    assert [failure.property for failure in failures] == ["secrets"]
    assert "planted-value" not in failures[0].reason


def test_a_preview_works_on_no_cluster(client: Client, urn: str, clusters: Clusters) -> None:
    client.create(urn, client.checked(urn, RELEASE), preview=True)
    assert not clusters.runs


def test_objects_that_are_not_known_yet_are_shown_as_a_whole(client: Client, urn: str) -> None:
    assert list(lines(client, urn, RELEASE | {"objects": UNKNOWN})) == ["objects"]
    one = with_object(replicas=UNKNOWN)
    assert has_unknown(one)
    assert list(lines(client, urn, one)) == [f'objects["{DEPLOYMENT}"]']


def test_a_refresh_that_looks_reports_drift_which_the_next_diff_shows(tmp_path: Path) -> None:
    clusters = Clusters(status="drifted: spec.replicas")
    kinds = {release.TYPE: release.Release(lambda: clusters)}
    with running(kinds, tmp_path, {"CAUSEWAY_DRIFT": "facts"}) as client:
        urn = client.urn(release.TYPE, "doubao-h20")
        inputs = client.checked(urn, RELEASE)
        found = client.read(urn, inputs, {"schema": 1, "status": "deployed"})
        assert list(lines(client, urn, RELEASE, found.outputs)) == ["status"]


class Away:
    """Stands in for `causeway.cluster.releases.Releases` of a cluster that cannot be asked."""

    def __init__(self, error: CausewayError) -> None:
        self.error = error

    def observe(self, spec: ReleaseSpec) -> Drift:
        del spec
        raise self.error


@pytest.mark.parametrize(
    "error",
    [Retryable("cluster-away", "connection refused"), Permanent("cluster-credentials", "the token has expired")],
)
def test_a_cluster_that_cannot_be_asked_is_told_of_its_release_and_the_refresh_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: CausewayError
) -> None:
    monkeypatch.setattr(release_cluster, "_releases", lambda _call: Away(error))
    kinds = {release.TYPE: release.Release(release_cluster.RealClusters)}
    with running(kinds, tmp_path, {"CAUSEWAY_DRIFT": "facts"}) as client:
        urn = client.urn(release.TYPE, "doubao-h20")
        inputs = client.checked(urn, RELEASE)
        found = client.read(urn, inputs, {"schema": 1, "status": "deployed"})
        assert found.outputs == {"schema": 1, "status": f"unknown {error.code}"}
        assert [error.reason in reason for reason in found.reasons] == [True]
        assert list(lines(client, urn, RELEASE, found.outputs)) == ["status"], "it is planned again"


def test_delete_uninstalls(client: Client, urn: str, clusters: Clusters) -> None:
    client.delete(urn, client.checked(urn, RELEASE), {"status": "deployed"})
    assert clusters.uninstalled == ["doubao-h20"]
