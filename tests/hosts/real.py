"""Pools of a real declaration as the provider hands them to a rollout."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from causeway import assets
from causeway.assets import Playbooks
from causeway.catalog import load_catalog
from causeway.fleet.clusters import Rollout
from causeway.fleet.load import load_fleet
from causeway.hosts.model import HostSpec, PoolSpec
from causeway.hosts.states import fingerprints
from causeway.plan.inventory import inventory
from causeway.plan.playbook_code import code_of


def pool_spec(
    folder: Path,
    cluster: str,
    pool: str,
    *,
    intent: str | None = None,
    variables: Mapping[str, Any] | None = None,
    rollout: Mapping[str, Any] | None = None,
    **more: Any,
) -> PoolSpec:
    """A pool's baseline out of its declaration.

    Args:
        folder: of the fleet.
        cluster: its cluster.
        pool: its name.
        intent: instead of the fingerprint that its variables have.
        variables: over those of the declaration, for each host.
        rollout: over the settings of the declaration.
        more: other fields of the spec.
    """
    loaded = load_fleet(folder)
    catalog = load_catalog(loaded.fleet.catalog)
    declared = loaded.fleet.clusters[cluster].pools[pool]
    found = next(
        each
        for each in inventory(loaded, catalog, code_of(Playbooks(assets.playbooks())))
        if (each.variables["causeway__cluster"], each.variables["causeway__pool"]) == (cluster, pool)
    )
    hosts = []
    for host in found.hosts():
        own = {**found.variables, **host.variables, **(variables or {})}
        known, code = fingerprints(own.pop("causeway__desired")) or ("", "")
        desired = "out_of_service" if host.out_of_service else f"ok {intent or known} {code}".strip()
        hosts.append(HostSpec(host.name, desired, own))
    accelerator = catalog.accelerators[declared.accelerator] if declared.accelerator else None
    settings = {**declared.rollout.model_dump(mode="json", exclude={"soak", "drain_timeout"}), **(rollout or {})}
    return PoolSpec(
        stack=f"{loaded.fleet.name}.{cluster}",
        fleet=loaded.fleet.name,
        cluster=cluster,
        pool=pool,
        hosts=tuple(hosts),
        rollout=Rollout.model_validate(settings),
        time_zone=loaded.fleet.sites[loaded.fleet.clusters[cluster].site].time_zone,
        resource=accelerator.resource if accelerator else None,
        expected=declared.accelerators_per_host if accelerator else 0,
        **more,
    )
