"""Money, leases and findings of two plans compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from causeway.capacity.figures import Figure
from causeway.plan.diff_fields import changes
from causeway.plan.diff_model import FindingChange, FindingsDiff, Kind, LeaseDiff, MoneyChange, MoneyDiff
from causeway.plan.model import FleetPlan
from causeway.policy.findings import Finding

_NOTHING = Figure()


def money(before: FleetPlan | None, after: FleetPlan | None) -> MoneyDiff:
    """Money by the month. A side without a fleet costs nothing, in the other side's currency."""
    known = [plan.cost.currency for plan in (before, after) if plan is not None]
    return MoneyDiff(
        currency=(known[0], known[-1]),
        fleet=MoneyChange("fleet", _monthly(before), _monthly(after)),
        clusters=_amounts(_by_cluster(before), _by_cluster(after)),
        lines=_amounts(_by_line(before), _by_line(after)),
    )


def _monthly(plan: FleetPlan | None) -> Figure:
    return plan.cost.monthly if plan is not None else _NOTHING


def _by_cluster(plan: FleetPlan | None) -> dict[str, Figure]:
    return {name: cluster.monthly for name, cluster in plan.clusters.items()} if plan is not None else {}


def _by_line(plan: FleetPlan | None) -> dict[str, Figure]:
    return {line.subject: line.monthly for line in plan.cost.lines} if plan is not None else {}


def _amounts(before: Mapping[str, Figure], after: Mapping[str, Figure]) -> tuple[MoneyChange, ...]:
    found = (MoneyChange(s, before.get(s, _NOTHING), after.get(s, _NOTHING)) for s in {**before, **after})
    return tuple(change for change in found if change.before != change.after)


def leases(before: FleetPlan | None, after: FleetPlan | None) -> Iterator[LeaseDiff]:
    """Leases whose terms, or whose shares in clusters, change."""
    old, new = _terms(before), _terms(after)
    had, has = _shares(before), _shares(after)
    for lease in {**old, **new}:
        terms_before, terms_after = old.get(lease, {}), new.get(lease, {})
        kind: Kind = "changed" if lease in old and lease in new else "added" if lease in new else "removed"
        if kind == "changed":
            # a lease that is in no pool on one side has fewer terms told there: only what both tell is compared
            told = terms_before.keys() & terms_after.keys()
            terms_before, terms_after = ({k: t[k] for k in told} for t in (terms_before, terms_after))
        shares_before, shares_after = had.get(lease, {}), has.get(lease, {})
        shares = tuple(
            (cluster, shares_before.get(cluster, 0), shares_after.get(cluster, 0))
            for cluster in {**shares_before, **shares_after}
            if shares_before.get(cluster, 0) != shares_after.get(cluster, 0)
        )
        terms = changes(terms_before, terms_after)
        if terms or shares or kind != "changed":
            yield LeaseDiff(lease, kind, terms, shares)


def _terms(plan: FleetPlan | None) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    if plan is None:
        return found
    days = {"starts": "start", "ends": "end", "notice_due": "last day for notice"}
    days["stop_scheduling"] = "last day for new placements"
    for event in plan.events:
        found.setdefault(event.lease, {})[days[event.kind]] = event.day
    for cluster in plan.clusters.values():
        for lease in cluster.leases:
            found.setdefault(lease.lease, {}).update(
                site=lease.site,
                accelerator=lease.accelerator,
                quantity=lease.quantity,
                price=lease.price,
                start=lease.start,
                end=lease.end,
            )
    return found


def _shares(plan: FleetPlan | None) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for name, cluster in plan.clusters.items() if plan is not None else ():
        for lease in cluster.leases:
            found.setdefault(lease.lease, {})[name] = lease.share
    return found


def findings(before: FleetPlan | None, after: FleetPlan | None) -> FindingsDiff:
    """Findings that somebody has to know of, matched by rule and subject, then by what they say."""
    old, new = _told(before), _told(after)
    matched: list[tuple[Finding, Finding]] = []
    gone: list[Finding] = []
    fresh: list[Finding] = []
    for key in {**old, **new}:
        left, right = list(old.get(key, ())), list(new.get(key, ()))
        for same in [(one, other) for one in left for other in right if one.reason == other.reason]:
            if same[0] in left and same[1] in right:
                left.remove(same[0])
                right.remove(same[1])
                matched.append(same)
        matched += zip(left, right, strict=False)
        gone += left[len(right) :]
        fresh += right[len(left) :]
    changed = [(one, other) for one, other in matched if _said(one) != _said(other)]
    return FindingsDiff(
        new=tuple(_by_weight(fresh)),
        gone=tuple(_by_weight(gone)),
        changed=tuple(FindingChange(one, other) for one, other in changed),
        same=tuple(_by_weight(other for one, other in matched if _said(one) == _said(other))),
    )


def _told(plan: FleetPlan | None) -> dict[tuple[str, str], list[Finding]]:
    found: dict[tuple[str, str], list[Finding]] = {}
    for finding in plan.findings if plan is not None else ():
        if finding.verdict in ("fail", "unknown"):
            found.setdefault((finding.rule, finding.subject), []).append(finding)
    return found


def _said(finding: Finding) -> tuple[str, str, bool]:
    return finding.verdict, finding.severity, finding.open


def _by_weight(found: Iterable[Finding]) -> list[Finding]:
    weight = {"stop": 0, "warn": 1, "info": 2}
    return sorted(found, key=lambda f: (not f.blocks, not f.open, weight[f.severity], f.rule, f.subject, f.reason))
