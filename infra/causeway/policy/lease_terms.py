"""Nothing is planned outside a lease's term, and nothing new shortly before its end."""

from __future__ import annotations

from collections.abc import Iterator

from causeway.capacity.leases import last_scheduling_day
from causeway.fleet.leases import Lease
from causeway.fleet.workloads import Train
from causeway.policy.facts import Facts
from causeway.policy.findings import Draft, Path
from causeway.policy.rulebook import Version


def _leased_pools(facts: Facts) -> Iterator[tuple[str, str, str | None, Lease | None]]:
    """(cluster, pool, lease's name, lease) of every pool that a lease pays for, or would have to."""
    for cluster_name, cluster in facts.fleet.clusters.items():
        site = facts.fleet.sites.get(cluster.site)
        for pool_name, pool in cluster.pools.items():
            rented = site is not None and site.tenure != "owned" and pool.accelerator is not None
            if pool.lease or rented:
                yield cluster_name, pool_name, pool.lease, facts.fleet.leases.get(pool.lease or "")


def _shown(name: str, lease: Lease) -> dict[str, str]:
    return {"lease": name, "first_day": str(lease.term.start), "last_day": str(lease.term.end)}


def window(facts: Facts, _version: Version) -> Iterator[Draft]:
    """lease-window: pools on the day, training jobs over their days."""
    for cluster, pool, name, lease in _leased_pools(facts):
        subject, path, clusters = f"{cluster}/{pool}", ("clusters", cluster, "pools", pool), (cluster,)
        if lease is None or name is None:
            reason = f"lease {name} is not declared" if name else "no lease is named for this pool"
            yield Draft(
                "unknown", subject, path, reason, "Declare the lease under `leases` and name it in the pool.", clusters
            )
            continue
        shown = _shown(name, lease)
        if facts.on < lease.term.start:
            reason, fix = f"lease {name} starts only on {lease.term.start}", "Add the pool from that day on."
            yield Draft("fail", subject, path, reason, fix, clusters, shown)
        elif facts.on > lease.term.end:
            reason, fix = f"lease {name} ended on {lease.term.end}", "Extend the lease's term, or remove the pool."
            yield Draft("fail", subject, path, reason, fix, clusters, shown)
        else:
            yield Draft(
                "pass", subject, path, f"within lease {name}, whose last day is {lease.term.end}", "", clusters, shown
            )
        yield from _training(facts, cluster, pool, name, lease)


def _training(facts: Facts, cluster: str, pool: str, name: str, lease: Lease) -> Iterator[Draft]:
    for workload, declared in facts.fleet.workloads.items():
        train = declared.train
        if train is None or (train.cluster, train.pool) != (cluster, pool):
            continue
        yield _job(f"{workload}@{cluster}/{pool}", ("workloads", workload, "train"), train, name, lease, facts)


def _job(subject: str, path: Path, train: Train, name: str, lease: Lease, facts: Facts) -> Draft:
    starts, clusters = train.starts_on or facts.on, (train.cluster,)
    shown = {**_shown(name, lease), "starts": str(starts), "ends": str(train.ends_on)}
    last_new = last_scheduling_day(lease)
    if train.ends_on > lease.term.end:
        days = (train.ends_on - lease.term.end).days
        reason = f"the job is planned until {train.ends_on}, {days} days past lease {name}'s last day {lease.term.end}"
        return Draft(
            "fail", subject, path, reason, f"End it by {lease.term.end}, or extend the lease.", clusters, shown
        )
    if starts < lease.term.start:
        reason = f"the job starts on {starts}, before lease {name}'s first day {lease.term.start}"
        return Draft("fail", subject, path, reason, f"Write `starts_on: {lease.term.start}`.", clusters, shown)
    if train.starts_on and train.starts_on > last_new:
        reason = f"the job starts on {starts}, and nothing new is placed on lease {name} after {last_new}"
        return Draft("fail", subject, path, reason, "Start it earlier, or on another pool.", clusters, shown)
    return Draft("pass", subject, path, f"within lease {name}, whose last day is {lease.term.end}", "", clusters, shown)


def scheduling(facts: Facts, _version: Version) -> Iterator[Draft]:
    """lease-scheduling: the last days, in which work leaves and none comes."""
    for cluster, pool, name, lease in _leased_pools(facts):
        if lease is None or name is None:
            continue
        subject, path, clusters = f"{cluster}/{pool}", ("clusters", cluster, "pools", pool), (cluster,)
        last_new = last_scheduling_day(lease)
        shown = {**_shown(name, lease), "last_day_for_new_work": str(last_new)}
        here = ", ".join(dict.fromkeys(part.workload for part in facts.capacity.parts_on(cluster, pool)))
        if last_new < facts.on <= lease.term.end and here:
            reason = f"nothing new is placed on lease {name} since {last_new}; placed here: {here}"
            fix = f"Move {here} before {lease.term.end}."
            yield Draft("fail", subject, path, reason, fix, clusters, shown)
        elif facts.on > last_new:
            ended = facts.on > lease.term.end
            reason = f"lease {name} has ended; lease-window decides" if ended else "nothing is placed here any more"
            yield Draft("not_applicable" if ended else "pass", subject, path, reason, "", clusters, shown)
        else:
            yield Draft("pass", subject, path, f"new work may be placed until {last_new}", "", clusters, shown)
