"""Pods in trouble: which of them tell the most, and what they, their events and their logs say."""

from __future__ import annotations

from collections.abc import Iterator

from causeway.cluster.api import Api
from causeway.cluster.model import Object
from causeway.errors import CausewayError

_LOG_LINES = 20
_CERTAIN = ("InvalidImageName", "ErrImageNeverPull")
"""Reasons for which a container waits and that no waiting mends."""
_ELSEWHERE = ("ErrImagePull", "ImagePullBackOff", "CreateContainerConfigError", "CreateContainerError")
"""Reasons that others may mend: a registry comes back, External Secrets makes the Secret that a container names."""
_CRASHES = 4
"""Restarts in a row after which a container will not come up by itself."""


def well(pod: Object) -> bool:
    """Whether a pod is ready, done, or on its way out."""
    status = pod["status"]
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in status.get("conditions") or ())
    return ready or status.get("phase") == "Succeeded" or "deletionTimestamp" in pod["metadata"]


def _containers(pod: Object) -> Iterator[Object]:
    status = pod["status"]
    yield from status.get("initContainerStatuses") or ()
    yield from status.get("containerStatuses") or ()


def _reason(container: Object) -> str:
    return str(((container.get("state") or {}).get("waiting") or {}).get("reason") or "")


def hopeless(pod: Object) -> bool:
    """Whether waiting cannot mend a pod."""
    return any(
        _reason(each) in _CERTAIN or (_reason(each) == "CrashLoopBackOff" and each.get("restartCount", 0) >= _CRASHES)
        for each in _containers(pod)
    )


def stalled(pod: Object) -> bool:
    """Whether a pod waits for what others may mend, such as a registry, or a Secret that is not there yet."""
    return any(_reason(each) in _ELSEWHERE for each in _containers(pod))


def rank(pod: Object) -> int:
    """Pods that tell the most come first."""
    if any(
        each.get("restartCount") or _reason(each) not in {"", "PodInitializing", "ContainerCreating"}
        for each in _containers(pod)
    ):
        return 0
    return 1 if pod["status"].get("phase") == "Failed" else 2


def told(api: Api, pod: Object, *, explain: bool) -> str:
    """A pod, why it is not ready, its latest telling event and the last line of its log."""
    metadata = pod["metadata"]
    said = [f"pod {metadata['name']}: {_state(pod)}"]
    if explain:
        warning = event(api, pod)
        if warning and warning.partition(": ")[2] not in said[0]:
            said.append(warning)
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


def event(api: Api, live: Object) -> str:
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
    bad = [each for each in _containers(pod) if not each.get("ready") and _reason(each) not in _ELSEWHERE]
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
