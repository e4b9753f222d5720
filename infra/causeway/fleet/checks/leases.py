"""Checks of leases: parties, terms, prices, and that the pools that a lease pays for do not exceed it."""

from __future__ import annotations

from causeway.fleet.checks.context import Checked
from causeway.fleet.clusters import Cluster
from causeway.fleet.leases import Lease
from causeway.fleet.places import Path


def check_leases(checked: Checked) -> None:
    """Check every lease."""
    for name, lease in checked.fleet.leases.items():
        path = ("leases", name)
        checked.party(lease.tenant, (*path, "tenant"))
        site = checked.site(lease.site, (*path, "site"))
        if site and site.tenure == "owned":
            reason = f"the site {lease.site} is owned, and owned hosts have no lease"
            checked.wrong("lease-of-owned-site", (*path, "site"), reason, "name the leased site, or correct its tenure")
        if lease.price:
            checked.rate(lease.price.currency, (*path, "price", "currency"))
        _term(checked, lease, path)
    _quantities(checked)


def _term(checked: Checked, lease: Lease, path: Path) -> None:
    term = lease.term
    if term.end < term.start:
        reason = f"the term ends on {term.end}, before it starts on {term.start}"
        checked.wrong("dates", (*path, "term", "end"), reason, "exchange or correct the days")
        return
    days = (term.end - term.start).days + 1
    if term.notice_days > days:
        reason = f"notice of {term.notice_days:,} days is longer than the term of {days:,}"
        checked.wrong("dates", (*path, "term", "notice_days"), reason, "correct the days")
    stop = lease.end_of_term.stop_scheduling_days_before
    if stop > days:
        reason = f"scheduling stops {stop:,} days before the end of a term of {days:,}"
        checked.wrong("dates", (*path, "end_of_term", "stop_scheduling_days_before"), reason, "correct the days")
    if lease.end_use_statement and lease.end_use_statement.signed_on > term.end:
        reason = f"the statement is signed on {lease.end_use_statement.signed_on}, after the term ended on {term.end}"
        checked.wrong("dates", (*path, "end_use_statement", "signed_on"), reason, "correct the day")


def _quantities(checked: Checked) -> None:
    """Tell the pool with which the pools of a lease exceed its quantity."""
    taken: dict[str, int] = {}
    for cluster_name, cluster in checked.fleet.clusters.items():
        for pool_name, pool in cluster.pools.items():
            lease = checked.fleet.leases.get(pool.lease) if pool.lease else None
            mismatch = lease is None or pool.accelerator != lease.accelerator or cluster.site != lease.site
            if lease is None or pool.lease is None or mismatch or (pool.nodes is None and _is_cloud(checked, cluster)):
                continue  # told elsewhere
            wanted = checked.hosts.pool(cluster_name, pool_name).count * pool.accelerators_per_host
            before = taken.get(pool.lease, 0)
            taken[pool.lease] = before + wanted
            if before <= lease.quantity < before + wanted:
                others = f" ({before:,} of them in other pools)" if before else ""
                total = f"{before + wanted:,} accelerators{others}"
                reason = f"with this pool the lease {pool.lease} pays for {total}; its quantity is {lease.quantity:,}"
                checked.wrong(
                    "lease-exceeded",
                    ("clusters", cluster_name, "pools", pool_name, "lease"),
                    reason,
                    "take hosts out, or name a larger lease",
                )


def _is_cloud(checked: Checked, cluster: Cluster) -> bool:
    site = checked.fleet.sites.get(cluster.site)
    return site is not None and site.tenure == "cloud"
