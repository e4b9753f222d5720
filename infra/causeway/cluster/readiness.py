"""Looks whether a release's objects are ready, and says what keeps those that are not: object, pod, event, log line."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from causeway.cluster.api import Api
from causeway.cluster.model import Object
from causeway.errors import CausewayError

_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "Pod")
_LOG_LINES = 20
_CERTAIN = ("InvalidImageName", "CreateContainerConfigError", "ErrImageNeverPull", "CreateContainerError")
"""Reasons for which a container waits and that no waiting mends."""
_PULL = ("ErrImagePull", "ImagePullBackOff")
_CRASHES = 4
"""Restarts in a row after which a container will not come up by itself."""
_BASE_S = 300.0
_LONGEST_S = 4 * 3600.0


@dataclass(frozen=True, slots=True)
class NotReady:
    """One object that is not ready.

    Args:
        key: the object.
        text: what is missing, with pod, event and log line where there are any.
        hopeless: uids of its pods that waiting cannot mend.
        pulling: uids of its pods whose image cannot be pulled; a registry may come back.
    """

    key: str
    text: str
    hopeless: frozenset[str] = frozenset()
    pulling: frozenset[str] = frozenset()


def look(api: Api, documents: Mapping[str, Object], namespace: str, *, explain: bool = False) -> tuple[NotReady, ...]:
    """The objects that are not ready.

    Args:
        explain: also read events and logs.
    """
    return tuple(
        found
        for key, document in documents.items()
        if document["kind"] in _WORKLOADS
        and (found := _one(api, key, document, namespace, explain=explain)) is not None
    )


def present(api: Api, documents: Mapping[str, Object], namespace: str) -> tuple[str, ...]:
    """Keys of the objects that are on the cluster."""
    paths = {key: api.path_of(each, namespace) for key, each in documents.items()}
    return tuple(key for key, path in paths.items() if path and api.get(path) is not None)


def patience(documents: Mapping[str, Object]) -> float:
    """Seconds that a release may take: five minutes, and what start-up probes allow for each round of new pods."""
    longest = max((_startup(each) * _rounds(each) for each in documents.values()), default=0.0)
    return min(_LONGEST_S, _BASE_S + longest)


def grace(document: Object) -> float:
    """Seconds that the pods of an object may take to stop."""
    return float(_pod_spec(document).get("terminationGracePeriodSeconds", 30))


def _one(api: Api, key: str, document: Object, namespace: str, *, explain: bool) -> NotReady | None:
    path = api.path_of(document, namespace)
    live = api.get(path) if path else None
    if live is None:
        return NotReady(key, "it is not there")
    missing = _missing(live)
    if not missing:
        return None
    pods = _pods(api, live)
    troubled = sorted((pod for pod in pods if not _well(pod)), key=lambda pod: (_rank(pod), pod["metadata"]["name"]))
    hopeless = frozenset(pod["metadata"]["uid"] for pod in troubled if _hopeless(pod))
    pulling = frozenset(
        pod["metadata"]["uid"] for pod in troubled if any(_reason(each) in _PULL for each in _containers(pod))
    )
    text = missing
    if troubled:
        text = f"{missing}; {_told(api, troubled[0], explain=explain)}"
    elif explain and (event := _event(api, live)):
        text = f"{missing}; {event}"
    return NotReady(key, text, hopeless, pulling)


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


_REVISION = "deployment.kubernetes.io/revision"


def _well(pod: Object) -> bool:
    status = pod["status"]
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in status.get("conditions") or ())
    return ready or status.get("phase") == "Succeeded" or "deletionTimestamp" in pod["metadata"]


def _containers(pod: Object) -> Iterator[Object]:
    status = pod["status"]
    yield from status.get("initContainerStatuses") or ()
    yield from status.get("containerStatuses") or ()


def _reason(container: Object) -> str:
    return str(((container.get("state") or {}).get("waiting") or {}).get("reason") or "")


def _hopeless(pod: Object) -> bool:
    return any(
        _reason(each) in _CERTAIN or (_reason(each) == "CrashLoopBackOff" and each.get("restartCount", 0) >= _CRASHES)
        for each in _containers(pod)
    )


def _rank(pod: Object) -> int:
    """Pods that tell the most come first."""
    if any(
        each.get("restartCount") or _reason(each) not in {"", "PodInitializing", "ContainerCreating"}
        for each in _containers(pod)
    ):
        return 0
    return 1 if pod["status"].get("phase") == "Failed" else 2


def _told(api: Api, pod: Object, *, explain: bool) -> str:
    """A pod, why it is not ready, its latest telling event and the last line of its log."""
    metadata = pod["metadata"]
    said = [f"pod {metadata['name']}: {_state(pod)}"]
    if explain:
        event = _event(api, pod)
        if event and event.partition(": ")[2] not in said[0]:
            said.append(event)
        if line := _log(api, pod):
            said.append(f'its log ends with "{line}"')
    return "; ".join(said)


def _state(pod: Object) -> str:
    for container in _containers(pod):
        state = container.get("state") or {}
        ended = state.get("terminated") or (container.get("lastState") or {}).get("terminated")
        restarts = f", {container['restartCount']} restarts" if container.get("restartCount") else ""
        if waiting := state.get("waiting"):
            message = f": {waiting['message']}" if waiting.get("message") else ""
            code = f", exit code {ended['exitCode']}" if ended else ""
            return f"container {container['name']} waits, {waiting.get('reason', 'unknown')}{code}{restarts}{message}"
        if state.get("terminated") and ended:
            return f"container {container['name']} ended with {ended['exitCode']}{restarts} ({ended.get('reason', '')})"
        if not container.get("ready") and state.get("running"):
            return f"container {container['name']} runs and is not ready{restarts}"
    for condition in pod["status"].get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return f"no node takes it: {condition.get('message') or condition.get('reason')}"
    return str(pod["status"].get("message") or f"it is {pod['status'].get('phase', 'unknown')}")


def _event(api: Api, live: Object) -> str:
    """The latest warning about an object."""
    metadata = live["metadata"]
    path = f"/api/v1/namespaces/{metadata.get('namespace', 'default')}/events"
    asked = {"fieldSelector": f"involvedObject.uid={metadata['uid']},type=Warning"}
    events = sorted(api.items(path, asked), key=_when)
    if not events:
        return ""
    last = events[-1]
    return f"event {last['reason']}: {_line(str(last.get('message') or ''))}"


def _when(event: Object) -> str:
    return str(event.get("lastTimestamp") or event.get("eventTime") or event["metadata"]["creationTimestamp"])


def _log(api: Api, pod: Object) -> str:
    """The last line that a container in trouble wrote, before it restarted where it did."""
    metadata = pod["metadata"]
    bad = [each for each in _containers(pod) if not each.get("ready") and _reason(each) not in _PULL]
    if not bad:
        return ""
    container = bad[0]
    query = {"container": container["name"], "tailLines": str(_LOG_LINES)}
    if (container.get("state") or {}).get("waiting") and container.get("restartCount"):
        query["previous"] = "true"
    try:
        text = api.text(f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/log", query)
    except (
        CausewayError
    ):  # a kubelet that is away, or a container that wrote nothing: its last words may still be known
        text = ""
    ended = (
        (container.get("lastState") or {}).get("terminated") or (container.get("state") or {}).get("terminated") or {}
    )
    lines = [line for line in (text or str(ended.get("message") or "")).splitlines() if line.strip()]
    return _line(lines[-1]) if lines else ""


def _line(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 300 else f"{text[:297]}..."


def _pod_spec(document: Object) -> Mapping[str, Any]:
    spec = document.get("spec") or {}
    found = spec if document["kind"] == "Pod" else (spec.get("template") or {}).get("spec")
    return found if isinstance(found, Mapping) and document["kind"] in _WORKLOADS else {}


def _startup(document: Object) -> float:
    """Seconds that the slowest container may take to start."""
    containers: Sequence[Mapping[str, Any]] = _pod_spec(document).get("containers") or ()
    return max((_allowed(each.get("startupProbe") or {}) for each in containers), default=0.0)


def _allowed(probe: Mapping[str, Any]) -> float:
    if not probe:
        return 0.0
    tries = float(probe.get("failureThreshold", 3)) * float(probe.get("periodSeconds", 10))
    return float(probe.get("initialDelaySeconds", 0)) + tries


def _rounds(document: Object) -> int:
    """In how many rounds an update renews the pods."""
    spec = document.get("spec") or {}
    replicas = int(spec.get("replicas") or 1)
    if document["kind"] == "StatefulSet" and spec.get("podManagementPolicy") != "Parallel":
        return replicas
    rolling = (spec.get("strategy") or {}).get("rollingUpdate") or {}
    if document["kind"] != "Deployment":
        return 1
    at_once = _part(rolling.get("maxSurge", "25%"), replicas, up=True) + _part(
        rolling.get("maxUnavailable", "25%"), replicas, up=False
    )
    return math.ceil(replicas / max(1, at_once))


def _part(value: Any, whole: int, *, up: bool) -> int:
    if isinstance(value, str) and value.endswith("%"):
        share = whole * float(value[:-1]) / 100
        return math.ceil(share) if up else math.floor(share)
    return int(value)


def sentence(found: Iterable[NotReady], most: int = 4) -> str:
    """What keeps a release, as one text."""
    lines = [f"{each.key}: {each.text}" for each in found]
    return "\n".join(lines[:most]) + (f"\nand {len(lines) - most} more" if len(lines) > most else "")
