"""The Pulumi program of this repository's fleets: one stack per cluster, named FLEET.CLUSTER."""

from causeway.program import run

run()
