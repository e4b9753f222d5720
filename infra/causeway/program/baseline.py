"""The resource Baseline as programs declare it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

TYPE = "causeway:index:Baseline"


class Baseline(pulumi.CustomResource):
    """A pool's hosts, kept at their desired states. `state` holds one short string for each host.

    Variables stand once; a host has an entry under `overrides` only where it differs. Most programs declare a
    `causeway.program.Cluster`, which makes its baselines from typed arguments.

    Args:
        name: the resource's name in the stack.
        fleet, cluster, pool: where the hosts belong. Another pool is another resource.
        hosts: names or ranges such as `gpu-[01:16]`, in order: a host's number is its place.
        variables: variables of the pool's roles (docs/plan.md), `{"secret": NAME}` for a secret's value.
        context, connection: variables that say where a host belongs, and how it is reached.
        overrides: by host: `state`, `address`, `rack`, `serial`, `expectedAccelerators`, `variables`.
        secrets: values by name, best as secret outputs.
        access: `context` of the kubeconfig, or a `kubeconfig`'s text as a secret output; None without a cluster.
        protection: what keeps the capacity from being given up (docs/program.md); None for nothing.
        more: `role`, `address`, `code`, `rollout`, `room`, `timeZone`, `resource`, `accelerators`,
            `disruption`, `codeDisruption`, `onDrain`, as docs/program.md tells.
    """

    state: pulumi.Output[Mapping[str, str]]

    def __init__(
        self,
        name: str,
        *,
        fleet: pulumi.Input[str],
        cluster: pulumi.Input[str],
        pool: pulumi.Input[str],
        hosts: pulumi.Input[Sequence[pulumi.Input[str]]],
        variables: pulumi.Input[Mapping[str, Any]] | None = None,
        context: pulumi.Input[Mapping[str, Any]] | None = None,
        connection: pulumi.Input[Mapping[str, Any]] | None = None,
        overrides: pulumi.Input[Mapping[str, Any]] | None = None,
        secrets: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None,
        access: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None,
        protection: pulumi.Input[Mapping[str, Any]] | None = None,
        opts: pulumi.ResourceOptions | None = None,
        **more: pulumi.Input[Any],
    ) -> None:
        props = {
            "fleet": fleet,
            "cluster": cluster,
            "pool": pool,
            "hosts": hosts,
            "variables": variables,
            "context": context,
            "connection": connection,
            "overrides": overrides,
            "secrets": secrets,
            "access": access,
            "protection": protection,
            **more,
            "state": None,  # an output that Check computes
        }
        super().__init__(TYPE, name, props, opts)
