"""The tree that people see: a site, its cluster, and below it leases, pools and workloads."""

from __future__ import annotations

import pulumi


class Site(pulumi.ComponentResource):
    """A site: where capacity stands, and under whose law."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("causeway:index:Site", name, None, opts)


class Cluster(pulumi.ComponentResource):
    """A Kubernetes cluster with its pools, its platform and its workloads."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("causeway:index:Cluster", name, None, opts)


class Pool(pulumi.ComponentResource):
    """Equal hosts of a cluster."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("causeway:index:Pool", name, None, opts)


class Workload(pulumi.ComponentResource):
    """A service or a training job, with all its releases on one cluster."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("causeway:index:Workload", name, None, opts)
