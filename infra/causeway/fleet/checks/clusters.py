"""Checks of clusters: site, access, names, and of each pool: leases, what its tenure allows, what belongs together."""

from __future__ import annotations

from causeway.fleet.checks.context import Checked
from causeway.fleet.checks.pools import check_pool
from causeway.fleet.clusters import Cluster, SecretAccess
from causeway.fleet.places import Path
from causeway.fleet.problems import choice
from causeway.fleet.sites import Site

_LONGEST_STACK_NAME = 100  # Pulumi refuses longer ones


def check_clusters(checked: Checked) -> None:
    """Check every cluster and every pool."""
    for name, cluster in checked.fleet.clusters.items():
        path = ("clusters", name)
        site = checked.site(cluster.site, (*path, "site"))
        access = cluster.kubernetes.access
        if isinstance(access, SecretAccess):
            _kubeconfig(checked, access.secret, (*path, "kubernetes", "access", "secret"))
        stack = f"{checked.fleet.name}.{name}"
        if len(stack) > _LONGEST_STACK_NAME:
            reason = f"the stack's name would have {len(stack)} characters; {_LONGEST_STACK_NAME} are allowed"
            checked.wrong("too-long", path, reason, "shorten the fleet's or the cluster's name", key=True)
        for pool_name, pool in cluster.pools.items():
            pool_path = (*path, "pools", pool_name)
            hosts = checked.hosts.pool(name, pool_name)
            check_pool(checked, pool, site, hosts, pool_path)
            _lease(checked, cluster, pool_name, site, pool_path)


def _kubeconfig(checked: Checked, name: str, path: Path) -> None:
    """A secret that holds a kubeconfig is read here, so that its value has to come from a place that we can read."""
    checked.secret(name, path)
    secret = checked.fleet.secrets.get(name)
    if secret is not None and secret.source == "external_secret":
        checked.wrong(
            "secret-out-of-reach",
            path,
            f"the secret {name} is made by a cluster (`from: external_secret`), and this cluster is reached with it",
            "give it `from: pulumi_config`, `env` or `file`",
        )


def _lease(checked: Checked, cluster: Cluster, pool_name: str, site: Site | None, path: Path) -> None:
    pool = cluster.pools[pool_name]
    if pool.lease is None:
        if site and site.tenure != "owned":
            leases = [name for name, lease in checked.fleet.leases.items() if lease.site == cluster.site]
            hint = choice("", leases, f"leases of {cluster.site}")
            checked.wrong(
                "no-lease",
                (*path, "lease"),
                f"the site {cluster.site} is {site.tenure}, and this pool names no lease",
                f"add lease: ...; {hint}",
            )
        return
    if site and site.tenure == "owned":
        reason = f"the site {cluster.site} is owned, and owned hosts have no lease"
        checked.wrong("lease-on-owned-site", (*path, "lease"), reason, "remove the lease, or correct the site's tenure")
        return
    lease = checked.lease(pool.lease, (*path, "lease"))
    if lease is None:
        return
    lessor = checked.fleet.sites.get(lease.site)  # an unknown or owned one is told at the lease
    if site and lease.site != cluster.site and lessor is not None and lessor.tenure != "owned":
        same = [name for name, each in checked.fleet.leases.items() if each.site == cluster.site]
        reason = f"the lease {pool.lease} is for the site {lease.site}; this cluster stands in {cluster.site}"
        checked.wrong(
            "lease-of-other-site", (*path, "lease"), reason, choice(pool.lease, same, f"leases of {cluster.site}")
        )
    if pool.accelerator is not None and pool.accelerator != lease.accelerator:
        reason = f"the lease {pool.lease} is for {lease.accelerator}; this pool has {pool.accelerator}"
        checked.wrong(
            "lease-of-other-accelerator",
            (*path, "accelerator"),
            reason,
            "correct the accelerator, or name another lease",
        )
