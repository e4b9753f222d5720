"""The Pulumi program: components and resources that declare a plan, and a public API for programs of one's own."""

from causeway.program.arguments import ClusterArgs, DriversArgs, PoolArgs, SiteArgs
from causeway.program.baseline import Baseline
from causeway.program.lease import Lease
from causeway.program.own_cluster import Cluster
from causeway.program.release import Release
from causeway.program.run import run

__all__ = [
    "Baseline",
    "Cluster",
    "ClusterArgs",
    "DriversArgs",
    "Lease",
    "PoolArgs",
    "Release",
    "SiteArgs",
    "run",
]
