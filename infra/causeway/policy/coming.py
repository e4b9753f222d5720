"""Ends that come near, told 60, 30 and 7 days ahead: of vetting, licences, leases, drivers, exceptions, approvals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from causeway.capacity.leases import calendar
from causeway.policy.compatibility import answered, pools_with_accelerators, query_of
from causeway.policy.facts import Facts
from causeway.policy.findings import Draft, Path
from causeway.policy.rulebook import Version

STEPS = (7, 30, 60)
"""Days ahead at which an end is told, nearest first."""


@dataclass(frozen=True, slots=True)
class Event:
    """A day that somebody has to prepare for."""

    day: date
    subject: str
    path: Path
    clusters: tuple[str, ...]
    what: str
    """What happens on that day."""
    fix: str


def _vetting(facts: Facts) -> Iterator[Event]:
    for name, held in facts.roles.items():
        party = facts.party(name)
        if party is None or party.own or party.vetting is None:
            continue
        clusters = tuple(dict.fromkeys(cluster for role in held for cluster in role.clusters))
        path: Path = ("parties", name, "vetting")
        yield Event(party.vetting.valid_until, f"party/{name}", path, clusters, f"the vetting of {name} runs out",
                    "Have the party and its ultimate parent checked again.")  # fmt: skip


def _licences(facts: Facts) -> Iterator[Event]:
    clusters: dict[Path, list[str]] = {}
    for asset in facts.assets:
        for path, _ in asset.authorisations:
            clusters.setdefault(path, []).extend(asset.clusters)
    told: set[Path] = set()
    for asset in facts.assets:
        for path, licence in asset.authorisations:
            if path in told:
                continue
            told.add(path)
            what = f"licence {licence.id} for {licence.rule} runs out"
            holders = tuple(dict.fromkeys(clusters[path]))
            yield Event(
                licence.valid_until, asset.subject, path, holders, what, f"Renew {licence.id}, or remove the pool."
            )


_LEASE_FIX = {
    "ends": "Extend the lease, or move what runs on it.",
    "notice_due": "Give notice, or decide to go on.",
    "stop_scheduling": "Place new work elsewhere from then on.",
}
_LEASE_WORDS = {
    "ends": "is the last day of lease",
    "notice_due": "is the last day for notice on lease",
    "stop_scheduling": "is the last day for new work on lease",
}


def _leases(facts: Facts) -> Iterator[Event]:
    for event in calendar(facts.loaded):
        if event.kind not in _LEASE_FIX:
            continue
        what = f"{_LEASE_WORDS[event.kind]} {event.lease}"
        path: Path = ("leases", event.lease, "term")
        clusters = facts.clusters_of_lease(event.lease)
        yield Event(event.day, f"lease/{event.lease}", path, clusters, what, _LEASE_FIX[event.kind])


def _drivers(facts: Facts) -> Iterator[Event]:
    for cluster_name, name, cluster, pool in pools_with_accelerators(facts):
        query = query_of(cluster, pool)
        resolution = answered(facts.catalog, query, facts.on)
        for row in resolution.lifetimes if resolution else ():
            if row.ends_on is None or row.verdict == "unknown":
                continue
            what = f"is the last day of support of driver {query.driver}"
            path: Path = ("clusters", cluster_name, "pools", name, "drivers")
            yield Event(row.ends_on, f"{cluster_name}/{name}", path, (cluster_name,), what, "Plan a newer branch.")


def _acceptances(facts: Facts) -> Iterator[Event]:
    policy, clusters = facts.fleet.policy, facts.all_clusters
    for index, exception in enumerate(policy.exceptions):
        what = f"the exception for {exception.rule} on {exception.subject} runs out"
        path: Path = ("policy", "exceptions", index)
        yield Event(
            exception.expires, f"policy/exceptions/{index}", path, clusters, what, "Mend the finding, or renew it."
        )
    for index, approval in enumerate(policy.approvals):
        what = f"the approval to {approval.operation} {approval.subject} runs out"
        path = ("policy", "approvals", index)
        yield Event(
            approval.expires, f"policy/approvals/{index}", path, clusters, what, "Use it before, or have it renewed."
        )


def coming_events(facts: Facts, _version: Version) -> Iterator[Draft]:
    """coming-events: a warning for each end within 60 days, by day."""
    events = [*_vetting(facts), *_licences(facts), *_leases(facts), *_drivers(facts), *_acceptances(facts)]
    for event in sorted(events, key=lambda e: (e.day, e.subject, e.what)):
        days = (event.day - facts.on).days
        step = next((step for step in STEPS if 0 <= days <= step), None)
        if step is None:
            continue
        reason = f"{event.day}, {_in_days(days)}: {event.what}"
        shown = {"day": str(event.day), "days_left": str(days), "told_from": f"{step} days ahead"}
        yield Draft("pass", event.subject, event.path, reason, event.fix, event.clusters, shown, severity="warn")


def _in_days(days: int) -> str:
    return "today" if days == 0 else "tomorrow" if days == 1 else f"in {days} days"
