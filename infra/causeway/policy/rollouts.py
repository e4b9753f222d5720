"""Whether workloads can bear a pool's rollout, as far as the declaration tells. The plan adds what each wave does."""

from __future__ import annotations

from collections.abc import Iterator

from causeway.capacity.offer import PoolCapacity, WorkloadPart
from causeway.capacity.packing import pack
from causeway.fleet.clusters import Pool
from causeway.fleet.workloads import Workload
from causeway.policy.facts import Facts
from causeway.policy.findings import Draft, Path
from causeway.policy.rulebook import Version


def bearable(facts: Facts, _version: Version) -> Iterator[Draft]:
    """rollout-bearable: each pool whose hosts Causeway changes, then each workload on it."""
    for (cluster, name), pool in facts.capacity.pools.items():
        declared = facts.fleet.clusters[cluster].pools[name]
        if declared.nodes is not None or not pool.hosts:
            continue
        parts = facts.capacity.parts_on(cluster, name)
        yield _pool(cluster, name, declared, pool, parts)
        for part in parts:
            yield from _workload(facts.fleet.workloads[part.workload], part, declared)


def _pool(cluster: str, name: str, declared: Pool, pool: PoolCapacity, parts: tuple[WorkloadPart, ...]) -> Draft:
    subject, path, clusters = f"{cluster}/{name}", ("clusters", cluster, "pools", name, "rollout"), (cluster,)
    out = declared.rollout.max_unavailable.of(pool.hosts)
    already = pool.hosts - pool.hosts_in_service
    shown = {"hosts": str(pool.hosts), "max_unavailable": str(out), "out_of_service": str(already)}
    if out == 0:
        return Draft("fail", subject, path, "no host may ever leave service, so nothing can be rolled out",
                     "Allow at least one host in `max_unavailable`.", clusters, shown)  # fmt: skip
    left = min(pool.hosts - out, pool.hosts_in_service)
    stuck = _without_place(parts, pool.per_host, left)
    if stuck:
        missing = sum(count * part.accelerators_per_replica for part, count in stuck)
        words = ", ".join(f"{count} of {part.replicas} replicas of {part.workload}" for part, count in stuck)
        reason = f"with {out} of {pool.hosts} hosts out, {words} have no place: {missing} accelerators are missing"
        fix = "Lower `max_unavailable`, or add hosts to the pool."
        return Draft("fail", subject, path, reason, fix, clusters, {**shown, "missing_accelerators": str(missing)})
    return Draft(
        "pass", subject, path, f"with {out} of {pool.hosts} hosts out, every replica has a place", "", clusters, shown
    )


def _without_place(parts: tuple[WorkloadPart, ...], per_host: int, hosts: int) -> list[tuple[WorkloadPart, int]]:
    """Replicas that the remaining hosts cannot hold.

    Training jobs are no replicas: they stop at a checkpoint, and `on_drain` speaks for them.
    """
    replicas = [part for part in parts if part.index >= 0 and part.accelerators_per_replica > 0]
    replicas.sort(key=lambda part: (-part.accelerators_per_replica, part.workload, part.index))
    return [(replicas[position], left) for position, left in pack({per_host: hosts}, replicas).items()]


def _workload(workload: Workload, part: WorkloadPart, declared: Pool) -> Iterator[Draft]:
    subject = f"{part.workload}@{part.cluster}/{part.pool}"
    path: Path = ("workloads", part.workload, "on_drain")
    shown = {"on_drain": workload.on_drain, "drain_timeout": str(declared.rollout.drain_timeout)}
    clusters = (part.cluster,)
    if workload.on_drain == "refuse":
        reason = "the workload refuses to leave a host, so no host under it can be changed"
        fix = "Choose another `on_drain`, or change the hosts when the workload is gone."
        yield Draft("fail", subject, path, reason, fix, clusters, shown)
    elif workload.on_drain == "wait_for_end" and workload.kind == "training":
        reason = "a training job that is waited for ends long after `drain_timeout`"
        yield Draft("fail", subject, path, reason, "Choose `on_drain: checkpoint`.", clusters, shown)
    elif workload.on_drain == "shift_traffic" and workload.kind == "inference" and _alone(workload, part):
        reason = "one replica on one pool serves all traffic, and there is nowhere to shift it to"
        yield Draft("fail", subject, path, reason, "Add a replica, or a part on another pool.", clusters, shown)
    else:
        yield Draft("pass", subject, path, f"hosts under it are emptied by {workload.on_drain}", "", clusters, shown)


def _alone(workload: Workload, part: WorkloadPart) -> bool:
    return len(workload.serve) == 1 and part.replicas == 1
