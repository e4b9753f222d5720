"""Keeps the pods of one cluster by a watch."""

from __future__ import annotations

import logging
import threading
import time

from causeway.errors import CausewayError
from causeway.sandbox.clusters.api import Api
from causeway.sandbox.clusters.controller.state import Pod, pod_from

_log = logging.getLogger("sandbox-controller")


class PodStore:
    """The pods of one cluster that are bound to a node, kept by a watch.

    `known` is set once they have been listed: before that, nothing can be concluded from a pod not being there.
    `changed` is set on every change.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._lock = threading.Lock()
        self._pods: dict[str, Pod] = {}
        self.known = threading.Event()
        self.changed = threading.Event()

    def on(self, node: str) -> tuple[Pod, ...]:
        """The pods on a node."""
        with self._lock:
            return tuple(pod for pod in self._pods.values() if pod.node == node)

    def all(self) -> tuple[Pod, ...]:
        """Every pod that is bound."""
        with self._lock:
            return tuple(self._pods.values())

    def follow(self, stop: threading.Event) -> None:
        """Watch until `stop` is set. A lost watch begins anew, with the pods that are then there."""
        while not stop.is_set():
            try:
                self._follow_once()
            except CausewayError as error:
                _log.info("%s: %s", self._api.access.cluster, error.reason)
                time.sleep(1)

    def _follow_once(self) -> None:
        seen: dict[str, Pod] = {}
        synced = False
        path = "/api/v1/pods?fieldSelector=spec.nodeName!%3D&allowWatchBookmarks=true&sendInitialEvents=true"
        for event in self._api.watch(f"{path}&resourceVersionMatch=NotOlderThan"):
            if event["type"] == "ERROR":
                return
            if event["type"] == "BOOKMARK":
                annotations = event["object"]["metadata"].get("annotations") or {}
                if not synced and "k8s.io/initial-events-end" in annotations:
                    synced = True
                    with self._lock:
                        self._pods = seen
                    self.known.set()
                    self.changed.set()
                continue
            pod = pod_from(event["object"])
            with self._lock:
                if event["type"] == "DELETED":
                    seen.pop(pod.uid, None)
                else:
                    seen[pod.uid] = pod
            if synced:
                self.changed.set()
