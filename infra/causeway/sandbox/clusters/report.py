"""What `up` and `status` tell about the clusters."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """One node as the API server knows it. `resources` are the extended resources it offers."""

    name: str
    ready: bool
    schedulable: bool
    reason: str
    resources: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class ClusterStatus:
    """One cluster.

    `state` is `running`, `broken` (some of it runs: `up` repairs), `stopped` (nothing runs), `absent`, or `unreadable`
    (another user made it). `missing` are the components that do not run, the sandbox's controller among them. `action`
    is what `up` did: `none`, `created`, `repaired` or `recreated`, with the reason in `note`.
    """

    name: str
    state: str
    server: str = ""
    version: str = ""
    missing: tuple[str, ...] = ()
    nodes: tuple[NodeStatus, ...] = ()
    action: str = "none"
    note: str = ""
    seconds: float = 0.0
