"""How long a release may take: what its pods' start-up probes and grace periods allow. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from causeway.cluster.model import Object

WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "Pod")
"""Kinds that are pods or make them."""
_BASE_S = 300.0
_LONGEST_S = 4 * 3600.0


def of(documents: Mapping[str, Object]) -> float:
    """Seconds that a release may take: five minutes, and what start-up probes allow for each round of new pods."""
    longest = max((_startup(each) * _rounds(each) for each in documents.values()), default=0.0)
    return min(_LONGEST_S, _BASE_S + longest)


def grace(document: Object) -> float:
    """Seconds that the pods of an object may take to stop."""
    return float(_pod_spec(document).get("terminationGracePeriodSeconds", 30))


def _pod_spec(document: Object) -> Mapping[str, Any]:
    spec = document.get("spec") or {}
    found = spec if document["kind"] == "Pod" else (spec.get("template") or {}).get("spec")
    return found if isinstance(found, Mapping) and document["kind"] in WORKLOADS else {}


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
