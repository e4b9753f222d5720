"""Charts rendered offline: the same each way and each time, kept, and their refusals told in the declaration."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from causeway.cli.fleet_context import FleetContext
from causeway.cluster.charts import Charts, digest_of
from causeway.cluster.helm import Helm
from causeway.cluster.model import ChartRef, Rendered
from causeway.cluster.render import Renderer, Request, render_plans, request_of
from causeway.cluster.render_cache import RenderCache
from causeway.cluster.render_errors import declared_at
from causeway.errors import Permanent, Problems
from causeway.fleet.places import dotted
from tests.cluster.harness import HERE, KUBERNETES, SAMPLE

pytestmark = pytest.mark.tools
ROOT = HERE.parents[1]
ON = date(2026, 11, 22)
Make = Callable[..., Renderer]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Renderers with a cache of their own."""

    def renderer(name: str = "home", *, together: bool = True, root: Path = HERE) -> Renderer:
        made = Renderer.here(root, tmp_path / name, dict(os.environ))
        assert made.together is not None
        return made if together else Renderer(made.charts, made.cache, made.helm, None)

    return renderer


def request(name: str = "one", chart: str = "sample", **values: object) -> Request:
    return Request(ChartRef(chart), name, "place", values, KUBERNETES)


def test_one_helm_for_each_and_many_in_one_process_render_the_same(make: Make) -> None:
    given = {"tell": True, "given": [1.5, "y", {"a.b": None}, True, "2026-01-02", 10**15]}
    asked = [request(f"q-{number}", "quirks", **given) for number in range(2)]
    ways = [make(str(way), together=way).render(asked) for way in (True, False)]
    assert ways[0] == ways[1]
    assert [json.dumps(each.objects) for each in ways[0]] == [json.dumps(each.objects) for each in ways[1]]
    made = ways[0][0]
    assert list(made.objects) == ["v1/ConfigMap/place/listed", "widgets.test/v1/Widget/place/q-0"]
    assert list(made.hooks) == ["v1/ConfigMap/place/hook"]
    assert list(made.crds) == ["apiextensions.k8s.io/v1/CustomResourceDefinition//widgets.widgets.test"]
    widget = made.objects["widgets.test/v1/Widget/place/q-0"]
    assert widget["metadata"]["annotations"] == {"upgrade": "true", "revision": "1"}
    assert widget["merged"] == {"a": 1, "b": [2], "c": 3}


def test_releases_of_the_reference_fleet_render_the_same_each_way(make: Make) -> None:
    plan = FleetContext(ROOT / "inventory/reference", ON).plan
    asked = [request_of(release, made.kubernetes) for made in plan.clusters.values() for release in made.releases]
    first_of_each = {each.chart: each for each in asked}
    sample = [*first_of_each.values(), *asked[::15]]
    assert len(first_of_each) == 4
    assert make("together").render(sample) == make("apart", together=False).render(sample)


