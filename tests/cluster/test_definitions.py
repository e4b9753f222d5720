"""Definitions from a chart's `crds` folder: applied with the release, updated as Helm never does, never deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from causeway.cluster.model import Access, ChartRef, ReleaseSpec, Rendered
from causeway.cluster.releases import preview
from causeway.cluster.render import Request
from tests.cluster.harness import CLUSTER, KUBERNETES, Live

pytestmark = pytest.mark.tools
QUIRKS = ChartRef("quirks")
DEFINITION = "apiextensions.k8s.io/v1/CustomResourceDefinition//widgets.widgets.test"


def quirks(
    live: Live, name: str, crds: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None, **settings: Any
) -> ReleaseSpec:
    """A release of the chart `quirks`, with its definitions changed."""
    values = {"given": 1, **settings}
    (made,) = live.renderer.render([Request(QUIRKS, name, name, values, KUBERNETES)])
    if crds is not None:
        made = replace(made, crds={key: crds(each) for key, each in made.crds.items()})
    return ReleaseSpec(Access(context=CLUSTER), name, name, QUIRKS, values, KUBERNETES, made, {}, 60)


@pytest.fixture
def release(live: Live, new_name: Callable[[], str]) -> Iterator[str]:
    """Name of a release that is gone afterwards, with its definitions."""
    name = new_name()
    yield name
    live.releases.uninstall(quirks(live, name))
    live.kubectl("delete", "customresourcedefinitions", "widgets.widgets.test", "--ignore-not-found")


def with_a_short_name(definition: Mapping[str, Any]) -> Mapping[str, Any]:
    spec = definition["spec"]
    return {**definition, "spec": {**spec, "names": {**spec["names"], "shortNames": ["wd"]}}}


def test_definitions_come_before_their_objects_are_updated_and_stay(live: Live, release: str) -> None:
    spec = quirks(live, release)
    outcome = live.releases.install_or_upgrade(spec)
    assert (outcome.action, outcome.failure) == ("installed", None)
    widget = live.object(f"widgets.test/v1/Widget/{release}/{release}")
    assert widget is not None
    key = f"widgets.test/v1/Widget/{release}/{release}"
    assert {name: widget[name] for name in ("scalars", "merged")} == {
        name: spec.rendered.objects[key][name] for name in ("scalars", "merged")
    }, "the cluster holds what was rendered offline, however YAML's readers disagree"
    assert live.releases.install_or_upgrade(spec).action == "unchanged"
    assert not live.releases.observe(spec).drifted

    changed = quirks(live, release, with_a_short_name)
    assert [each.key for each in preview(spec.rendered, changed.rendered).crds] == [DEFINITION]
    assert [each.key for each in live.releases.observe(changed).changes] == [DEFINITION]
    assert live.releases.install_or_upgrade(changed).failure is None
    definition = live.object(DEFINITION)
    assert definition is not None
    assert definition["spec"]["names"]["shortNames"] == ["wd"]
    assert not live.releases.observe(changed).drifted

    without = replace(spec.rendered, crds={})
    assert preview(spec.rendered, without).crds == ()
    live.releases.uninstall(changed)
    assert live.object(DEFINITION) is not None
    assert preview(spec.rendered, Rendered({})).crds == ()


def test_a_chart_that_renders_otherwise_on_the_cluster_is_told(live: Live, release: str) -> None:
    outcome = live.releases.install_or_upgrade(quirks(live, release, tell=True))
    assert outcome.failure is None
    assert any("rendered otherwise than in the preview" in note and "upgrade" in note for note in outcome.notes)
