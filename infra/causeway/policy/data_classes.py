"""Audience, weights, dataset and checkpoints stay at sites that may hold their class; an upstream gets no other."""

from __future__ import annotations

from collections.abc import Iterator

from causeway.fleet.workloads import Workload
from causeway.policy.facts import Facts
from causeway.policy.findings import Draft, Path
from causeway.policy.rulebook import Version


def _placements(name: str, workload: Workload, facts: Facts) -> dict[str, tuple[tuple[str, ...], Path]]:
    """Where a workload runs: by site, its clusters there and the first place in the declaration that says so."""
    places: list[tuple[str, Path]] = [
        (part.cluster, ("workloads", name, "serve", index)) for index, part in enumerate(workload.serve)
    ]
    if workload.train:
        places.append((workload.train.cluster, ("workloads", name, "train")))
    if workload.gateway:
        places.append((workload.gateway.cluster, ("workloads", name, "gateway")))
    found: dict[str, tuple[tuple[str, ...], Path]] = {}
    for cluster, path in places:
        declared = facts.fleet.clusters.get(cluster)
        site = declared.site if declared else f"of unknown cluster {cluster}"
        clusters, first = found.get(site, ((), path))
        found[site] = (clusters if cluster in clusters else (*clusters, cluster), first)
    return found


def _classes(workload: Workload) -> dict[str, str | None]:
    """The class of each kind of data that a workload brings along; None for what should be declared and is not."""
    classes: dict[str, str | None] = {"audience": workload.audience}
    if workload.kind != "gateway":
        classes["weights"] = (workload.model.data_class or workload.audience) if workload.model else None
    if workload.kind == "training":
        classes["dataset"] = workload.dataset.data_class if workload.dataset else None
        train = workload.train
        classes["checkpoints"] = (train.checkpoint_data_class or workload.audience) if train else None
    elif workload.dataset:
        classes["dataset"] = workload.dataset.data_class
    return classes


def data_classes(facts: Facts, _version: Version) -> Iterator[Draft]:
    """data-classes: each workload at each site."""
    for name, workload in facts.fleet.workloads.items():
        classes = _classes(workload)
        for site_name, (clusters, path) in _placements(name, workload, facts).items():
            site = facts.fleet.sites.get(site_name)
            allowed = site.data_classes if site else ()
            shown = {
                **{kind: value or "not declared" for kind, value in classes.items()},
                "site_allows": ", ".join(allowed) or "nothing declared",
            }
            subject = f"{name}@{site_name}"
            wrong = [
                f"{kind} ({value})" for kind, value in classes.items() if value and allowed and value not in allowed
            ]
            missing = [kind for kind, value in classes.items() if value is None]
            if wrong:
                reason = f"site {site_name} may not hold {', '.join(wrong)}; it allows {', '.join(allowed)}"
                fix = f"Place this part of {name} at a site with that class, or have {site_name} cleared for it."
                yield Draft("fail", subject, path, reason, fix, clusters, shown)
            elif not allowed:
                fix = f"Write the classes that {site_name} may hold under `data_classes`."
                yield Draft(
                    "unknown", subject, path, f"site {site_name} declares no data classes", fix, clusters, shown
                )
            elif missing:
                reason = f"the class of {' and '.join(missing)} is not declared"
                fix = f"Declare the {' and '.join(missing)} of {name}."
                yield Draft("unknown", subject, path, reason, fix, clusters, shown)
            else:
                yield Draft("pass", subject, path, f"site {site_name} may hold all of it", "", clusters, shown)


def external_upstream(facts: Facts, _version: Version) -> Iterator[Draft]:
    """external-upstream: what a model of somebody else may receive."""
    for name, workload in facts.fleet.workloads.items():
        upstream = workload.upstream
        if upstream is None:
            continue
        subject, path = f"workload/{name}", ("workloads", name, "upstream")
        clusters = tuple(dict.fromkeys(part.cluster for part in workload.serve))
        shown = {
            "audience": workload.audience,
            "upstream_allows": ", ".join(upstream.data_classes) or "nothing declared",
        }
        if not upstream.data_classes:
            reason = "which data the upstream may receive is not declared"
            fix = f"Write the classes that its contract allows: `data_classes: [{workload.audience}]`."
            yield Draft("unknown", subject, path, reason, fix, clusters, shown)
        elif workload.audience not in upstream.data_classes:
            reason = f"the upstream may not receive data of the audience ({workload.audience})"
            yield Draft("fail", subject, path, reason, "Use an upstream whose contract allows it.", clusters, shown)
        else:
            yield Draft("pass", subject, path, f"the upstream may receive {workload.audience}", "", clusters, shown)
