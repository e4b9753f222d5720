"""The nodes of one cluster as a rollout uses them: cordon, mark, operands, waits. Implements `model.Nodes`.

Waits are short polls, so that a lost connection costs one poll and a cancel is felt at once. Draining is in `drain`,
the charts' contracts in `traffic`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from causeway.cluster import drain, traffic
from causeway.cluster.api import MERGE, Api, Refused
from causeway.cluster.model import Drained, NodeState, Object, PodLeft, RolloutMark
from causeway.cluster.scheduling import fits
from causeway.cluster.waiting import wait_for
from causeway.errors import Permanent, Retryable

OPERANDS = "causeway/operands"
POOL = "causeway/pool"
ROLLOUT = "causeway/rollout"
COMPONENT = "app.kubernetes.io/component"
PLUGIN = "device-plugin"
_OPERANDS = (PLUGIN, "exporter")
_NODES = "/api/v1/nodes"
_TRIES = 5
_FEW = 16
"""Nodes up to which each is asked for by name; above, all are listed."""


@dataclass(frozen=True, slots=True)
class ClusterNodes:
    """The nodes of the cluster behind an API server."""

    api: Api

    def read(self, names: Sequence[str]) -> Mapping[str, NodeState]:
        """See `model.Nodes`."""
        wanted = set(names)
        if len(wanted) <= _FEW:
            found = [node for name in sorted(wanted) if (node := self.api.get(f"{_NODES}/{name}")) is not None]
        else:
            found = [node for node in self.api.items(_NODES) if node["metadata"]["name"] in wanted]
        plugins = self._plugins() if found else []
        return {node["metadata"]["name"]: _state(node, plugins) for node in found}

    def pods(self, names: Sequence[str]) -> Mapping[str, Mapping[str, int]]:
        """See `model.Nodes`."""
        found = {name: Counter(traffic.workload(pod) for pod in drain.leaving(self.api, name)) for name in names}
        return {name: dict(counted) for name, counted in found.items() if counted}

    def cordon(self, name: str, mark: RolloutMark) -> None:
        """See `model.Nodes`."""

        def change(node: Object) -> dict[str, Any]:
            before = _mark(node)
            ours = before.cordoned if before is not None else False
            cordoned = ours or not node["spec"].get("unschedulable", False)
            made = RolloutMark(mark.run, mark.phase, mark.since, cordoned)
            return {"metadata": {"annotations": {ROLLOUT: _told(made)}}, "spec": {"unschedulable": True}}

        self._change(name, change)

    def mark(self, name: str, mark: RolloutMark) -> None:
        """See `model.Nodes`."""
        self._change(name, lambda _node: {"metadata": {"annotations": {ROLLOUT: _told(mark)}}})

    def restore(self, name: str) -> None:
        """See `model.Nodes`."""

        def change(node: Object) -> dict[str, Any]:
            before = _mark(node)
            made: dict[str, Any] = {"metadata": {"annotations": {ROLLOUT: None}}}
            if before is not None and before.cordoned:
                made["spec"] = {"unschedulable": None}
            return made

        self._change(name, change)

    def operands(self, name: str, *, on: bool) -> None:
        """See `model.Nodes`."""
        self._change(name, lambda _node: {"metadata": {"labels": {OPERANDS: "on" if on else "off"}}})

    def join_pool(self, name: str, pool: str) -> None:
        """See `model.Nodes`."""
        self._change(name, lambda _node: {"metadata": {"labels": {POOL: pool}}})

    def wait_operands_gone(self, name: str, seconds: float, cancelled: Callable[[], bool]) -> tuple[PodLeft, ...]:
        """See `model.Nodes`."""

        def left() -> tuple[PodLeft, ...]:
            selector = f"{COMPONENT} in ({','.join(_OPERANDS)})"
            asked = {"fieldSelector": f"spec.nodeName={name}", "labelSelector": selector}
            return tuple(_staying(pod) for pod in self.api.items("/api/v1/pods", asked))

        return wait_for(left, lambda found: not found, seconds, cancelled)

    def wait_allocatable(
        self, name: str, resource: str, number: int, seconds: float, cancelled: Callable[[], bool]
    ) -> int:
        """See `model.Nodes`."""

        def offered() -> int:
            node = self.api.get(f"{_NODES}/{name}") or {}
            return _number((node.get("status", {}).get("allocatable") or {}).get(resource, "0"))

        return wait_for(offered, lambda found: found >= number, seconds, cancelled)

    def drain(self, name: str, seconds: float, cancelled: Callable[[], bool]) -> Drained:
        """See `model.Nodes`."""
        return drain.drain(self.api, name, seconds, cancelled)

    def shift_traffic(self, node: str, *, away: bool) -> tuple[str, ...]:
        """See `model.Nodes`."""
        return traffic.shift(self.api, node) if away else traffic.give_back(self.api, node)

    def ask_checkpoint(self, name: str, seconds: float, cancelled: Callable[[], bool]) -> tuple[str, ...]:
        """See `model.Nodes`. The training chart's pods write a checkpoint when they are evicted: that is the request.

        Returns:
            the workloads whose pods on this node do so; `drain` then waits as long as their grace period.
        """
        del seconds, cancelled
        return traffic.checkpointing(self.api, name)

    def _change(self, name: str, change: Callable[[Object], dict[str, Any]]) -> None:
        """Patch a node as it was read; read again when somebody else was faster."""
        path = f"{_NODES}/{name}"
        for _ in range(_TRIES):
            node = self.api.get(path)
            if node is None:
                hint = "look whether its kubelet runs and has joined this cluster: kubectl get nodes"
                reason = "the cluster has no such node"
                raise Permanent("node-missing", reason, subject=name, where=self.api.where, hint=hint)
            patch = change(node)
            patch["metadata"]["resourceVersion"] = node["metadata"]["resourceVersion"]
            try:
                self.api.request("PATCH", path, patch, kind=MERGE)
            except Refused as error:
                if error.status != 409:
                    raise
            else:
                return
        reason = f"it was changed by others {_TRIES} times while we changed it"
        raise Retryable("node-busy", reason, subject=name, where=self.api.where, hint="run it again")

    def _plugins(self) -> list[Object]:
        """Pod templates of the device plugins' DaemonSets."""
        templates = (each["spec"]["template"] for each in self.api.items("/apis/apps/v1/daemonsets"))
        return [each for each in templates if (each["metadata"].get("labels") or {}).get(COMPONENT) == PLUGIN]


