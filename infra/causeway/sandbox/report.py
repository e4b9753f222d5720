"""What there is of a sandbox right now: hosts, services, clusters. Looks, changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from causeway.sandbox import clusters, daemons, hosts
from causeway.sandbox.clusters import ClusterStatus
from causeway.sandbox.layout import Layout
from causeway.sandbox.spec import HostSpec, SandboxSpec


@dataclass(frozen=True, slots=True)
class HostStatus:
    """One host; `ssh` says whether its SSH server greets."""

    name: str
    state: hosts.State
    ssh: bool
    address: str
    cluster: str
    pool: str
    accelerators: str


@dataclass(frozen=True, slots=True)
class Report:
    """All of a sandbox. `services` are the dialer and the mirror, and whether they run."""

    hosts: tuple[HostStatus, ...]
    clusters: tuple[ClusterStatus, ...]
    services: Mapping[str, bool]

    @property
    def ok(self) -> bool:
        """Whether all that is declared runs; a host that was powered off counts as it should be."""
        well = all(host.ssh or host.state is hosts.State.OFF for host in self.hosts)
        running = all(cluster.state == "running" for cluster in self.clusters)
        return well and running and (all(self.services.values()) or not self.hosts)


def look(spec: SandboxSpec, layout: Layout) -> Report:
    """Look at every declared host and cluster."""
    with ThreadPoolExecutor(max_workers=16) as pool:
        seen = tuple(pool.map(lambda host: _host(layout, host), spec.hosts))
    services = {name: daemons.running(layout, name) for name in (daemons.DIALER, daemons.MIRROR)}
    return Report(seen, clusters.status(spec, layout.home), services)


def _host(layout: Layout, host: HostSpec) -> HostStatus:
    state = hosts.state(layout, host.name)
    return HostStatus(
        name=host.name,
        state=state,
        ssh=state is not hosts.State.ABSENT and hosts.answers(layout, host),
        address=host.address,
        cluster=host.cluster,
        pool=host.pool,
        accelerators=f"{len(host.accelerators)} x {host.tool_name}" if host.accelerators else "-",
    )
