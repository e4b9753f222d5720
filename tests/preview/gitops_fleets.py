"""The sandbox's fleet delivered by Argo CD and Flux, and its tree."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from causeway.cluster.model import Object, Rendered
from causeway.cluster.objects import key_of
from causeway.cluster.render import Renderer, request_of
from causeway.fleet.load import LoadedFleet
from causeway.plan.model import ClusterPlan
from causeway.preview.gitops import Tree, tree
from tests.plan.fleets import SANDBOX, Change, Document, changed, planned

NORTH, JOHOR, CLOUD = "cn-north-inference", "my-johor-training", "sg-cloud-serving"
REPOSITORY = "https://git.example.test/platform/deploy.git"


def delivered(document: Document) -> None:
    """Argo CD on one cluster, Flux on another, Causeway on the third; External Secrets for the upstream's key."""
    document["clusters"][NORTH]["delivery"] = "argocd"
    document["clusters"][CLOUD]["delivery"] = "flux"
    document["gitops"] = {"repository": REPOSITORY, "path": "fleets/sandbox", "secret_store": "vault"}
    document["secrets"]["cici-upstream-key"] = {"from": "external_secret", "name": "llm/cici"}


@cache
def renderer(home: Path) -> Renderer:
    return Renderer.here(SANDBOX, home, os.environ)


def rendered(plan: ClusterPlan, home: Path) -> list[Rendered]:
    """What the cluster's releases render, by the real charts."""
    return list(renderer(home).render([request_of(release, plan.kubernetes) for release in plan.releases]))


def tree_of(home: Path, change: Change = delivered, *clusters: str) -> Tree:
    """The tree of the changed fleet, of some clusters or of all."""
    loaded = changed(change)
    plans = [plan for name, plan in planned(loaded).clusters.items() if not clusters or name in clusters]
    return tree(loaded, plans, {plan.cluster: rendered(plan, home) for plan in plans})


def tree_with(
    loaded: LoadedFleet,
    plan: ClusterPlan,
    *objects: Object,
    crds: tuple[Object, ...] = (),
    hooks: tuple[Object, ...] = (),
) -> Tree:
    """The tree of a cluster whose first release renders these objects, and whose others nothing."""
    namespace = plan.releases[0].namespace

    def keyed(documents: tuple[Object, ...]) -> dict[str, Object]:
        return {key_of(each, namespace): each for each in documents}

    first = Rendered(keyed(objects), keyed(hooks), keyed(crds))
    return tree(loaded, [plan], {plan.cluster: [first, *[Rendered({})] * (len(plan.releases) - 1)]})


def document(files: Mapping[str, str], path: str) -> dict[str, Any]:
    """One file of a tree, read as YAML."""
    found = yaml.safe_load(files[path])
    assert isinstance(found, dict)
    return found
