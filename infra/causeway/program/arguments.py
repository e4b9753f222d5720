"""Typed arguments of a cluster that a program declares without YAML, in the declaration's own words.

What is of the type `Text`, and values of `variables`, may be Outputs; names, numbers and host ranges may not, since
they decide which resources there are. What has no argument of its own goes into `more`, as the declaration's reference
has it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi

from causeway.program.outputs import Url

OWN_PARTY = "tenant"
Text = pulumi.Input[str]


@dataclass(frozen=True, kw_only=True)
class SiteArgs:
    """Where a cluster stands.

    Args:
        country: two letters.
        tenure: `owned`, `leased` or `cloud`.
        time_zone: IANA name; windows are read in it.
        data_classes: what may be stored and processed there.
        ssh_user: None for the user's own SSH configuration.
        packages: URL of the mirror of packages.
        images: registry of container images.
        owner: key of a party; default one's own entity.
    """

    country: str
    tenure: str = "owned"
    time_zone: str = "UTC"
    data_classes: Sequence[str] = ("international",)
    ssh_user: str | None = None
    packages: Text | None = None
    images: Text | None = None
    owner: str = OWN_PARTY
    more: Mapping[str, Any] = field(default_factory=dict)

    def declared(self) -> dict[str, Any]:
        """The site as the declaration has it."""
        return {
            "country": self.country,
            "tenure": self.tenure,
            "owner": self.owner,
            "operator": self.owner,
            "time_zone": self.time_zone,
            "data_classes": list(self.data_classes),
            "mirrors": {"packages": _url(self.packages), "images": self.images},
            "ssh": {"user": self.ssh_user},
            **self.more,
        }


def _url(text: Text | None) -> str | Url | None:
    return Url(pulumi.Output.from_input(text)) if text is not None and not isinstance(text, str) else text


@dataclass(frozen=True, kw_only=True)
class DriversArgs:
    """Versions of a driver stack; what is left out is not asked."""

    driver: Text | None = None
    firmware: Text | None = None
    toolkit: Text | None = None
    container_toolkit: Text | None = None
    managed_by: str | None = None


@dataclass(frozen=True, kw_only=True)
class PoolArgs:
    """Equal hosts.

    Args:
        hosts: ranges such as `gpu-[01:16]`.
        os_id, os_version: as `/etc/os-release` has them.
        accelerator: of the catalog; None for hosts without.
        accelerators_per_host: in each host.
        variables: of the pool's roles; secret outputs stay secret.
        rollout: `canary`, `max_unavailable`, `window` and the others of the declaration.
        lease: key under `leases` of the cluster's arguments.
    """

    hosts: str | Sequence[str]
    os_id: str
    os_version: str
    accelerator: str | None = None
    accelerators_per_host: int = 0
    drivers: DriversArgs | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    rollout: Mapping[str, Any] = field(default_factory=dict)
    lease: str | None = None
    more: Mapping[str, Any] = field(default_factory=dict)

    def declared(self) -> dict[str, Any]:
        """The pool as the declaration has it."""
        return {
            "hosts": self.hosts if isinstance(self.hosts, str) else list(self.hosts),
            "accelerator": self.accelerator,
            "accelerators_per_host": self.accelerators_per_host if self.accelerator else None,
            "os": {"id": self.os_id, "version": self.os_version},
            "drivers": vars(self.drivers) if self.drivers else None,
            "variables": dict(self.variables),
            "rollout": dict(self.rollout),
            "lease": self.lease,
            **self.more,
        }


@dataclass(frozen=True, kw_only=True)
class ClusterArgs:
    """A cluster with its pools.

    Args:
        fleet: name of the fleet that it belongs to, for its hosts' context.
        kubernetes: minor version, such as 1.34.
        context: of the kubeconfig. Either it or `kubeconfig` is given.
        kubeconfig: its text, best as a secret output.
        purpose: `inference`, `training` or `mixed`.
        pools: by name.
        leases, workloads, parties, secrets: as the declaration has them, by name.
        platform: whether the accelerator platform is released on the cluster.
    """

    fleet: str
    site: SiteArgs
    kubernetes: str
    pools: Mapping[str, PoolArgs]
    context: str | None = None
    kubeconfig: Text | None = None
    purpose: str = "mixed"
    leases: Mapping[str, Any] = field(default_factory=dict)
    workloads: Mapping[str, Any] = field(default_factory=dict)
    parties: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, Any] = field(default_factory=dict)
    platform: bool = True

    def declared(self, name: str) -> dict[str, Any]:
        """A declaration with this cluster and its site, both called `name`."""
        own = {
            "legal_name": "the owner of this program",
            "country": self.site.country,
            "own": True,
            "ultimate_parent": {
                "legal_name": "the owner of this program",
                "country": self.site.country,
                "headquarters": self.site.country,
            },
        }
        return {
            "version": 1,
            "name": self.fleet,
            "parties": {OWN_PARTY: own, **self.parties},
            "sites": {name: self.site.declared()},
            "leases": {key: {"site": name, **lease} for key, lease in self.leases.items()},
            "clusters": {
                name: {
                    "site": name,
                    "purpose": self.purpose,
                    "delivery": "pulumi" if self.platform else "argocd",
                    "kubernetes": {"version": self.kubernetes, "access": {"context": self.context or name}},
                    "pools": {pool: args.declared() for pool, args in self.pools.items()},
                }
            },
            "workloads": dict(self.workloads),
            "secrets": dict(self.secrets),
        }
