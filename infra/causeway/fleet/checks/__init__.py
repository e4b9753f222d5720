"""Checks what the models cannot: references between entries, hosts, terms, sums. One module for each subject."""

from __future__ import annotations

from causeway.fleet.checks.clusters import check_clusters
from causeway.fleet.checks.context import Checked
from causeway.fleet.checks.governance import check_governance
from causeway.fleet.checks.host_overrides import check_host_overrides
from causeway.fleet.checks.leases import check_leases
from causeway.fleet.checks.sites import check_parties_and_sites
from causeway.fleet.checks.workloads import check_workloads


def check_entries(checked: Checked) -> None:
    """Check everything that needs more than one entry."""
    check_parties_and_sites(checked)
    check_leases(checked)
    check_clusters(checked)
    check_host_overrides(checked)
    check_workloads(checked)
    check_governance(checked)
