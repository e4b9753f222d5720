"""The rollout of a pool, and the findings that only its waves can tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from causeway.capacity.offer import Capacity
from causeway.fleet.clusters import Pool
from causeway.fleet.hosts import PoolHosts
from causeway.fleet.load import LoadedFleet
from causeway.plan.durations import Durations, estimate
from causeway.plan.model import RolloutPlan
from causeway.plan.moves import Demand, PartMove, WaveCapacity, part_moves, staying
from causeway.plan.waves import Waves, spread, waves
from causeway.policy.findings import Finding
from causeway.policy.rulebook import rulebook

RULE = "rollout-bearable"


def rollout_plan(
    loaded: LoadedFleet, capacity: Capacity, hosts: PoolHosts, role: str | None, durations: Durations, on: date
) -> RolloutPlan:
    """How a change of a whole pool reaches its hosts: waves, what they mean for workloads, and how long it takes."""
    declared = loaded.fleet.clusters[hosts.cluster].pools[hosts.pool]
    settings = declared.rollout
    in_service = _in_service(hosts)
    out_already = len(hosts.names) - len(in_service)
    room = max(0, settings.max_unavailable.of(len(hosts.names)) - out_already)
    made = waves(_order(hosts, in_service, declared), settings.canary, room)
    return RolloutPlan(
        settings=settings,
        in_service=len(in_service),
        out_already=out_already,
        room=room,
        waves=made,
        capacity=_capacity(loaded, capacity, hosts, declared, made),
        estimate=estimate(made.runs, settings, role, durations, on),
    )


def _in_service(hosts: PoolHosts) -> range | list[int]:
    if not any(host.state != "in_service" for host in hosts.records.values()):
        return range(len(hosts.names))
    return [
        i
        for i, name in enumerate(hosts.names)
        if name not in hosts.records or hosts.records[name].state == "in_service"
    ]


def _order(hosts: PoolHosts, in_service: range | list[int], declared: Pool) -> range | list[int]:
    if declared.rollout.failure_domain is None:
        return in_service
    racks = {i: hosts.records[hosts.names[i]].rack or "" for i in in_service if hosts.names[i] in hosts.records}
    return list(spread(in_service, racks))


def _capacity(
    loaded: LoadedFleet, capacity: Capacity, hosts: PoolHosts, declared: Pool, made: Waves
) -> tuple[WaveCapacity, ...]:
    if declared.accelerator is None:
        return ()
    sizes = _sizes(hosts, declared.accelerators_per_host)
    installed = capacity.pools[hosts.cluster, hosts.pool].installed
    demands = [
        Demand(
            part,
            loaded.fleet.workloads[part.workload].on_drain,
            sum(other.workload == part.workload for other in capacity.parts) > 1,
        )
        for part in capacity.parts_on(hosts.cluster, hosts.pool)
    ]
    found = []
    for run in made.runs:
        left = sum(size * count for size, count in staying(sizes, run.hosts).items())
        moves = part_moves(sizes, run.hosts, demands)
        found.append(WaveCapacity(run.first, run.last, run.hosts, installed - left, left, moves))
    return tuple(found)


def _sizes(hosts: PoolHosts, per_host: int) -> dict[int, int]:
    """Hosts in service by the number of their accelerators."""
    sizes = Counter({per_host: hosts.in_service})
    for host in hosts.records.values():
        if host.state == "in_service" and host.expected_accelerators not in (None, per_host):
            sizes[per_host] -= 1
            sizes[host.expected_accelerators or 0] += 1
    return {size: count for size, count in sizes.items() if count}


def findings(loaded: LoadedFleet, cluster: str, pool: str, plan: RolloutPlan, on: date) -> Iterator[Finding]:
    """A finding for each part that a wave leaves without room or that refuses; once, for the first such wave."""
    told: set[tuple[str, int]] = set()
    for stretch in plan.capacity:
        for move in stretch.moves:
            key = (move.workload, move.index)
            if move.effect in ("stops", "pauses", "less_traffic") and key not in told:
                told.add(key)
                yield _finding(loaded, cluster, pool, stretch, move, on)


def _finding(loaded: LoadedFleet, cluster: str, pool: str, stretch: WaveCapacity, move: PartMove, on: date) -> Finding:
    rule = rulebook().rules[RULE]
    version = rule.on(on) or rule.versions[0]
    place = "train" if move.index < 0 else "serve"
    path = ("workloads", move.workload, place) if move.index < 0 else ("workloads", move.workload, place, move.index)
    what = "hosts" if move.index < 0 else "replicas"
    then = {
        "stops": "they stop until the wave is over",
        "pauses": "the job goes on from its checkpoint when the wave is over",
        "less_traffic": "the workload's other parts take the traffic meanwhile",
    }[move.effect]
    return Finding(
        rule=RULE,
        rule_version=version.since,
        verdict="fail",
        severity=rule.on_fail if move.effect == "stops" else "info",
        subject=f"{move.workload}@{cluster}/{pool}",
        clusters=(cluster,),
        path=path,
        where=loaded.marks.at(path),
        reason=(
            f"in wave {stretch.first_wave} of {cluster}/{pool} ({stretch.hosts} hosts out) {move.without_room} of "
            f"{move.replicas} {what} of {move.workload} have no room: {move.missing_accelerators} accelerators are "
            f"missing; {then}"
        ),
        fix="Lower `max_unavailable`, add hosts to the pool, or place fewer replicas on it.",
        evidence={
            "wave": str(stretch.first_wave),
            "hosts_out": str(stretch.hosts),
            "accelerators_left": str(stretch.accelerators_left),
            "missing_accelerators": str(move.missing_accelerators),
        },
        accepted_by=None,
        source=version.source,
    )


def accepted(finding: Finding, others: tuple[Finding, ...]) -> Finding:
    """The finding with the exception that accepts the rules' own finding on the same subject, if there is one."""
    match = next((f for f in others if (f.rule, f.subject) == (finding.rule, finding.subject) and f.accepted_by), None)
    return replace(finding, accepted_by=match.accepted_by) if match else finding
