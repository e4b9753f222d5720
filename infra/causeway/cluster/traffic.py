"""What a rollout agrees with the charts about a workload's pods on a node: gateway weights, checkpoints.

| chart | contract |
|---|---|
| inference | pods have the labels `causeway/workload`, `causeway/on-drain` and `app.kubernetes.io/instance` (the release, a backend of the gateway) |
| gateway | a ConfigMap labelled `app.kubernetes.io/component: shift` and `causeway/workload`; its data `weight.BACKEND` takes the place of that backend's weight, its annotation `causeway/weights` holds the weights of the values |
| training | pods with the annotation `causeway/on-drain: checkpoint` write a checkpoint when they are evicted, and take their grace period for it |

A backend's weight goes to 0 only when no other replica of it stays, and another backend is left to take its traffic. Which
node it was taken off for stands in the annotation `causeway/shifted`, so that it is given back with that node.
"""  # noqa: E501 - a table's row is one line

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from causeway.cluster.api import MERGE, Api, Refused
from causeway.cluster.model import Object

WORKLOAD = "causeway/workload"
ON_DRAIN = "causeway/on-drain"
_INSTANCE = "app.kubernetes.io/instance"
_SHIFT = "app.kubernetes.io/component=shift"
_WEIGHTS = "causeway/weights"
_SHIFTED = "causeway/shifted"
_PROXY = "app.kubernetes.io/component=proxy"
_SEEN = "causeway/weights-seen"
_TRIES = 5


@dataclass(frozen=True, slots=True)
class _Backend:
    workload: str
    release: str


def shift(api: Api, node: str) -> tuple[str, ...]:
    """Take the weight off what only this node serves; returns the workloads whose traffic goes elsewhere now."""
    shifted: dict[str, None] = {}
    for backend in sorted(_only_here(api, node), key=lambda each: (each.workload, each.release)):
        for table in _tables(api, backend.workload):
            if _change(api, table, partial(_away, release=backend.release, node=node)):
                shifted[backend.workload] = None
    return tuple(shifted)


def give_back(api: Api, node: str) -> tuple[str, ...]:
    """Undo what `shift` did for a node."""
    changed: dict[str, None] = {}
    for table in _tables(api, None):
        if node in _shifted(table).values() and _change(api, table, partial(_back, node=node)):
            changed[table["metadata"]["labels"][WORKLOAD]] = None
    return tuple(changed)


def workload(pod: Object) -> str:
    """The workload that a pod belongs to; a pod of something else goes by its namespace."""
    metadata = pod["metadata"]
    return str((metadata.get("labels") or {}).get(WORKLOAD) or metadata["namespace"])


def checkpointing(api: Api, node: str) -> tuple[str, ...]:
    """The workloads with pods on a node that write a checkpoint when they are evicted."""
    pods = api.items("/api/v1/pods", {"fieldSelector": f"spec.nodeName={node},status.phase=Running"})
    asked = (pod["metadata"] for pod in pods)
    names = {
        metadata["namespace"] for metadata in asked if (metadata.get("annotations") or {}).get(ON_DRAIN) == "checkpoint"
    }
    return tuple(sorted(names))


def _only_here(api: Api, node: str) -> Iterator[_Backend]:
    """The backends with ready replicas on this node and none on a node that stays in service."""
    pods = list(api.items("/api/v1/pods", {"labelSelector": f"{WORKLOAD},{ON_DRAIN}=shift_traffic"}))
    cordoned = {
        each["metadata"]["name"] for each in api.items("/api/v1/nodes") if each["spec"].get("unschedulable", False)
    }
    here = {_backend(pod) for pod in pods if pod["spec"].get("nodeName") == node}
    leaving = {*cordoned, node}
    staying = (pod for pod in pods if _ready(pod) and "deletionTimestamp" not in pod["metadata"])
    elsewhere = {_backend(pod) for pod in staying if pod["spec"].get("nodeName") not in leaving}
    yield from here - elsewhere


def _backend(pod: Object) -> _Backend:
    labels = pod["metadata"]["labels"]
    return _Backend(labels[WORKLOAD], labels.get(_INSTANCE, ""))


def _ready(pod: Object) -> bool:
    conditions = pod["status"].get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _tables(api: Api, workload: str | None) -> list[Object]:
    """The gateways' tables of weights, of one workload or of all."""
    own = WORKLOAD if workload is None else f"{WORKLOAD}={workload}"
    return list(api.items("/api/v1/configmaps", {"labelSelector": f"{_SHIFT},{own}"}))


def _shifted(table: Object) -> dict[str, str]:
    """For which node each backend's weight was taken off."""
    return _json_of(table, _SHIFTED)


def _json_of(table: Object, annotation: str) -> dict[str, Any]:
    text = (table["metadata"].get("annotations") or {}).get(annotation, "{}")
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _away(table: Object, release: str, node: str) -> dict[str, Any] | None:
    """The patch that takes a backend's weight off; None when that helps nobody or was done."""
    weights: Mapping[str, Any] = _json_of(table, _WEIGHTS)
    data = table.get("data") or {}
    now = {name: str(data.get(f"weight.{name}", weight)) for name, weight in weights.items()}
    others = any(weight != "0" for name, weight in now.items() if name != release)
    if now.get(release, "0") == "0" or not others:
        return None
    return _patch({f"weight.{release}": "0"}, {**_shifted(table), release: node})


def _back(table: Object, node: str) -> dict[str, Any] | None:
    shifted = _shifted(table)
    mine = [release for release, by in shifted.items() if by == node]
    if not mine:
        return None
    rest = {release: by for release, by in shifted.items() if by != node}
    return _patch({f"weight.{release}": None for release in mine}, rest)


def _patch(data: Mapping[str, str | None], shifted: Mapping[str, str]) -> dict[str, Any]:
    told = json.dumps(shifted, sort_keys=True, separators=(",", ":")) if shifted else None
    return {"data": dict(data), "metadata": {"annotations": {_SHIFTED: told}}}


def _change(api: Api, table: Object, make: Callable[[Object], dict[str, Any] | None]) -> bool:
    """Patch a table as it was read; read again when somebody else was faster."""
    metadata = table["metadata"]
    path = f"/api/v1/namespaces/{metadata['namespace']}/configmaps/{metadata['name']}"
    current: Object | None = table
    for _ in range(_TRIES):
        patch = make(current) if current is not None else None
        if patch is None or current is None:
            return False
        patch["metadata"]["resourceVersion"] = current["metadata"]["resourceVersion"]
        try:
            api.request("PATCH", path, patch, kind=MERGE)
        except Refused as error:
            if error.status not in {404, 409}:
                raise
            current = api.get(path)
        else:
            _look_now(api, current)
            return True
    return False


def _look_now(api: Api, table: Object) -> None:
    """Let the kubelets show a changed table to its proxies at once: they look when a pod's annotations change."""
    metadata = table["metadata"]
    selector = f"{_PROXY},{_INSTANCE}={metadata['labels'].get(_INSTANCE, '')}"
    patch = {"metadata": {"annotations": {_SEEN: metadata["resourceVersion"]}}}
    base = f"/api/v1/namespaces/{metadata['namespace']}/pods"
    for pod in api.items(base, {"labelSelector": selector}):
        with suppress(Refused):  # a pod that is gone needs no weights
            api.request("PATCH", f"{base}/{pod['metadata']['name']}", patch, kind=MERGE)
