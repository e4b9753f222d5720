"""How much of each budget the declaration uses in its calendar year."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from causeway.capacity.figures import HOURS_PER_MONTH, Exchange, Figure, total
from causeway.capacity.leases import use
from causeway.capacity.offer import Capacity
from causeway.fleet.clusters import Cost
from causeway.fleet.governance import Budget, BudgetScope
from causeway.fleet.leases import Lease
from causeway.fleet.load import LoadedFleet

HOURS_PER_DAY = 24


@dataclass(frozen=True, slots=True)
class BudgetUse:
    """A budget and what of it is used, in the currency of reports."""

    budget: str
    period: int
    measure: str
    limit: Figure
    used: Figure
    parts: tuple[tuple[str, Figure], ...]
    """What uses it: (`cluster/pool` or `lease NAME`, amount)."""
    source: str

    @property
    def exceeded(self) -> bool | None:
        """True and False when it can be told; None when something unknown decides."""
        if not self.limit.complete:
            return None
        if self.used.known > self.limit.known:
            return True
        return False if self.used.complete else None


def budget_uses(loaded: LoadedFleet, capacity: Capacity, exchange: Exchange) -> tuple[BudgetUse, ...]:
    """Every budget with what uses it, in declared order."""
    return tuple(_use(name, budget, loaded, capacity, exchange) for name, budget in loaded.fleet.budgets.items())


def _use(name: str, budget: Budget, loaded: LoadedFleet, capacity: Capacity, exchange: Exchange) -> BudgetUse:
    find = _purchases if budget.measure == "purchases" else _commitments
    parts = tuple(find(budget, loaded, capacity, exchange))
    return BudgetUse(
        budget=name,
        period=budget.period,
        measure=budget.measure,
        limit=exchange.convert(budget.amount, budget.currency),
        used=total(figure for _, figure in parts),
        parts=parts,
        source=budget.source,
    )


def _covers(scope: BudgetScope, loaded: LoadedFleet, site_name: str, kind: str) -> bool:
    country = loaded.fleet.sites[site_name].country
    return (
        (scope.countries is None or country in scope.countries)
        and (scope.countries_except is None or country not in scope.countries_except)
        and (scope.sites is None or site_name in scope.sites)
        and (scope.cost_kinds is None or kind in scope.cost_kinds)
    )


def _purchases(
    budget: Budget, loaded: LoadedFleet, capacity: Capacity, exchange: Exchange
) -> Iterator[tuple[str, Figure]]:
    for (cluster_name, pool_name), pool in capacity.pools.items():
        cluster = loaded.fleet.clusters[cluster_name]
        declared = cluster.pools[pool_name]
        cost, subject = declared.cost, f"{cluster_name}/{pool_name}"
        if declared.lease or not pool.hosts or not _covers(budget.scope, loaded, cluster.site, "owned"):
            continue
        if cost is None:
            yield subject, Figure(unknown=(f"pool {subject} declares no cost",))
        elif cost.kind != "owned":
            continue
        elif cost.in_service_on is None:
            yield subject, Figure(unknown=(f"pool {subject} declares no day of purchase (in_service_on)",))
        elif cost.in_service_on.year == budget.period:
            if cost.per_host is None:
                yield subject, Figure(unknown=(f"pool {subject} declares no purchase price",))
            else:
                yield subject, exchange.convert(cost.per_host, cost.currency).times(pool.hosts)


def _commitments(
    budget: Budget, loaded: LoadedFleet, capacity: Capacity, exchange: Exchange
) -> Iterator[tuple[str, Figure]]:
    for lease_use in use(loaded, capacity):
        lease = loaded.fleet.leases[lease_use.lease]
        kind = "cloud" if loaded.fleet.sites[lease.site].tenure == "cloud" else "leased"
        days = _days_in(lease, budget.period)
        if not days or not _covers(budget.scope, loaded, lease.site, kind):
            continue
        placed = sum(lease_use.placed.values())
        hosts = sum(capacity.pools[key].hosts for key in lease_use.placed)
        yield f"lease {lease_use.lease}", _lease_cost(lease, exchange, placed, hosts, days)
    for (cluster_name, pool_name), pool in capacity.pools.items():
        cluster = loaded.fleet.clusters[cluster_name]
        cost = cluster.pools[pool_name].cost
        if cost is None or cost.kind != "cloud" or cluster.pools[pool_name].lease:
            continue
        if _covers(budget.scope, loaded, cluster.site, "cloud"):
            yield f"{cluster_name}/{pool_name}", _cloud_cost(cost, exchange, pool.hosts, budget.period)


def _lease_cost(lease: Lease, exchange: Exchange, placed: int, hosts: int, days: int) -> Figure:
    if lease.price is None:
        return Figure(unknown=("the lease declares no price",))
    amount = exchange.convert(lease.price.amount, lease.price.currency)
    accelerators = lease.quantity if lease.price.committed else placed
    hours = Decimal(days * HOURS_PER_DAY)
    match lease.price.per:
        case "accelerator_hour":
            return amount.times(accelerators).times(hours)
        case "accelerator_month":
            return amount.times(accelerators).times(hours / HOURS_PER_MONTH)
        case "host_month":
            return amount.times(hosts).times(hours / HOURS_PER_MONTH)
        case "month":
            return amount.times(hours / HOURS_PER_MONTH)


def _cloud_cost(cost: Cost, exchange: Exchange, hosts: int, year: int) -> Figure:
    if cost.per_host_hour is None:
        return Figure(unknown=("the pool declares no price per host and hour",))
    first = max(date(year, 1, 1), cost.in_service_on or date(year, 1, 1))
    days = max(0, (date(year, 12, 31) - first).days + 1)
    return exchange.convert(cost.per_host_hour, cost.currency).times(hosts).times(days * HOURS_PER_DAY)


def _days_in(lease: Lease, year: int) -> int:
    """Days of a lease that fall into a calendar year."""
    first, last = max(lease.term.start, date(year, 1, 1)), min(lease.term.end, date(year, 12, 31))
    return max(0, (last - first).days + 1)
