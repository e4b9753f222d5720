"""Which pods are given up at once, which may be mended by others, and what is told of them."""

from __future__ import annotations

from typing import Any

import pytest

from causeway.cluster import trouble


def pod(reason: str, restarts: int = 0) -> dict[str, Any]:
    container = {"name": "main", "state": {"waiting": {"reason": reason}}, "restartCount": restarts}
    return {"metadata": {"name": "one", "uid": "1"}, "status": {"phase": "Pending", "containerStatuses": [container]}}


@pytest.mark.parametrize(
    ("reason", "restarts", "judged"),
    [
        ("InvalidImageName", 0, "hopeless"),
        ("CrashLoopBackOff", 3, ""),
        ("CrashLoopBackOff", 4, "hopeless"),
        ("ImagePullBackOff", 0, "stalled"),
        ("CreateContainerConfigError", 0, "stalled"),
        ("ContainerCreating", 0, ""),
    ],
)
def test_only_what_no_waiting_mends_is_given_up_at_once(reason: str, restarts: int, judged: str) -> None:
    one = pod(reason, restarts)
    assert not trouble.well(one)
    assert (trouble.hopeless(one), trouble.stalled(one)) == (judged == "hopeless", judged == "stalled")
