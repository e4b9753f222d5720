"""A cluster and a lease declared in Python, with outputs of other stacks as arguments."""

import pulumi

from causeway.program import Cluster, ClusterArgs, DriversArgs, Lease, PoolArgs, SiteArgs

config = pulumi.Config()
network = pulumi.StackReference(config.require("network"))  # made by somebody else, with a kubeconfig and a mirror

lease = Lease(
    "johor-h200",
    lease="johor-h200",
    site="my-johor",
    accelerator="h200-sxm",
    quantity=64,
    share=config.get_int("share") or 64,
    start="2026-10-01",
    end="2028-09-30",
)

cluster = Cluster(
    "lab",
    ClusterArgs(
        fleet="own",
        kubernetes="1.34",
        kubeconfig=network.require_output("kubeconfig"),
        site=SiteArgs(country="SG", ssh_user="ops", packages=network.require_output("packages")),
        pools={
            "gpu": PoolArgs(
                hosts="gpu-[01:08]",
                os_id="ubuntu",
                os_version="22.04",
                accelerator="h200-sxm",
                accelerators_per_host=8,
                drivers=DriversArgs(driver=network.require_output("driver")),
                rollout={"canary": 1, "max_unavailable": "25%"},
            )
        },
    ),
)

pulumi.export("hosts", cluster.hosts["gpu"])
pulumi.export("leaseEnds", lease.end)