def test_equal_requests_are_rendered_once_and_kept_as_they_are(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    renderer = make()
    first = renderer.render([request(), request(), request("two")])
    assert first[0] is first[1]
    files = sorted(renderer.cache.folder.rglob("*.json"))
    assert len(files) == 2
    before = [file.read_bytes() for file in files]
    unusable = Renderer(renderer.charts, renderer.cache, renderer.helm, renderer.together)
    monkeypatch.setattr("causeway.cluster.render.run", None)
    monkeypatch.setattr(Helm, "run", None)
    assert unusable.render([request(), request(), request("two")]) == first
    assert [file.read_bytes() for file in files] == before
    assert not [each for each in renderer.cache.folder.rglob("*") if each.name.startswith(".new-")]


def test_what_a_rendering_depends_on_makes_another(make: Make, tmp_path: Path) -> None:
    shutil.copytree(HERE / "sample", tmp_path / "own" / "sample")
    renderer = make(root=tmp_path / "own")
    (plain,) = renderer.render([request()])
    for other in (
        request("two"),
        request(replicas=2),
        Request(SAMPLE, "one", "elsewhere", {}, KUBERNETES),
        Request(SAMPLE, "one", "place", {}, "1.33"),
    ):
        renderer.render([other])
    assert len([*renderer.cache.folder.rglob("*.json")]) == 5
    values = tmp_path / "own" / "sample" / "values.yaml"
    values.write_text(values.read_text().replace("replicas: 1", "replicas: 7"))
    (changed,) = make(root=tmp_path / "own").render([request()])
    assert changed != plain


@pytest.mark.parametrize("damage", [b"", b"{", b'{"objects": 1}', b'{"objects": {}, "hooks": {}}'])
def test_a_kept_file_that_cannot_be_read_is_made_anew(make: Make, damage: bytes) -> None:
    renderer = make()
    (made,) = renderer.render([request()])
    (file,) = renderer.cache.folder.rglob("*.json")
    file.write_bytes(damage)
    assert renderer.render([request()]) == (made,)
    assert json.loads(file.read_bytes())["objects"] == made.objects


def test_too_many_kept_files_lose_those_that_nobody_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("causeway.cluster.render_cache._MOST", 4)
    cache = RenderCache(tmp_path)
    for number in range(6):
        cache.put(f"{number}{number}x", Rendered({}))
        file = tmp_path / f"{number}{number}" / f"{number}{number}x.json"
        os.utime(file, (number, number))
    assert cache.get("00x") == Rendered({})
    cache.sweep()
    assert [each is not None for each in map(cache.get, ("00x", "11x", "22x", "33x", "44x", "55x"))] == [
        True,
        False,
        False,
        False,
        True,
        True,
    ]


def test_a_template_that_fails_is_told_without_a_traceback(make: Make) -> None:
    for together in (True, False):
        with pytest.raises(Problems) as caught:
            make(str(together), together=together).render([request(broken=True), request("fine")])
        (error,) = caught.value.errors
        assert error.code == "chart-refuses"
        assert "the sample was asked to be broken (sample/templates/workload.yaml:1)" in error.reason


FLEET = (ROOT / "inventory/sandbox/fleet.yaml").read_text("utf-8")


OWN = """\
    platform:
      no-such-setting: 1
    releases:
      mine:
        chart: own-chart
        values:
          ports: {http: [80]}
          replicas: -1
"""


def declared(folder: Path, *changes: tuple[str, str]) -> FleetContext:
    """The sandbox's fleet with other lines."""
    text = FLEET
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    folder.mkdir(exist_ok=True)
    (folder / "fleet.yaml").write_text(text, "utf-8")
    return FleetContext(folder, ON, shown="fleet")


def line_of(folder: Path, words: str) -> int:
    lines = (folder / "fleet.yaml").read_text("utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if words in line)


def test_bad_values_are_all_told_at_their_lines_of_the_declaration(make: Make, tmp_path: Path) -> None:
    shutil.copytree(HERE / "sample", tmp_path / "fleet" / "own-chart")
    context = declared(
        tmp_path / "fleet",
        ("    values: {}  ", "    values:\n      no-such-value: 1\n      podAnnotations: [wrong]\n    #"),
        ("    delivery: pulumi ", f"{OWN}    delivery: pulumi "),
    )
    with pytest.raises(Problems) as caught:
        render_plans(make(root=context.loaded.root), context.loaded, context.plan.clusters.values())
    found = {(error.subject, str(error.where).split(":")[1]): error for error in caught.value.errors}
    cluster = next(iter(context.plan.clusters))
    expected = {
        ("workloads.doubao.values.no-such-value", "no-such-value: 1"),
        ("workloads.doubao.values.podAnnotations", "podAnnotations: [wrong]"),
        (f"clusters.{cluster}.platform.no-such-setting", "no-such-setting: 1"),
        (f"clusters.{cluster}.releases.mine.values.ports.http", "ports: {http: [80]}"),
        (f"clusters.{cluster}.releases.mine.values.replicas", "replicas: -1"),
    }
    assert found.keys() == {(subject, str(line_of(tmp_path / "fleet", words))) for subject, words in expected}
    told = str(caught.value)
    assert "Traceback" not in told
    assert "none of its forms fits: got array, want" in told
    assert "values.schema.json of the chart inference" in told


FAILING = """\
    platform:
      vendors:
        nvidia:
          profile: no-such-profile
    releases:
      mine:
        chart: own-chart
        values:
          box:
            width: 3
      other:
        chart: own-chart
        values:
          word: "yes"
      away:
        chart: https://127.0.0.1:9/away-1.0.0.tgz
        digest: sha256:0000000000000000000000000000000000000000000000000000000000000000
"""


def test_what_a_template_refuses_is_told_at_the_line_of_the_value_that_it_names(make: Make, tmp_path: Path) -> None:
    folder = tmp_path / "fleet"
    (folder / "own-chart" / "templates").mkdir(parents=True)
    (folder / "own-chart" / "Chart.yaml").write_text("{apiVersion: v2, name: own-chart, version: 0.1.0}")
    template = '{{ if .Values.word }}{{ fail "note: this is no path of a value" }}{{ end }}{{ .Values.box.width.deep }}'
    (folder / "own-chart" / "templates" / "one.yaml").write_text(template)
    context = declared(
        folder,
        ("engine: {name: vllm-mlu}", "engine: {name: vllm-mlu, image: 'Not An Image'}"),
        ("    values: {}  ", "    values:\n      startup:\n        timeoutSeconds: [1]\n    #"),
        ("    delivery: pulumi ", f"{FAILING}    delivery: pulumi "),
    )
    with pytest.raises(Problems) as caught:
        render_plans(make(root=context.loaded.root), context.loaded, context.plan.clusters.values())
    found = {(error.code, str(error.where).split(":")[1]): error.reason for error in caught.value.errors}
    expected = {
        ("chart-refuses", "profile: no-such-profile"): "there is no profile no-such-profile",
        ("chart-refuses", "width: 3"): "can't evaluate field deep",
        ("chart-refuses", "other:"): "note: this is no path of a value",
        ("chart-not-fetched", "away:"): "connection refused",
        ("bad-values", "image: 'Not An Image'"): "engine.image of doubao-cambricon",
        ("bad-values", "timeoutSeconds: [1]"): "startup.timeoutSeconds",
    }
    assert found.keys() == {(code, str(line_of(folder, words))) for code, words in expected}
    for (code, words), told in expected.items():
        assert told in found[code, str(line_of(folder, words))]


@pytest.mark.parametrize(
    ("release", "pointer", "path"),
    [
        ("doubao-cambricon", ("engine", "image"), "workloads.doubao.serve[1].engine.image"),
        ("doubao-cambricon", ("accelerator", "count"), "workloads.doubao.serve[1].accelerators_per_replica"),
        ("doubao-cambricon", ("model", "name"), "workloads.doubao.model.name"),
        ("doubao-cambricon", ("imageRegistry",), "sites.cn-north.mirrors.images"),
        ("doubao-cambricon", ("something", "else"), "workloads.doubao.serve[1]"),
        ("doubao-gateway", ("host",), "workloads.doubao.gateway.host"),
        ("foundation-international", ("endsOn",), "workloads.foundation-international.train.ends_on"),
        ("accelerator-platform", ("vendors", "nvidia"), "clusters.cn-north-inference.pools"),
    ],
)
def test_a_value_that_causeway_made_leads_to_the_field_that_it_is_made_from(
    release: str, pointer: tuple[str, ...], path: str
) -> None:
    context = FleetContext(ROOT / "inventory/sandbox", ON)
    plans = (each for made in context.plan.clusters.values() for each in made.releases)
    found, own = declared_at(pointer, next(each for each in plans if each.name == release), context.loaded)
    assert (dotted(found), own) == (path, False)


def test_a_chart_that_is_not_there_or_not_pinned_is_told_with_what_there_is(make: Make) -> None:
    with pytest.raises(Problems) as caught:
        make().render([request(chart="no-such-chart"), request(chart="oci://charts.test/x"), request(chart="../x")])
    assert [error.code for error in caught.value.errors] == ["chart-missing", "chart-not-pinned", "bad-chart"]
    assert "accelerator-platform" in caught.value.errors[0].hint


def test_a_fetched_chart_is_compared_with_its_digest_and_fetched_once(make: Make, tmp_path: Path) -> None:
    charts = make().charts
    archive = tmp_path / "served"
    archive.mkdir()
    ended = charts.helm.run(["package", str(HERE / "sample"), "--destination", str(archive)])
    assert ended.status == 0, ended.error
    with served(archive) as base:
        wrong = ChartRef(f"{base}/sample-0.1.0.tgz", digest="sha256:" + "0" * 64)
        with pytest.raises(Permanent) as caught:
            charts.find(wrong)
        assert caught.value.code == "chart-digest"
        right = ChartRef(f"{base}/sample-0.1.0.tgz", digest=f"sha256:{digest_of(archive / 'sample-0.1.0.tgz')}")
        first = charts.find(right)
    again = Charts(None, charts.cache, charts.helm).find(right)
    assert again == first
    made = make().render([Request(right, "one", "place", {}, KUBERNETES)])
    assert made == make().render([request()])
    assert not [each for each in charts.cache.iterdir() if each.name.startswith(".")]


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a web server for one folder, on a free port of this machine."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
