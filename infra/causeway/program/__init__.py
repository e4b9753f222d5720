"""The Pulumi program: components and resources that declare a plan, and a public API for programs of one's own."""

from causeway.program.baseline import Baseline
from causeway.program.components import Cluster, Pool, Site, Workload
from causeway.program.lease import Lease
from causeway.program.release import Release
from causeway.program.run import run

__all__ = ["Baseline", "Cluster", "Lease", "Pool", "Release", "Site", "Workload", "run"]
