"""`gateway` on a real API server: its objects stand, and a shift of traffic outlives what Helm does."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest

from tests.charts.harness import CHARTS, ChartCluster, Release, load

pytestmark = pytest.mark.tools
CASES = CHARTS / "gateway" / "ci"


def values(case: str, **changed: Any) -> dict[str, Any]:
    return {**load(CASES / f"{case}-values.yaml"), **changed}


def shifted(release: Release) -> dict[str, str]:
    data: dict[str, str] = release.get("configmap", f"{release.name}-shift").get("data", {})
    return data


def commands(notes: str) -> list[list[str]]:
    """The kubectl commands of the notes, as words; those that stay in the background left out."""
    lines = [line.strip() for line in notes.splitlines()]
    return [shlex.split(line)[1:] for line in lines if line.startswith("kubectl") and not line.endswith("&")]


def test_proxies_become_ready_and_the_gateway_api_takes_the_address(chart_cluster: ChartCluster) -> None:
    gateway = chart_cluster.release("gateway", "split-gateway")
    gateway.install(values("split"))
    assert len(gateway.pods()) == 2
    route = gateway.get("httproute", gateway.name)
    assert route["spec"]["hostnames"] == ["doubao.cn-north.test"]
    assert gateway.get("gateway", gateway.name)["spec"]["gatewayClassName"] == "causeway"
    gateway.uninstall()


def test_a_shift_outlives_upgrade_and_rollback_and_the_notes_tell_how_to_make_it(chart_cluster: ChartCluster) -> None:
    gateway = chart_cluster.release("gateway", "shift-gateway")
    told = commands(gateway.install(values("split")))
    away, back = (words for words in told if "patch" in words)
    chart_cluster.kubectl(*away)
    assert shifted(gateway) == {"weight.doubao-ascend": "0"}
    gateway.upgrade(values("split", retries=5))
    assert shifted(gateway) == {"weight.doubao-ascend": "0"}
    gateway.rollback()
    assert shifted(gateway) == {"weight.doubao-ascend": "0"}
    manifest = chart_cluster.helm.run("get", "manifest", gateway.name, "-n", gateway.namespace)
    chart_cluster.kubectl(
        *("apply", "--server-side", "--force-conflicts", "--field-manager=gitops", "-n", gateway.namespace),
        *("-f", "-"),
        stdin=manifest,
    )
    assert shifted(gateway) == {"weight.doubao-ascend": "0"}
    chart_cluster.kubectl(*back)
    assert shifted(gateway) == {}
    for words in told:
        chart_cluster.kubectl(*words)
    gateway.uninstall()


def test_an_upstreams_key_comes_from_the_secret_that_is_named(chart_cluster: ChartCluster) -> None:
    gateway = chart_cluster.release("gateway", "cici-gateway")
    chart_cluster.namespace(gateway.namespace)
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "cici-upstream-key"}}
    document = json.dumps(secret | {"stringData": {"value": "the-key"}})
    chart_cluster.kubectl("apply", "--server-side", "-n", gateway.namespace, "-f", "-", stdin=document)
    notes = gateway.install(values("upstream"))
    assert len(gateway.pods()) == 2
    for words in commands(notes):
        chart_cluster.kubectl(*words)
    manifest = chart_cluster.helm.run("get", "all", gateway.name, "-n", gateway.namespace)
    assert "the-key" not in manifest
    gateway.uninstall()
