"""Looks whether a release's objects are ready, and says what keeps those that are not: object, pod, event, log line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from causeway.cluster import trouble
from causeway.cluster.api import Api
from causeway.cluster.model import Object
from causeway.cluster.patience import WORKLOADS

_QUEUE = "kueue.x-k8s.io/queue-name"
RELEASE = "meta.helm.sh/release-name"
"""Annotation by which Helm knows its own."""
_REVISION = "deployment.kubernetes.io/revision"


@dataclass(frozen=True, slots=True)
class NotReady:
    """One object that is not ready.

    Args:
        key: the object.
        text: what is missing, with pod, event and log line where there are any.
        hopeless: uids of its pods that waiting cannot mend.
        stalled: uids of its pods that wait for what others may mend: an image, a Secret.
    """

    key: str
    text: str
    hopeless: frozenset[str] = frozenset()
    stalled: frozenset[str] = frozenset()


def look(api: Api, documents: Mapping[str, Object], namespace: str, *, explain: bool = False) -> tuple[NotReady, ...]:
    """The objects that are not ready.

    Args:
        explain: also read events and logs.
    """
    return tuple(
        found
        for key, document in documents.items()
        if document["kind"] in WORKLOADS and (found := _one(api, key, document, namespace, explain=explain)) is not None
    )


def held(api: Api, documents: Mapping[str, Object], namespace: str) -> bool:
    """Whether a Job is not to begin yet: its chart, a queue of Kueue's or somebody by hand suspends it."""
    for document in documents.values():
        if document["kind"] != "Job":
            continue
        suspended = document["spec"].get("suspend")
        if suspended or _QUEUE in (document["metadata"].get("labels") or {}):
            return True
        path = api.path_of(document, namespace) if suspended is None else None
        live = api.get(path) if path else None
        if live is not None and live["spec"].get("suspend"):
            return True
    return False


def present(api: Api, documents: Mapping[str, Object], release: str, namespace: str) -> tuple[str, ...]:
    """Keys of the objects that are on the cluster and belong to a release."""
    found = []
    for key, document in documents.items():
        path = api.path_of(document, namespace)
        live = api.get(path) if path else None
        if live is not None and (live["metadata"].get("annotations") or {}).get(RELEASE) == release:
            found.append(key)
    return tuple(found)


def _one(api: Api, key: str, document: Object, namespace: str, *, explain: bool) -> NotReady | None:
    path = api.path_of(document, namespace)
    live = api.get(path) if path else None
    if live is None:
        return NotReady(key, "it is not there")
    missing = _missing(live)
    if not missing:
        return None
    pods = _pods(api, live)
    bad = [pod for pod in pods if not trouble.well(pod)]
    text = missing
    if bad:
        worst = min(bad, key=lambda pod: (trouble.rank(pod), pod["metadata"]["name"]))
        text = f"{missing}; {trouble.told(api, worst, explain=explain)}"
    elif explain and (event := trouble.event(api, live)):
        text = f"{missing}; {event}"
    return NotReady(
        key,
        text,
        frozenset(pod["metadata"]["uid"] for pod in bad if trouble.hopeless(pod)),
        frozenset(pod["metadata"]["uid"] for pod in bad if trouble.stalled(pod)),
    )


def _missing(live: Object) -> str:
    """What an object lacks to be ready; empty for nothing. As Helm's own watcher judges (kstatus)."""
    spec, status = live.get("spec") or {}, live.get("status") or {}
    metadata = live["metadata"]
    kind = live["kind"]
    if status.get("observedGeneration", metadata.get("generation", 0)) < metadata.get("generation", 0):
        return "its controller has not looked at it yet"
    wanted = spec.get("replicas", 1)
    if kind == "Deployment":
        updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
        if updated < wanted:
            return f"{updated} of {wanted} pods are new"
        if status.get("replicas", 0) > updated:
            return f"{status['replicas'] - updated} old pods are still there"
        return f"{available} of {wanted} pods are ready" if available < wanted else ""
    if kind in {"StatefulSet", "ReplicaSet"}:
        ready = status.get("readyReplicas", 0)
        return f"{ready} of {wanted} pods are ready" if ready < wanted else ""
    if kind == "DaemonSet":
        wanted, updated = status.get("desiredNumberScheduled", 0), status.get("updatedNumberScheduled", 0)
        ready = min(status.get("numberAvailable", 0), updated)
        return f"{ready} of {wanted} pods are ready" if ready < wanted else ""
    return _ended(kind, status)


def _ended(kind: str, status: Mapping[str, Any]) -> str:
    conditions = {each["type"]: each for each in status.get("conditions") or () if each.get("status") == "True"}
    if kind == "Job":
        failed = conditions.get("Failed")
        return f"the Job failed: {failed.get('message') or failed.get('reason')}" if failed else ""
    if status.get("phase") == "Succeeded" or "Ready" in conditions:
        return ""
    return f"the pod is {status.get('phase', 'unknown')}"


def _pods(api: Api, live: Object) -> list[Object]:
    """The pods of an object; of a Deployment those of its newest template."""
    namespace = live["metadata"].get("namespace", "")
    if live["kind"] == "Pod":
        return [live]
    selector = (live.get("spec") or {}).get("selector") or {}
    labels = ",".join(f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items()))
    if not labels:
        return []
    owner = live
    if live["kind"] == "Deployment":
        revision = (live["metadata"].get("annotations") or {}).get(_REVISION)
        sets = api.items(f"/apis/apps/v1/namespaces/{namespace}/replicasets", {"labelSelector": labels})
        owner = next(
            (each for each in sets if (each["metadata"].get("annotations") or {}).get(_REVISION) == revision), live
        )
    pods = api.items(f"/api/v1/namespaces/{namespace}/pods", {"labelSelector": labels})
    uid = owner["metadata"]["uid"]
    return [pod for pod in pods if any(each["uid"] == uid for each in pod["metadata"].get("ownerReferences") or ())]


def sentence(found: Iterable[NotReady], most: int = 4) -> str:
    """What keeps a release, as one text."""
    lines = [f"{each.key}: {each.text}" for each in found]
    return "\n".join(lines[:most]) + (f"\nand {len(lines) - most} more" if len(lines) > most else "")
