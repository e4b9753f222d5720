"""How long a release may take, from the probes of its pods."""

from __future__ import annotations

from typing import Any

import pytest

from causeway.cluster import patience


def workload(kind: str = "Deployment", **spec: Any) -> dict[str, Any]:
    probe = {"failureThreshold": 60, "periodSeconds": 10}
    pod = {"terminationGracePeriodSeconds": 90, "containers": [{"name": "main", "startupProbe": probe}]}
    return {"kind": kind, "spec": {"template": {"spec": pod}, **spec}}


@pytest.mark.parametrize(
    ("document", "seconds"),
    [
        ({"kind": "Service", "spec": {}}, 300),
        (workload(), 300 + 600),
        (workload(replicas=4), 300 + 2 * 600),
        (workload(replicas=4, strategy={"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}), 300 + 4 * 600),
        (workload(replicas=4, strategy={"rollingUpdate": {"maxSurge": "100%"}}), 300 + 600),
        (workload("StatefulSet", replicas=3), 300 + 3 * 600),
        (workload("StatefulSet", replicas=3, podManagementPolicy="Parallel"), 300 + 600),
        (workload("DaemonSet"), 300 + 600),
        (workload("StatefulSet", replicas=500), 4 * 3600),
    ],
)
def test_a_release_may_take_what_its_slowest_start_needs_in_each_round(
    document: dict[str, Any], seconds: float
) -> None:
    assert patience.of({"x": document, "y": {"kind": "ConfigMap"}}) == seconds


def test_an_object_that_is_deleted_gets_its_pods_grace_period() -> None:
    assert patience.grace(workload()) == 90
    assert patience.grace({"kind": "Service"}) == 30
