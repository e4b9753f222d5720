"""A vendor's own chart from a registry, pinned by version and digest, in place of ours: fetched, rendered, released."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from causeway.cli.fleet_context import FleetContext
from causeway.cluster.charts import Charts
from causeway.cluster.helm import Helm
from causeway.cluster.model import Access, ChartRef, ReleaseSpec
from causeway.cluster.releases import Releases
from causeway.cluster.render import Renderer, render_plans, request_of
from causeway.errors import Permanent, Retryable
from tests.cluster import registry
from tests.cluster.harness import CLUSTER, HERE, Live
from tests.cluster.registry import Registry

pytestmark = pytest.mark.tools
NAME = "charts/vendor-plugin"
VERSION = "0.20.0"
FLEET = HERE.parents[1] / "inventory" / "sandbox" / "fleet.yaml"
DECLARED = """\
    platform:
      vendors: {{nvidia: {{devicePlugin: {{enabled: false}}}}}}
    releases:
      vendor-plugin:
        chart: {chart}
        version: {version}
        digest: {digest}
        namespace: accelerator-platform
        values:
          nodeSelector: {{causeway/operands: "on"}}
          podLabels: {{app.kubernetes.io/component: device-plugin, causeway/vendor: nvidia}}
          tolerations: [{{operator: Exists}}]
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Registry]:
    """A registry with the vendor's chart, pushed by Helm."""
    with registry.running(tmp_path) as made:
        helm = Helm.here(os.environ)
        packed = helm.run(["package", str(HERE / "vendor-plugin"), "--destination", str(tmp_path)])
        assert packed.status == 0, packed.error
        archive = str(tmp_path / f"vendor-plugin-{VERSION}.tgz")
        pushed = helm.run(["push", archive, f"oci://{made.address}/charts", "--ca-file", str(made.certificate)])
        assert pushed.status == 0, pushed.error
        yield made


@pytest.fixture
def environ(store: Registry) -> dict[str, str]:
    """An environment whose Helm trusts the registry."""
    return {**os.environ, "SSL_CERT_FILE": str(store.certificate)}


def reference(store: Registry, **changed: str) -> ChartRef:
    pinned = ChartRef(f"oci://{store.address}/{NAME}", VERSION, store.digest_of(NAME, VERSION))
    return replace(pinned, **changed)


def test_a_vendors_chart_takes_the_place_of_ours_and_its_nodes_offer_accelerators(
    store: Registry, environ: dict[str, str], live: Live, tmp_path: Path
) -> None:
    chart = reference(store)
    folder = tmp_path / "fleet"
    folder.mkdir()
    own = DECLARED.format(chart=chart.reference, version=chart.version, digest=chart.digest)
    text = FLEET.read_text("utf-8").replace("    delivery: pulumi ", f"{own}    delivery: pulumi ", 1)
    (folder / "fleet.yaml").write_text(text, "utf-8")
    context = FleetContext(folder, date(2026, 11, 22))
    plan = next(iter(context.plan.clusters.values()))
    renderer = Renderer.here(folder, tmp_path / "home", environ)
    rendered = render_plans(renderer, context.loaded, [plan])[plan.cluster]
    made = {each.name: one for each, one in zip(plan.releases, rendered, strict=True)}
    key = "apps/v1/DaemonSet/accelerator-platform/"
    plugins = [each for each in made["accelerator-platform"].objects if each.endswith("device-plugin") and key in each]
    assert [each.removeprefix(key) for each in plugins] == [
        "accelerator-platform-cambricon-device-plugin",
        "accelerator-platform-huawei-device-plugin",
    ]
    assert list(made["vendor-plugin"].objects) == [f"{key}vendor-plugin"]

    release = next(each for each in plan.releases if each.name == "vendor-plugin")
    request = request_of(release, plan.kubernetes)
    spec = ReleaseSpec(
        Access(context=CLUSTER),
        request.name,
        request.namespace,
        request.chart,
        request.values,
        request.kubernetes,
        made["vendor-plugin"],
    )
    releases = Releases.here(folder, tmp_path / "home", environ)
    try:
        outcome = releases.install_or_upgrade(spec)
        assert (outcome.action, outcome.failure) == ("installed", None)
        assert live.nodes.wait_allocatable("gpu-1", "nvidia.com/gpu", 8, 30, lambda: False) == 8
        assert releases.install_or_upgrade(spec).action == "unchanged"
    finally:
        releases.uninstall(spec)


def test_a_chart_of_a_registry_is_fetched_once(store: Registry, environ: dict[str, str], tmp_path: Path) -> None:
    helm = Helm.here(environ)
    first = Charts(None, tmp_path / "kept", helm).find(reference(store))
    asked = len(store.asked)
    assert asked > 0
    assert Charts(None, tmp_path / "kept", helm).find(reference(store)) == first
    assert len(store.asked) == asked


def test_another_digest_or_version_than_the_declared_one_is_refused_and_nothing_is_kept(
    store: Registry, environ: dict[str, str], tmp_path: Path
) -> None:
    charts = Charts(None, tmp_path / "kept", Helm.here(environ))

    def refused(ref: ChartRef) -> Permanent:
        with pytest.raises(Permanent) as caught:
            charts.find(ref)
        return caught.value

    unknown = refused(reference(store, digest="sha256:" + "0" * 64))
    assert unknown.code == "chart-not-fetched"
    assert "has no chart of this digest" in unknown.hint
    other = refused(reference(store, version="0.19.0"))
    assert (other.code, other.reason) == ("chart-version", "the chart's version is 0.20.0, and 0.19.0 is declared")

    honest = reference(store)
    kind, manifest = store.manifests[str(honest.digest)]
    store.manifests[str(honest.digest)] = (kind, manifest + b" ")
    forged = refused(honest)
    assert forged.code in {"chart-not-fetched", "chart-digest"}
    assert "digest" in forged.reason
    store.manifests[str(honest.digest)] = (kind, manifest)
    for digest, data in store.blobs.items():
        store.blobs[digest] = data[:-1] + b"x"
    assert "digest" in refused(honest).reason
    assert not [each for each in (tmp_path / "kept").iterdir() if each.suffix == ".tgz"]


def test_a_registry_that_is_away_may_come_back(environ: dict[str, str], tmp_path: Path) -> None:
    gone = ChartRef("oci://127.0.0.1:9/charts/x", "1.0.0", "sha256:" + "0" * 64)
    with pytest.raises(Retryable, match="connection refused"):
        Charts(None, tmp_path, Helm.here(environ)).find(gone)
