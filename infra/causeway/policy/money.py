"""Budgets: what the year's purchases and commitments may come to."""

from __future__ import annotations

from collections.abc import Iterator

from causeway.capacity.budgets import BudgetUse
from causeway.policy.facts import Facts
from causeway.policy.findings import Draft
from causeway.policy.rulebook import Version, rulebook


def budgets(facts: Facts, _version: Version) -> Iterator[Draft]:
    """budgets: each declared budget."""
    currency = facts.cost.currency
    for use in facts.cost.budgets:
        subject, path, clusters = f"budget/{use.budget}", ("budgets", use.budget), _clusters(use, facts)
        used, limit = f"{use.used.known:,.0f} {currency}", f"{use.limit.known:,.0f} {currency}"
        shown = {
            "period": str(use.period),
            "measure": use.measure,
            "limit": limit if use.limit.complete else "unknown",
            "used": used if use.used.complete else f"at least {used}",
            "declared_source": use.source,
        }
        if use.exceeded is None:
            gaps = "; ".join([*use.limit.unknown, *use.used.unknown])
            reason = f"whether the budget of {use.period} is kept is not known: {gaps}"
            yield Draft("unknown", subject, path, reason, "Declare the missing prices and rates.", clusters, shown)
        elif use.exceeded:
            reason = f"{use.measure} of {use.period} come to {shown['used']}, above {limit}"
            yield Draft("fail", subject, path, reason, rulebook().rules["budgets"].fix, clusters, shown)
        else:
            yield Draft("pass", subject, path, f"{use.measure} of {use.period}: {used} of {limit}", "", clusters, shown)


def _clusters(use: BudgetUse, facts: Facts) -> tuple[str, ...]:
    """Clusters whose pools or leases use the budget."""
    found: dict[str, None] = {}
    for subject, _ in use.parts:
        if subject.startswith("lease "):
            found.update(dict.fromkeys(facts.clusters_of_lease(subject.removeprefix("lease "))))
        else:
            found[subject.split("/")[0]] = None
    return tuple(found)