def _state(node: Object, plugins: Iterable[Object]) -> NodeState:
    metadata, spec, status = node["metadata"], node.get("spec") or {}, node.get("status") or {}
    labels = metadata.get("labels") or {}
    ready = next((each["status"] for each in status.get("conditions", ()) if each["type"] == "Ready"), "Unknown")
    with_operands = {**labels, OPERANDS: "on"}
    return NodeState(
        name=metadata["name"],
        ready=ready == "True",
        schedulable=not spec.get("unschedulable", False),
        operands=labels.get(OPERANDS) == "on",
        allocatable={
            name: _number(value) for name, value in sorted((status.get("allocatable") or {}).items()) if "/" in name
        },
        mark=_mark(node),
        plugin_expected=any(fits(each["spec"], with_operands, spec.get("taints") or ()) for each in plugins),
        pool=labels.get(POOL),
    )


def _told(mark: RolloutMark) -> str:
    told = {"run": mark.run, "phase": mark.phase, "since": mark.since, "cordoned_by_us": mark.cordoned}
    return json.dumps(told, separators=(",", ":"))


def _mark(node: Object) -> RolloutMark | None:
    """The annotation; one that cannot be read counts as none, and its cordon as somebody else's."""
    text = (node["metadata"].get("annotations") or {}).get(ROLLOUT)
    try:
        told = json.loads(text or "")
        return RolloutMark(str(told["run"]), str(told["phase"]), str(told["since"]), told["cordoned_by_us"] is True)
    except (ValueError, KeyError, TypeError):
        return None


def _number(quantity: str) -> int:
    """An extended resource is a whole number; a quantity with a suffix (hugepages) is of no interest here."""
    return int(quantity) if str(quantity).isdigit() else 0


def _staying(pod: Object) -> PodLeft:
    going = "deletionTimestamp" in pod["metadata"]
    reason = "it is stopping" if going else f"it still runs there ({pod['status'].get('phase', 'Unknown')})"
    return PodLeft(pod["metadata"]["namespace"], pod["metadata"]["name"], reason)
