"""Each cluster serves the Gateway API; a definition that is taken away comes back, one that somebody put stays."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from causeway.sandbox.clusters import definitions
from causeway.sandbox.spec import ClusterSpec
from tests.clusters.harness import Maker, eventually

pytestmark = pytest.mark.tools
ROUTES = "httproutes.gateway.networking.k8s.io"


def test_a_cluster_serves_the_gateway_api_and_up_adds_only_what_lacks(make_sandbox: Maker) -> None:
    sandbox = make_sandbox(ClusterSpec("kinds", "1.34", ()))
    sandbox.up()
    api = sandbox.cluster("kinds").api
    served = api.request("GET", "/apis/gateway.networking.k8s.io/v1")
    assert {"Gateway", "GatewayClass", "HTTPRoute"} <= {each["kind"] for each in served["resources"]}
    (again,) = sandbox.up()
    assert again.action == "none"

    own = {"metadata": {"annotations": {"example.test/owner": "us"}}}
    gateways = f"{definitions.PATH}/gateways.gateway.networking.k8s.io"
    api.request("PATCH", gateways, own, kind="application/merge-patch+json")
    api.request("DELETE", f"{definitions.PATH}/{ROUTES}")
    eventually(lambda: api.get(f"{definitions.PATH}/{ROUTES}") is None, "the definition to be gone", timeout=60)
    (mended,) = sandbox.up()
    assert (mended.action, mended.note) == ("repaired", "1 definition(s) of kinds added")
    assert api.get(f"{definitions.PATH}/{ROUTES}") is not None
    assert api.request("GET", gateways)["metadata"]["annotations"]["example.test/owner"] == "us"


def test_a_machine_without_fetched_definitions_has_plain_clusters(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.prefix", str(tmp_path))

    class Silent:
        def request(self, *words: str) -> None:
            raise AssertionError(json.dumps(words))

    assert definitions.ensure(Silent()) == 0  # type: ignore[arg-type]  # nothing of an API may be used
