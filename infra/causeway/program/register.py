"""Registers a stack's document with the engine: leases, pools and workloads as a tree, in the order they need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

import pulumi

from causeway.program.baseline import Baseline
from causeway.program.components import Cluster, Pool, Site, Workload
from causeway.program.document import ReleaseDocument, StackDocument
from causeway.program.lease import Lease
from causeway.program.release import Release

PLATFORM = "platform"
NOT_DONE = "not done: `causeway preview` tells its hosts"


@dataclass(frozen=True, slots=True)
class Ready:
    """What belongs to a document and is not kept with it.

    Args:
        secrets: values by name.
        rendered: inputs of each release that rendering gives (`values`, `objects`, `hooks`, `crds`), by its name.
        access: how the cluster is reached; None where nobody needs it.
        today: the day on which approvals are read.
    """

    secrets: Mapping[str, pulumi.Input[str]] = field(repr=False)
    rendered: Mapping[str, Mapping[str, Any]]
    access: pulumi.Input[Mapping[str, Any]] | None
    today: date


@dataclass(frozen=True, slots=True)
class Registered:
    """What a cluster was made of: `pools` by name, and everything that the engine has to answer for."""

    pools: Mapping[str, Baseline]
    resources: tuple[pulumi.Resource, ...]


def register(document: StackDocument, ready: Ready) -> tuple[pulumi.Resource, ...]:
    """Declare everything; nothing is waited for. Returns what the engine has to answer for."""
    site = Site(document.site)
    cluster = Cluster(document.cluster, pulumi.ResourceOptions(parent=site))
    made = register_below(cluster, document, ready)
    site.register_outputs({})
    for name, value in _outputs(document, made.pools).items():
        pulumi.export(name, value)
    return (site, cluster, *made.resources)


def register_below(cluster: Cluster, document: StackDocument, ready: Ready) -> Registered:
    """Declare a cluster's leases, pools and workloads below it."""
    leases = [
        Lease(
            name,
            **_named(inputs),
            opts=pulumi.ResourceOptions(parent=cluster, protect=_protected(inputs, ready.today)),
        )
        for name, inputs in document.leases.items()
    ]
    pools = {name: _pool(cluster, document, ready, name, inputs) for name, inputs in document.pools.items()}
    releases = _releases(cluster, document, ready, pools)
    cluster.register_outputs({"extents": {name: asdict(each) for name, each in document.extents.items()}})
    return Registered(pools, (*leases, *pools.values(), *releases))


def _named(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {"notice_by" if name == "noticeBy" else name: value for name, value in inputs.items()}


def _pool(cluster: Cluster, document: StackDocument, ready: Ready, name: str, inputs: Mapping[str, Any]) -> Baseline:
    pool = Pool(name, pulumi.ResourceOptions(parent=cluster))
    given = {key: value for key, value in inputs.items() if key != "secretNames"}
    secrets = {each: ready.secrets[each] for each in inputs["secretNames"] if each in ready.secrets}
    made = Baseline(
        f"{document.cluster}/{name}",
        **given,
        secrets=secrets or None,
        access=ready.access,
        opts=pulumi.ResourceOptions(parent=pool, protect=_protected(inputs, ready.today)),
    )
    pool.register_outputs({})
    return made


def _releases(cluster: Cluster, document: StackDocument, ready: Ready, pools: Mapping[str, Baseline]) -> list[Release]:
    if ready.access is None:
        return []
    done: list[Release] = []
    platform: list[Release] = []
    groups: dict[str, Workload] = {}
    for release in sorted(document.releases, key=lambda each: each.kind != PLATFORM):
        parent: pulumi.Resource = cluster
        if release.workload is not None:
            if release.workload not in groups:
                groups[release.workload] = Workload(release.workload, pulumi.ResourceOptions(parent=cluster))
            parent = groups[release.workload]
        needs = [*platform, *(pool for name, pool in pools.items() if name == release.pool)]
        made = _release(release, ready, pulumi.ResourceOptions(parent=parent, depends_on=needs))
        done.append(made)
        if release.kind == PLATFORM:
            platform.append(made)
    for group in groups.values():
        group.register_outputs({})
    return done


def _release(release: ReleaseDocument, ready: Ready, options: pulumi.ResourceOptions) -> Release:
    secrets = {name: ready.secrets[name] for name in release.secrets if name in ready.secrets}
    assert ready.access is not None  # noqa: S101 - the caller looked
    return Release(
        release.name,
        **release.inputs,
        **ready.rendered[release.name],
        secrets=secrets or None,
        access=ready.access,
        opts=options,
    )


def _protected(inputs: Mapping[str, Any], today: date) -> bool:
    """Whether the engine keeps the resource from being deleted: leased capacity without an approval that counts."""
    protection = inputs.get("protection")
    if protection is None:
        return False
    return not any(
        each["operation"] == "destroy" and date.fromisoformat(each["expires"]) >= today
        for each in protection["approvals"]
    )


def _outputs(document: StackDocument, pools: Mapping[str, Baseline]) -> dict[str, Any]:
    """What people ask a stack for."""
    return {
        "site": document.site,
        "cluster": document.cluster,
        "kubernetes": document.kubernetes,
        "rulesAsOf": document.on,
        "hosts": {name: pool.state.apply(_counts).recover(lambda _failure: NOT_DONE) for name, pool in pools.items()},
        "releases": [f"{each.inputs['namespace']}/{each.inputs['release']}" for each in document.releases],
        "leases": {
            name: f"{each['share']} of {each['quantity']} until {each['end']}" for name, each in document.leases.items()
        },
    }


def _counts(states: Mapping[str, str]) -> str:
    """`15 ok, 1 failed`, by the first words of the hosts' states."""
    found: dict[str, int] = {}
    for state in states.values():
        word = state.partition(" ")[0].rstrip(":;").replace("_", " ")
        found[word] = found.get(word, 0) + 1
    return ", ".join(f"{count} {word}" for word, count in sorted(found.items(), key=lambda each: -each[1])) or "none"
