"""The order of driver and engine changes, as a diff tells it."""

from __future__ import annotations

from collections.abc import Callable

from causeway.plan.diff_model import PlanDiff
from causeway.plan.diff_order import told
from tests.plan.diff_fleets import Document, both, changed, drivers, north, nothing

NEWER = {"driver": "25.5.2", "firmware": "7.8.0.7.220", "toolkit": "8.5.1"}


def engine(version: str) -> Callable[[Document], None]:
    def edit(document: Document) -> None:
        document["workloads"]["doubao"]["serve"][0]["engine"]["version"] = version

    return edit


def orders(found: PlanDiff) -> dict[str, str]:
    return {change.subject: told(change.plan) for change in found.orders}


def test_going_up_hosts_come_before_images() -> None:
    (text,) = orders(changed(both(drivers("ascend", **NEWER), engine("0.18.0")))).values()
    assert text.index("hosts: driver 25.5.0 → 25.5.2") < text.index("then images: engine version 0.13.0 → 0.18.0")
    assert "firmware before driver" in text


def test_going_down_images_come_before_hosts() -> None:
    newer = both(drivers("ascend", **NEWER), engine("0.18.0"))
    (text,) = orders(changed(nothing, before=newer)).values()
    assert text.index("images: engine version 0.18.0 → 0.13.0") < text.index("then hosts: driver 25.5.2 → 25.5.0")


def test_a_pool_is_told_once_with_the_engine_that_runs_on_it() -> None:
    found = orders(changed(drivers("ascend", **NEWER)))
    assert list(found) == ["doubao@cn-north-inference/ascend"]


def test_nothing_is_told_of_versions_that_stay() -> None:
    assert orders(changed(north("ascend", rollout={"canary": 2}))) == {}
