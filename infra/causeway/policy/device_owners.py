"""One owner for each device resource of a node: the accelerator platform, or a chart of the fleet's own, never both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from causeway.fleet.base import Model, Text
from causeway.fleet.clusters import Cluster, OwnRelease
from causeway.policy.facts import Facts
from causeway.policy.findings import Draft
from causeway.policy.rulebook import Version, read, rulebook


class PluginChart(Model):
    """A chart that brings a device plugin."""

    resources: tuple[Text, ...]
    """Resources that it registers."""
    switch: Text | None = None
    """Value that turns the plugin off."""


class PluginCharts(Model):
    """Charts that bring a device plugin."""

    charts: dict[Text, PluginChart]
    """By the last part of the chart's name."""


@cache
def plugin_charts() -> Mapping[str, PluginChart]:
    """The charts of this release."""
    return PluginCharts.model_validate(read("device_plugins.yaml")).charts


def _chart_name(release: OwnRelease) -> str:
    """The last part of a chart's path or reference, without version, digest or ending."""
    last = release.chart.rstrip("/").rsplit("/", 1)[-1]
    return last.split("@")[0].split(":")[0].removesuffix(".tgz").lower()


def _at(values: Mapping[str, object], dotted: str) -> object:
    node: object = values
    for part in dotted.split("."):
        node = node.get(part) if isinstance(node, Mapping) else None
    return node


def _named_in(node: object) -> Iterator[str]:
    """Every text of a release's values."""
    if isinstance(node, Mapping):
        for child in node.values():
            yield from _named_in(child)
    elif isinstance(node, list | tuple):
        for child in node:
            yield from _named_in(child)
    elif isinstance(node, str):
        yield node


def _offered(cluster: Cluster, facts: Facts) -> dict[str, str]:
    """Resources that the platform registers on a cluster's nodes: the resource, and a pool that has it."""
    found: dict[str, str] = {}
    for name, pool in cluster.pools.items():
        entry = facts.catalog.accelerators.get(pool.accelerator or "")
        for resource in (entry.resource, *entry.resource_alternatives) if entry else ():
            if resource:
                found.setdefault(resource, name)
    return found


def device_owners(facts: Facts, _version: Version) -> Iterator[Draft]:
    """device-resource-owner: each chart of the fleet's own against the platform, and against the charts before it."""
    for cluster_name, cluster in facts.fleet.clusters.items():
        offered = _offered(cluster, facts)
        taken: dict[str, str] = dict.fromkeys(offered, "the accelerator platform")
        for name, release in cluster.releases.items():
            yield _release(cluster_name, name, release, offered, taken)


def _release(cluster: str, name: str, release: OwnRelease, offered: Mapping[str, str], taken: dict[str, str]) -> Draft:
    subject, path = f"{cluster}/releases/{name}", ("clusters", cluster, "releases", name)
    chart = plugin_charts().get(_chart_name(release))
    off = chart is not None and chart.switch is not None and _at(release.values, chart.switch) is False
    registers = chart.resources if chart and not off else ()
    both = [resource for resource in registers if resource in taken]
    for resource in registers:
        taken.setdefault(resource, f"release {name}")
    shown = {"chart": release.chart, "registers": ", ".join(registers) or "nothing known"}
    if both:
        where = f" on the nodes of pool {offered[both[0]]}" if both[0] in offered else ""
        reason = f"{both[0]}{where} is registered by {taken[both[0]]} and by this chart"
        switch = (
            f"set `{chart.switch}: false` in its values" if chart and chart.switch else "switch its device plugin off"
        )
        return Draft("fail", subject, path, reason, f"Remove this release, or {switch}.", (cluster,), shown)
    named = sorted({text for text in _named_in(release.values) if text in offered})
    if named and chart is None:
        reason = f"the values name {', '.join(named)}: whether the chart brings a device plugin is not known"
        fix = rulebook().rules["device-resource-owner"].fix
        return Draft("unknown", subject, path, reason, fix, (cluster,), shown)
    return Draft("pass", subject, path, "no device plugin beside the platform's is known in it", "", (cluster,), shown)
