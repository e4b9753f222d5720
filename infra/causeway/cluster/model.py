"""What the layers above say to a cluster, and what it answers: access, nodes, evictions; charts and releases."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Access:
    """How a cluster's API is reached. Exactly one of the two is set.

    Args:
        context: a context of the kubeconfig that `KUBECONFIG` names (or the user's own).
        kubeconfig: the text of a kubeconfig, a secret; its current context counts.
    """

    context: str | None = None
    kubeconfig: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class RolloutMark:
    """The node's annotation `causeway/rollout`: which run holds the node, and how far it is.

    Args:
        run: id of the run.
        phase: the host's phase in its rollout (`causeway.hosts.model.Phase`).
        since: when the phase began, ISO 8601 in UTC.
        cordoned: whether this run made the node unschedulable; only then may it undo that.
    """

    run: str
    phase: str
    since: str
    cordoned: bool


@dataclass(frozen=True, slots=True)
class NodeState:
    """A node as the API server tells it."""

    name: str
    ready: bool
    schedulable: bool
    operands: bool
    """Whether `causeway/operands` is `on`."""
    allocatable: Mapping[str, int]
    """Extended resources (names with a slash) and their numbers."""
    mark: RolloutMark | None
    plugin_expected: bool
    """Whether a DaemonSet of a device plugin would run on this node with its operands on."""


@dataclass(frozen=True, slots=True)
class PodLeft:
    """A pod that did not leave a node."""

    namespace: str
    name: str
    reason: str
    """Why it stays, with the disruption budget's name where one refused."""


@dataclass(frozen=True, slots=True)
class Drained:
    """How a node's evictions ended."""

    left: tuple[PodLeft, ...]
    """Pods that are still there at the deadline; empty when the node is drained."""
    evicted: int


class Nodes(Protocol):
    """What a rollout asks of a cluster's nodes. Calls are bounded in time; `Retryable` when the API is away."""

    def read(self, names: Sequence[str]) -> Mapping[str, NodeState]:
        """The nodes among `names` that exist."""
        ...

    def pods(self, names: Sequence[str]) -> Mapping[str, Mapping[str, int]]:
        """Pods on nodes that a drain would evict: their number by namespace, by node; nodes without any are left out.

        A workload's pods lie in the namespace of its name (docs/plan.md).
        """
        ...

    def cordon(self, name: str, mark: RolloutMark) -> None:
        """Make a node unschedulable and annotate it, in one patch; one unschedulable before keeps `cordoned: false`."""
        ...

    def mark(self, name: str, mark: RolloutMark) -> None:
        """Annotate a node with the phase of its rollout."""
        ...

    def restore(self, name: str) -> None:
        """Remove the annotation, and make the node schedulable when the annotation says that a rollout cordoned it."""
        ...

    def operands(self, name: str, *, on: bool) -> None:
        """Let device plugin and exporter run on a node, or take them off it."""
        ...

    def wait_operands_gone(self, name: str, seconds: float, cancelled: Callable[[], bool]) -> tuple[PodLeft, ...]:
        """Wait until no pod of a device plugin or an exporter is left on a node; returns those left at the deadline."""
        ...

    def wait_allocatable(
        self, name: str, resource: str, number: int, seconds: float, cancelled: Callable[[], bool]
    ) -> int:
        """Wait until a node offers this number of a resource; returns what it offers at the end."""
        ...

    def drain(self, name: str, seconds: float, cancelled: Callable[[], bool]) -> Drained:
        """Evict every pod that is not a DaemonSet's or static, through the eviction API, so that budgets count."""
        ...

    def shift_traffic(self, node: str, *, away: bool) -> tuple[str, ...]:
        """Take the gateway weight off what only this node serves, or give it back; returns the workloads shifted.

        Which workloads, and how: the gateway chart's contract (docs/charts.md).
        """
        ...

    def ask_checkpoint(self, name: str, seconds: float, cancelled: Callable[[], bool]) -> tuple[str, ...]:
        """Ask training jobs on a node for a checkpoint (the training chart's contract); returns the workloads asked."""
        ...


Object = Mapping[str, Any]
"""A Kubernetes object as JSON has it."""


@dataclass(frozen=True, slots=True)
class ChartRef:
    """A chart as a declaration names it; no path of this machine.

    Args:
        reference: a chart of Causeway's by name, a path beside the declaration, `oci://...` or `https://....tgz`.
        version: for one that is fetched from a registry.
        digest: `sha256:...` of a fetched chart: of its manifest in a registry, of the file from a web server.
    """

    reference: str
    version: str | None = None
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a chart makes of its values, each part by key `<apiVersion>/<Kind>/<namespace>/<name>`, sorted.

    The namespace is empty where the kind has none.

    Args:
        objects: what Helm applies and waits for.
        hooks: what Helm runs before or after.
        crds: definitions from the charts' `crds` folders, which Helm only ever installs and Causeway also updates.
    """

    objects: Mapping[str, Object]
    hooks: Mapping[str, Object] = field(default_factory=dict)
    crds: Mapping[str, Object] = field(default_factory=dict)
