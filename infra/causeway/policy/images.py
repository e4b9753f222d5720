"""Images and fetched charts are named by digest, so that what runs is what was looked at."""

from __future__ import annotations

import re
from collections.abc import Iterator

from causeway.fleet.workloads import Workload
from causeway.policy.facts import Facts
from causeway.policy.findings import Draft
from causeway.policy.rulebook import Version

_PINNED = re.compile(r"@sha256:[0-9a-f]{64}$")


def images_pinned(facts: Facts, _version: Version) -> Iterator[Draft]:
    """images-pinned: each workload with an engine, each fetched chart."""
    for name, workload in facts.fleet.workloads.items():
        if any(part.engine for part in workload.serve):
            yield _workload(name, workload, facts)
    for cluster_name, cluster in facts.fleet.clusters.items():
        for name, release in cluster.releases.items():
            if not release.chart.startswith("oci://"):
                continue
            subject, path = f"{cluster_name}/releases/{name}", ("clusters", cluster_name, "releases", name)
            if release.digest or _PINNED.search(release.chart):
                yield Draft("pass", subject, path, "the chart is pinned by digest", clusters=(cluster_name,))
            else:
                reason = f"chart {release.chart} is fetched by version only"
                yield Draft("fail", subject, path, reason, "Write the chart's `digest`.", (cluster_name,))


def _workload(name: str, workload: Workload, facts: Facts) -> Draft:
    loose: dict[str, None] = {}
    for part in workload.serve:
        engine = part.engine
        if engine is None:
            continue
        if engine.image is None:
            known = facts.catalog.engines.get(engine.name)
            image = known.image if known and known.image else "unknown"
            loose[f"{engine.name} on {part.pool or part.cluster} takes the catalog's image ({image})"] = None
        elif not _PINNED.search(engine.image):
            loose[f"{engine.image} on {part.pool or part.cluster} has no digest"] = None
    subject, path = f"workload/{name}", ("workloads", name)
    clusters = tuple(dict.fromkeys(part.cluster for part in workload.serve))
    if not loose:
        return Draft("pass", subject, path, "every image is pinned by digest", clusters=clusters)
    fix = "Write `engine.image` with its digest: `image: name@sha256:...`."
    return Draft("fail", subject, path, "; ".join(loose), fix, clusters)
