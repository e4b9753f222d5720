"""Empties a node through the eviction API, so that disruption budgets count.

Pods of DaemonSets and static pods stay. A pod that nobody would make again is named and left: to delete it is a
person's decision, and until then no other pod is evicted either, unless the node is down. A pod that is already
stopping is waited for as long as its grace period lasts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from causeway.cluster.api import Api, Refused
from causeway.cluster.model import Drained, Object, PodLeft
from causeway.errors import Retryable

_POLL_S = 1.0
_AGAIN_S = 5.0
"""Between two tries at a pod that a budget keeps."""
_AWAY_S = 30.0
_MIRROR = "kubernetes.io/config.mirror"
_ENDED = ("Succeeded", "Failed")
_SETTLE_S = 10.0
"""After the last eviction, for pods without a grace period of their own."""


@dataclass(slots=True)
class _Round:
    """What is known of the pods while a node is drained."""

    evicted: set[str] = field(default_factory=set)
    kept: dict[str, str] = field(default_factory=dict)
    """Why a pod was not evicted, by uid."""
    again_at: dict[str, float] = field(default_factory=dict)


def drain(api: Api, node: str, seconds: float, cancelled: Callable[[], bool]) -> Drained:
    """Evict until the node is empty, or a deadline.

    Raises:
        Retryable: the API server was away for half a minute, or at the deadline.
        Permanent: it does not let us evict.
    """
    deadline = time.monotonic() + seconds
    state = _Round()
    away_since: float | None = None
    staying: list[Object] = []
    while True:
        try:
            staying = [pod for pod in _pods(api, node) if _to_leave(pod)]
            kept = [pod for pod in staying if _orphan(pod)]
            if kept and not state.evicted and _is_up(api, node):  # it cannot be emptied: what runs there runs on
                return Drained(tuple(_left(pod, state) for pod in kept), 0, tried=False)
            for pod in staying:
                _try(api, pod, state)
            away_since = None
        except Retryable:
            now = time.monotonic()
            away_since = away_since or now
            if now - away_since > _AWAY_S or now >= deadline:
                raise  # what stays there is not known
        done = away_since is None and not staying
        only_orphans = bool(staying) and all(_orphan(pod) for pod in staying) and away_since is None
        if done or only_orphans or cancelled() or time.monotonic() >= deadline:
            return Drained(tuple(_left(pod, state) for pod in staying), len(state.evicted))
        time.sleep(max(0.0, min(_POLL_S, deadline - time.monotonic())))


def leaving(api: Api, node: str) -> tuple[Object, ...]:
    """The pods of a node that a drain would see off."""
    return tuple(pod for pod in _pods(api, node) if _to_leave(pod))


def _is_up(api: Api, node: str) -> bool:
    found = api.get(f"/api/v1/nodes/{node}") or {}
    conditions = found.get("status", {}).get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _pods(api: Api, node: str) -> Iterable[Object]:
    return api.items("/api/v1/pods", {"fieldSelector": f"spec.nodeName={node}"})


def _to_leave(pod: Object) -> bool:
    """Whether a drain has to see a pod off."""
    metadata = pod["metadata"]
    if _MIRROR in (metadata.get("annotations") or {}) or pod["status"].get("phase") in _ENDED:
        return False
    owner = _controller(pod)
    return owner is None or owner["kind"] not in {"DaemonSet", "Node"}


def _controller(pod: Object) -> Object | None:
    owners = pod["metadata"].get("ownerReferences") or ()
    return next((each for each in owners if each.get("controller")), None)


def _orphan(pod: Object) -> bool:
    return _controller(pod) is None and "deletionTimestamp" not in pod["metadata"]


def _try(api: Api, pod: Object, state: _Round) -> None:
    """Evict one pod, unless that was done, cannot be, or was refused a moment ago."""
    metadata = pod["metadata"]
    uid, now = metadata["uid"], time.monotonic()
    if "deletionTimestamp" in metadata or _orphan(pod) or state.again_at.get(uid, 0.0) > now:
        return
    path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
    body = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": metadata["name"], "namespace": metadata["namespace"]},
        "deleteOptions": {"preconditions": {"uid": uid}},
    }
    try:
        api.request("POST", f"{path}/eviction", body)
    except Refused as error:
        if error.status in {404, 409}:  # gone, or another pod by now: the next look tells
            return
        if error.status == 403 and "being terminated" in error.reason:
            state.kept[uid] = "it goes with its namespace, which is being deleted"
            return
        if error.status != 429:
            raise
        state.kept[uid] = _budget(error)
        state.again_at[uid] = now + _AGAIN_S
    except Retryable as error:
        if "more than one PodDisruptionBudget" not in error.reason:
            raise
        state.kept[uid] = "more than one disruption budget covers it, and Kubernetes then evicts nothing; leave it one"
        state.again_at[uid] = now + _AGAIN_S
    else:
        state.evicted.add(uid)
        state.kept.pop(uid, None)


def _budget(error: Refused) -> str:
    told = next((each.get("message", "") for each in error.causes if each.get("reason") == "DisruptionBudget"), "")
    reason = told or error.reason
    return f"{reason.rstrip('.')}; wait for its other pods, add a replica, or relax the budget"


def _left(pod: Object, state: _Round) -> PodLeft:
    metadata = pod["metadata"]
    if "deletionTimestamp" in metadata:
        grace = metadata.get("deletionGracePeriodSeconds")
        reason = f"it was told to stop and still runs (grace period {grace} s)"
    elif _orphan(pod):
        what = f"kubectl -n {metadata['namespace']} delete pod {metadata['name']}"
        reason = f"nothing would make it again, so it is not evicted; if it may go: {what}"
    else:
        reason = state.kept.get(metadata["uid"], "it was not evicted in time")
    return PodLeft(metadata["namespace"], metadata["name"], reason)
