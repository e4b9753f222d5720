"""The whole declaration: what the files of `inventory/<fleet>/` say together."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from causeway.fleet.base import Day, Model, Name, Positive, Text
from causeway.fleet.catalog_entries import CatalogExtension
from causeway.fleet.clusters import Cluster
from causeway.fleet.gitops import GitOps
from causeway.fleet.governance import Budget, MoneySettings, Policy, Secret
from causeway.fleet.leases import Lease
from causeway.fleet.parties import Party
from causeway.fleet.sites import Site
from causeway.fleet.workloads import Workload


class HostOverride(Model):
    """What differs for one host."""

    state: Literal["in_service", "joining", "out_of_service", "retired"] = "in_service"
    """`joining` is not yet in service; `out_of_service` is left alone for a time; `retired` is gone."""
    reason: Text | None = None
    """Why; required when the host is out of service or retired."""
    ticket: Text | None = None
    """Ticket that tells more."""
    until: Day | None = None
    """Day from which the state is to be looked at again."""
    address: Text | None = None
    """How this host is reached."""
    expected_accelerators: Positive | None = None
    """Accelerators that work in this host, when it is fewer than its pool's."""
    variables: dict[Text, object] = Field(default_factory=dict)
    """Variables for this host."""


class Fleet(Model):
    """A fleet. Version 1 of the declaration."""

    version: Literal[1]
    """Version of the declaration's shape."""
    name: Name
    """Name of the fleet, the first part of its stacks' names."""
    description: Text = ""
    """One or two sentences."""
    money: MoneySettings = MoneySettings()
    """Currency of reports, and rates."""
    parties: dict[Name, Party] = {}
    """Legal entities by key."""
    sites: dict[Name, Site] = {}
    """Sites by key."""
    leases: dict[Name, Lease] = {}
    """Leases by key."""
    clusters: dict[Name, Cluster] = {}
    """Clusters by key."""
    host_overrides: dict[Text, HostOverride] = {}
    """What differs for single hosts, by host name."""
    workloads: dict[Name, Workload] = {}
    """Workloads by key."""
    secrets: dict[Name, Secret] = {}
    """Names of secrets and where their values come from."""
    budgets: dict[Name, Budget] = {}
    """Budgets by key."""
    policy: Policy = Policy()
    """Settings of the rules, exceptions and approvals."""
    gitops: GitOps | None = None
    """Repository of the rendered tree; needed where a cluster's `delivery` is `argocd` or `flux`."""
    catalog: CatalogExtension = Field(default_factory=CatalogExtension)
    """Accelerators and driver stacks of the fleet's own."""
