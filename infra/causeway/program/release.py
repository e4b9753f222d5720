"""The resource Release as programs declare it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi

TYPE = "causeway:index:Release"


class Release(pulumi.CustomResource):
    """A Helm release, shown object by object and field by field.

    Args:
        name: the resource's name in the stack.
        release, namespace: as Helm knows it. Another of either is another release.
        chart: a chart of Causeway's by name, a path beside the declaration, or `oci://...`.
        kubernetes: the cluster's declared version, such as 1.34.
        version, digest: of a chart that is fetched.
        values: the chart's values. No secret's value: charts take `existingSecret` and `secretDigest`.
        objects: what the chart renders of these values (`causeway.program.rendering`), by
            `<apiVersion>/<Kind>/<namespace>/<name>`; previews compare these.
        hooks, crds: the same for hooks and definitions.
        secrets: values by name; each becomes a Secret of that name with the key `value`.
        access: `context` of the kubeconfig, or a `kubeconfig`'s text as a secret output.
    """

    status: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        release: pulumi.Input[str],
        namespace: pulumi.Input[str],
        chart: pulumi.Input[str],
        access: pulumi.Input[Mapping[str, pulumi.Input[str]]],
        kubernetes: pulumi.Input[str] | None = None,
        version: pulumi.Input[str] | None = None,
        digest: pulumi.Input[str] | None = None,
        values: pulumi.Input[Mapping[str, Any]] | None = None,
        objects: pulumi.Input[Mapping[str, Any]] | None = None,
        hooks: pulumi.Input[Mapping[str, Any]] | None = None,
        crds: pulumi.Input[Mapping[str, Any]] | None = None,
        secrets: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        props = {
            "release": release,
            "namespace": namespace,
            "chart": chart,
            "kubernetes": kubernetes,
            "version": version,
            "digest": digest,
            "values": values,
            "objects": objects,
            "hooks": hooks,
            "crds": crds,
            "secrets": secrets,
            "access": access,
            "status": None,  # an output
        }
        super().__init__(TYPE, name, props, opts)
