"""A cluster and a lease declared in Python, with an Output as an argument."""

import pulumi

from causeway.program import Cluster, ClusterArgs, Lease, PoolArgs, SiteArgs

config = pulumi.Config()
driver = pulumi.Output.from_input(config.get("driver") or "580.95.05")

cluster = Cluster(
    "lab",
    ClusterArgs(
        fleet="own",
        site=SiteArgs(country="SG", data_classes=["international"], ssh_user="ops", packages="http://mirror.lab.test"),
        kubernetes="1.34",
        context="lab",
        platform=False,  # its releases come from somewhere else
        pools={
            "cpu": PoolArgs(
                hosts="lab-[01:03]",
                os_id="debian",
                os_version="12",
                variables={"our_monitoring__note": pulumi.Output.format("driver {0}", driver)},  # of a role of ours
                rollout={"max_unavailable": 1},
            ),
        },
    ),
)

lease = Lease(
    "johor-h200",
    lease="johor-h200",
    site="my-johor",
    accelerator="h200-sxm",
    quantity=16,
    share=config.get_int("share") or 8,
    start="2026-10-01",
    end="2028-09-30",
)

pulumi.export("hosts", cluster.hosts["cpu"])
pulumi.export("leaseEnds", lease.end)
