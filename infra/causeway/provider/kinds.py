"""The kinds of resources that the provider offers, by type."""

from __future__ import annotations

from collections.abc import Mapping

from causeway.provider import baseline, lease, release
from causeway.provider.model import Kind
from causeway.provider.pool_effects import PoolEffects
from causeway.provider.release_effects import ReleaseEffects


def _real_hosts() -> PoolEffects:
    from causeway.provider.pool_hosts import RealHosts  # noqa: PLC0415 - a preview works on no host

    return RealHosts()


def _real_clusters() -> ReleaseEffects:
    from causeway.provider.release_cluster import RealClusters  # noqa: PLC0415 - a preview works on no cluster

    return RealClusters()


KINDS: Mapping[str, Kind] = {
    lease.TYPE: lease.Lease(),
    baseline.TYPE: baseline.Baseline(_real_hosts),
    release.TYPE: release.Release(_real_clusters),
}
