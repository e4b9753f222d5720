"""The resource Lease as programs declare it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi

TYPE = "causeway:index:Lease"


class Lease(pulumi.CustomResource):
    """A lease as one stack uses it: the contract, visible in state and previews.

    Args:
        name: the resource's name in the stack.
        lease: name of the lease, the same in each stack that uses it.
        site: name of the site where the capacity stands.
        accelerator: accelerator of the catalog.
        quantity: accelerators of the whole lease.
        share: accelerators of it in this stack's pools.
        start, end: first and last day, as 2026-11-22.
        price: price for people; `unknown` when none is declared.
        notice_by: last day to give notice, as 2026-11-22.
        protection: what keeps the capacity from being given up (docs/program.md); None for nothing.
    """

    lease: pulumi.Output[str]
    share: pulumi.Output[int]
    end: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        lease: pulumi.Input[str],
        site: pulumi.Input[str],
        accelerator: pulumi.Input[str],
        quantity: pulumi.Input[int],
        share: pulumi.Input[int],
        start: pulumi.Input[str],
        end: pulumi.Input[str],
        price: pulumi.Input[str] = "unknown",
        notice_by: pulumi.Input[str] | None = None,
        protection: pulumi.Input[Mapping[str, Any]] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        props = {
            "lease": lease,
            "site": site,
            "accelerator": accelerator,
            "quantity": quantity,
            "share": share,
            "start": start,
            "end": end,
            "price": price,
            "noticeBy": notice_by,
            "protection": protection,
        }
        super().__init__(TYPE, name, props, opts)
