"""What a fleet costs by the month: owned hosts written off, leases, cloud pools, and leased accelerators that idle."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from causeway.capacity.budgets import BudgetUse, budget_uses
from causeway.capacity.figures import HOURS_PER_MONTH, Exchange, Figure, total
from causeway.capacity.leases import LeaseUse, use
from causeway.capacity.offer import Capacity, PoolCapacity
from causeway.fleet.clusters import Cost
from causeway.fleet.leases import Lease
from causeway.fleet.load import LoadedFleet

CostKind = Literal["owned", "leased", "cloud", "unknown"]


@dataclass(frozen=True, slots=True)
class CostLine:
    """What one pool, or the part of a lease that is in no pool, costs."""

    subject: str
    """`cluster/pool`, or `lease NAME (in no pool)`."""
    site: str
    cluster: str | None
    lease: str | None
    kind: CostKind
    monthly: Figure
    basis: str
    """How the amount comes about, in words."""
    source: str
    """Contract, order or price list, and the exchange rate where one was used."""


@dataclass(frozen=True, slots=True)
class IdleLine:
    """Leased accelerators that nothing uses, and what they cost while they idle."""

    lease: str
    subject: str
    accelerators: int
    monthly: Figure


@dataclass(frozen=True, slots=True)
class CostReport:
    """Money of a fleet on a day, in one currency."""

    currency: str
    on: date
    lines: tuple[CostLine, ...]
    idle: tuple[IdleLine, ...]
    budgets: tuple[BudgetUse, ...]

    @property
    def monthly(self) -> Figure:
        """All lines together."""
        return total(line.monthly for line in self.lines)

    def monthly_of(self, cluster: str) -> Figure:
        """The lines of one cluster together."""
        return total(line.monthly for line in self.lines if line.cluster == cluster)


def cost_report(loaded: LoadedFleet, capacity: Capacity, on: date) -> CostReport:
    """Costs by the month on a day.

    Args:
        on: the day; hosts that are written off by then and leases that do not run on it cost nothing, and say so.
    """
    exchange = Exchange(loaded.fleet.money)
    uses = use(loaded, capacity)
    lines = [
        *(_pool_line(loaded, exchange, pool, on) for pool in capacity.pools.values()),
        *_unplaced(loaded, exchange, uses, on),
    ]
    return CostReport(
        currency=loaded.fleet.money.currency,
        on=on,
        lines=tuple(lines),
        idle=tuple(_idle(loaded, exchange, capacity, uses, on)),
        budgets=budget_uses(loaded, capacity, exchange),
    )


def lease_unit_month(lease: Lease, exchange: Exchange, hosts_per_accelerator: Decimal) -> Figure:
    """What one accelerator of a lease costs for a month, whether the lease runs or not."""
    if lease.price is None:
        return Figure(unknown=("the lease declares no price",))
    amount = exchange.convert(lease.price.amount, lease.price.currency)
    match lease.price.per:
        case "accelerator_hour":
            return amount.times(HOURS_PER_MONTH)
        case "accelerator_month":
            return amount
        case "host_month":
            return amount.times(hosts_per_accelerator)
        case "month":
            return amount.times(Decimal(1) / lease.quantity)


def _pool_line(loaded: LoadedFleet, exchange: Exchange, pool: PoolCapacity, on: date) -> CostLine:
    cluster = loaded.fleet.clusters[pool.cluster]
    declared = cluster.pools[pool.pool]
    kind: CostKind
    lease = loaded.fleet.leases.get(declared.lease) if declared.lease else None
    if lease is not None:
        kind = "cloud" if loaded.fleet.sites[lease.site].tenure == "cloud" else "leased"
        monthly, basis = _lease_share(lease, exchange, pool, on)
        source = _price_source(lease, exchange)
    elif declared.cost is not None:
        kind = declared.cost.kind
        monthly, basis = _own_cost(declared.cost, exchange, pool.hosts, on)
        source = _source(declared.cost.source, declared.cost.currency, exchange)
    else:
        kind, source = "unknown", ""
        reason = f"pool {pool.cluster}/{pool.pool} declares neither cost nor lease"
        monthly, basis = (Figure(unknown=(reason,)) if pool.hosts else Figure()), reason
    return CostLine(
        subject=f"{pool.cluster}/{pool.pool}",
        site=cluster.site,
        cluster=pool.cluster,
        lease=declared.lease,
        kind=kind,
        monthly=monthly.to_cents(),
        basis=basis,
        source=source,
    )


def _lease_share(lease: Lease, exchange: Exchange, pool: PoolCapacity, on: date) -> tuple[Figure, str]:
    idle_reason = _not_running(lease, on)
    if idle_reason:
        return Figure(), idle_reason
    accelerators = pool.hosts * pool.per_host
    monthly = lease_unit_month(lease, exchange, _hosts_per_accelerator(pool)).times(accelerators)
    if lease.price is None:
        return monthly, "no price declared"
    price = f"{lease.price.amount} {lease.price.currency} per {lease.price.per.replace('_', ' ')}"
    paid = "committed" if lease.price.committed else "by use"
    return monthly, f"{accelerators} accelerators of the lease at {price}, {paid}"


def _not_running(lease: Lease, on: date) -> str:
    if on < lease.term.start:
        return f"the lease starts on {lease.term.start}"
    if on > lease.term.end:
        return f"the lease ended on {lease.term.end}"
    return ""


def _hosts_per_accelerator(pool: PoolCapacity | None) -> Decimal:
    return Decimal(1) / pool.per_host if pool and pool.per_host else Decimal(0)


def _own_cost(cost: Cost, exchange: Exchange, hosts: int, on: date) -> tuple[Figure, str]:
    if cost.kind == "cloud":
        if cost.per_host_hour is None:
            return Figure(unknown=("the pool declares no price per host and hour",)), "no price declared"
        monthly = exchange.convert(cost.per_host_hour, cost.currency).times(HOURS_PER_MONTH).times(hosts)
        return monthly, f"{hosts} hosts at {cost.per_host_hour} {cost.currency} an hour"
    if cost.per_host is None:
        return Figure(unknown=("the pool declares no purchase price",)), "no purchase price declared"
    if cost.amortise_months is None:
        return Figure(unknown=("the pool declares no months of amortisation",)), "no amortisation declared"
    purchase = f"{hosts} hosts at {cost.per_host} {cost.currency} over {cost.amortise_months} months"
    if cost.in_service_on is not None:
        if on < cost.in_service_on:
            return Figure(), f"{purchase}, in service from {cost.in_service_on}"
        if _months_between(cost.in_service_on, on) >= cost.amortise_months:
            return Figure(), f"{purchase}, written off"
    monthly = exchange.convert(cost.per_host, cost.currency).times(Decimal(1) / cost.amortise_months).times(hosts)
    return monthly, purchase


def _months_between(start: date, end: date) -> int:
    months = (end.year - start.year) * 12 + end.month - start.month
    return months if end.day >= start.day else months - 1


def _source(source: str, currency: str, exchange: Exchange) -> str:
    return "; ".join(part for part in (source, exchange.note(currency)) if part)


def _price_source(lease: Lease, exchange: Exchange) -> str:
    return _source(lease.price.source, lease.price.currency, exchange) if lease.price else ""


def _unplaced(loaded: LoadedFleet, exchange: Exchange, uses: tuple[LeaseUse, ...], on: date) -> Iterator[CostLine]:
    """What is paid for committed accelerators that are in no pool."""
    for lease_use in uses:
        lease = loaded.fleet.leases[lease_use.lease]
        committed = lease.price is None or lease.price.committed
        if lease_use.unplaced <= 0 or not committed:
            continue
        idle_reason = _not_running(lease, on)
        monthly = lease_unit_month(lease, exchange, Decimal(0)).times(lease_use.unplaced)
        if lease.price is not None and lease.price.per == "host_month":
            monthly = Figure(unknown=("a price per host cannot be told for accelerators that are in no pool",))
        yield CostLine(
            subject=f"lease {lease_use.lease} (in no pool)",
            site=lease.site,
            cluster=None,
            lease=lease_use.lease,
            kind="cloud" if loaded.fleet.sites[lease.site].tenure == "cloud" else "leased",
            monthly=Figure() if idle_reason else monthly.to_cents(),
            basis=idle_reason or f"{lease_use.unplaced} committed accelerators in no pool",
            source=_price_source(lease, exchange),
        )


def _idle(
    loaded: LoadedFleet, exchange: Exchange, capacity: Capacity, uses: tuple[LeaseUse, ...], on: date
) -> Iterator[IdleLine]:
    """Leased accelerators that no workload uses: not asked for, out of service, or in no pool."""
    for lease_use in uses:
        lease = loaded.fleet.leases[lease_use.lease]
        if _not_running(lease, on):
            continue
        committed = lease.price is None or lease.price.committed
        for key in lease_use.placed:
            pool = capacity.pools[key]
            idle = pool.installed - min(pool.asked, pool.offered)
            if idle > 0:
                unit = lease_unit_month(lease, exchange, _hosts_per_accelerator(pool))
                yield IdleLine(lease_use.lease, f"{pool.cluster}/{pool.pool}", idle, unit.times(idle).to_cents())
        if lease_use.unplaced > 0 and committed:
            unit = lease_unit_month(lease, exchange, Decimal(0))
            yield IdleLine(lease_use.lease, "in no pool", lease_use.unplaced, unit.times(lease_use.unplaced).to_cents())
