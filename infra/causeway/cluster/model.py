"""What the layers above say to a cluster, and what it answers: access, nodes, evictions; charts and releases."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from causeway.errors import CausewayError


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
    pool: str | None = None
    """Value of `causeway/pool`."""


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
    tried: bool = True
    """False when nothing was evicted, since what is `left` keeps the node from being emptied."""


class Nodes(Protocol):
    """What a rollout asks of a cluster's nodes. Calls are bounded in time; `Retryable` when the API is away.

    Those that wait (`drain`, `wait_...`) bear an API that is away for half a minute by themselves.
    """

    def read(self, names: Sequence[str]) -> Mapping[str, NodeState]:
        """The nodes among `names` that exist."""
        ...

    def pods(self, names: Sequence[str]) -> Mapping[str, Mapping[str, int]]:
        """Pods on nodes that a drain would evict: their number by workload, by node; nodes without any are left out.

        A pod that belongs to no workload counts under its namespace.
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

    def join_pool(self, name: str, pool: str) -> None:
        """Say on a node which pool it belongs to (`causeway/pool`): workloads and device plugins select it."""
        ...

    def wait_operands_gone(self, name: str, seconds: float, cancelled: Callable[[], bool]) -> tuple[PodLeft, ...]:
        """Wait until no pod of a device plugin or an exporter is left on a node; returns those left at the deadline."""
        ...

    def wait_allocatable(
        self, name: str, resource: str, number: int, seconds: float, cancelled: Callable[[], bool]
    ) -> int:
        """Wait until a node offers this number of a resource, or more; returns what it offers at the end."""
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


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field of an object that changes.

    Args:
        steps: keys and list indexes from the object's top, in the new object, or in the old one for what goes.
        shown: the same for people: `spec.template.spec.containers[server].image`.
        old, new: values; None where there is none.
    """

    steps: tuple[str | int, ...]
    shown: str
    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class ObjectChange:
    """One object that changes.

    Args:
        key: `<apiVersion>/<Kind>/<namespace>/<name>`.
        action: `create`, `change`, `replace` (deleted and made again) or `delete`.
        fields: what changes; empty for what is made or deleted.
        reason: why it has to be replaced.
    """

    key: str
    action: Literal["create", "change", "replace", "delete"]
    fields: tuple[FieldChange, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Changes:
    """What a release changes, hooks and definitions (CRDs) apart."""

    objects: tuple[ObjectChange, ...]
    hooks: tuple[ObjectChange, ...] = ()
    crds: tuple[ObjectChange, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything changes."""
        return bool(self.objects or self.hooks or self.crds)


@dataclass(frozen=True, slots=True)
class ReleaseSpec:
    """A release as it should be.

    Args:
        values: nothing secret.
        kubernetes: declared version, `1.34`.
        rendered: what chart and values render.
        secrets: value by name of Secret; made in the release's namespace, key `value`, before anything else.
        timeout_s: how long it may take to become ready; None to derive it from the probes of its pods.
    """

    access: Access
    name: str
    namespace: str
    chart: ChartRef
    values: Mapping[str, Any]
    kubernetes: str
    rendered: Rendered = field(repr=False)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout_s: float | None = None


@dataclass(frozen=True, slots=True)
class ReleaseStep:
    """One step of a release, told to whoever watches.

    Args:
        phase: `check`, `secrets`, `apply`, `wait`, `rollback`, `uninstall` or `done`.
        text: one plain sentence.
    """

    phase: str
    text: str


@dataclass(frozen=True, slots=True)
class ReleaseOutcome:
    """How a release ended.

    Args:
        action: `unchanged`, `installed`, `upgraded`, `failed` or `cancelled`.
        revision: Helm's revision that is in force now; 0 for none.
        failure: why it failed, ready for people; None when it did not.
        rolled_back_to: revision that was brought back; 0 when a first install was taken away again; None when nothing
            was rolled back.
        notes: what was noticed and did not stop it: fields taken over, values that the server changed.
    """

    action: Literal["unchanged", "installed", "upgraded", "failed", "cancelled"]
    revision: int
    failure: CausewayError | None = None
    rolled_back_to: int | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Drift:
    """What a release is on the cluster, against what it should be.

    Args:
        status: Helm's word (`deployed`, `failed`, `pending-upgrade`, ...), or `missing`.
        revision: latest revision; 0 for none.
        changes: what an `up` would change on the cluster.
    """

    status: str
    revision: int
    changes: tuple[ObjectChange, ...]

    @property
    def drifted(self) -> bool:
        """Whether the release is not what it should be."""
        return self.status != "deployed" or bool(self.changes)
