"""The rollout of a pool, and the findings that only its waves can tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date

from causeway.capacity.offer import Capacity, WorkloadPart
from causeway.fleet.clusters import Pool
from causeway.fleet.governance import PolicyException
from causeway.fleet.hosts import PoolHosts
from causeway.fleet.load import LoadedFleet
from causeway.plan.durations import Durations, estimate
from causeway.plan.model import RolloutPlan
from causeway.plan.moves import Demand, PartMove, WaveCapacity, part_moves, staying
from causeway.plan.waves import Waves, spread, waves
from causeway.policy.findings import Finding, Path, Severity
from causeway.policy.rulebook import rulebook
from causeway.policy.settings import counts

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
    sizes = _sizes(hosts, declared.accelerators_per_host if declared.accelerator else 0)
    installed = capacity.pools[hosts.cluster, hosts.pool].installed
    demands = [
        Demand(
            part,
            loaded.fleet.workloads[part.workload].on_drain,
            any(other.workload == part.workload and _place(other) != _place(part) for other in capacity.parts),
        )
        for part in capacity.parts_on(hosts.cluster, hosts.pool)
    ]
    found = []
    for run in made.runs:
        left = sum(size * count for size, count in staying(sizes, run.hosts).items())
        moves = part_moves(sizes, run.hosts, demands)
        found.append(WaveCapacity(run.first, run.last, run.hosts, installed - left, left, moves))
    return tuple(found)


def _place(part: WorkloadPart) -> tuple[str, str | None]:
    return part.cluster, part.pool


def _sizes(hosts: PoolHosts, per_host: int) -> dict[int, int]:
    """Hosts in service by the number of their accelerators."""
    sizes = Counter({per_host: hosts.in_service})
    for host in hosts.records.values():
        if host.state == "in_service" and host.expected_accelerators not in (None, per_host):
            sizes[per_host] -= 1
            sizes[host.expected_accelerators or 0] += 1
    return {size: count for size, count in sizes.items() if count}


def findings(loaded: LoadedFleet, cluster: str, pool: str, plan: RolloutPlan, on: date) -> Iterator[Finding]:
    """What only waves can tell: a part that finds no room in one (once, for the first such), and that none can begin.

    The rule itself judges a pool and a workload as a whole; `merged` puts both together.
    """
    allowed = plan.settings.max_unavailable.of(plan.in_service + plan.out_already)
    if plan.in_service and allowed and not plan.room:
        yield _blocked(loaded, cluster, pool, plan, allowed, on)
    told: set[tuple[str, int]] = set()
    for stretch in plan.capacity:
        for move in stretch.moves:
            key = (move.workload, move.index)
            if move.effect in _THEN and key not in told:
                told.add(key)
                yield _without_room(loaded, cluster, pool, stretch, move, on)


_THEN: Mapping[str, str] = {
    "stops": "they stop until the wave is over",
    "pauses": "the job goes on from its checkpoint when the wave is over",
    "less_traffic": "the workload's other parts take the traffic meanwhile",
}


def _blocked(loaded: LoadedFleet, cluster: str, pool: str, plan: RolloutPlan, allowed: int, on: date) -> Finding:
    hosts = plan.in_service + plan.out_already
    return _finding(
        loaded,
        on,
        (cluster, pool),
        severity=rulebook().rules[RULE].on_fail,
        subject=f"{cluster}/{pool}",
        path=("clusters", cluster, "pools", pool, "rollout"),
        reason=(
            f"{_count(allowed, 'host')} of {hosts} may be out of service at once, and {plan.out_already} are out or "
            f"joining already: no wave can begin until they are in service"
        ),
        fix="Bring those hosts into service, or raise `max_unavailable`.",
        evidence={"hosts": str(hosts), "max_unavailable": str(allowed), "out_of_service": str(plan.out_already)},
    )


def _without_room(
    loaded: LoadedFleet, cluster: str, pool: str, stretch: WaveCapacity, move: PartMove, on: date
) -> Finding:
    what = "host" if move.index < 0 else "replica"
    missing = f"missing: {_count(move.missing_accelerators, 'accelerator')}"
    lacking = missing if move.missing_accelerators else "no host is left for them"
    return _finding(
        loaded,
        on,
        (cluster, pool),
        severity="info" if move.effect == "pauses" else rulebook().rules[RULE].on_fail,
        subject=f"{move.workload}@{cluster}/{pool}",
        path=("workloads", move.workload, *(("train",) if move.index < 0 else ("serve", move.index))),
        reason=(
            f"in wave {stretch.first_wave} of {cluster}/{pool} ({_count(stretch.hosts, 'host')} out) "
            f"{move.without_room} of {_count(move.replicas, what)} of {move.workload} have no room: {lacking}; "
            f"{_THEN[move.effect]}"
        ),
        fix="Lower `max_unavailable`, add hosts to the pool, or place fewer replicas on it.",
        evidence={
            "wave": str(stretch.first_wave),
            "hosts_out": str(stretch.hosts),
            "accelerators_left": str(stretch.accelerators_left),
            "missing_accelerators": str(move.missing_accelerators),
        },
    )


def _finding(
    loaded: LoadedFleet,
    on: date,
    pool: tuple[str, str],
    *,
    severity: Severity,
    subject: str,
    path: Path,
    reason: str,
    fix: str,
    evidence: Mapping[str, str],
) -> Finding:
    rule = rulebook().rules[RULE]
    version = rule.on(on) or rule.versions[0]
    return Finding(
        rule=RULE,
        rule_version=version.since,
        verdict="fail",
        severity=severity,
        subject=subject,
        clusters=(pool[0],),
        path=path,
        where=loaded.marks.at(path),
        reason=reason,
        fix=fix,
        evidence=evidence,
        accepted_by=_acceptance(loaded, (subject, "/".join(pool)), on),
        source=version.source,
    )


def _acceptance(loaded: LoadedFleet, subjects: tuple[str, ...], on: date) -> PolicyException | None:
    """The exception that accepts a finding: on its subject or on the whole pool, the one that lasts longest."""
    matching = [
        exception
        for exception in loaded.fleet.policy.exceptions
        if exception.rule == RULE and exception.subject in subjects and counts(exception, on)
    ]
    return max(matching, key=lambda exception: exception.expires) if matching else None


def merged(findings: Iterable[Finding], waved: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """The rules' findings with those of waves, which replace what the rule said of the same.

    The rule sees a pool with `max_unavailable` hosts out; a wave sees which hosts, with how many accelerators. So
    where a wave tells something of a pool, the rule's own finding on the pool goes, and on the workload when it passed.
    """
    subjects = {told.subject for told in waved}
    pools = {told.subject.rpartition("@")[2] for told in waved}

    def replaced(finding: Finding) -> bool:
        passed = finding.verdict == "pass" and finding.subject in subjects
        return finding.rule == RULE and (passed or finding.subject in pools)

    return (*(finding for finding in findings if not replaced(finding)), *waved)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
