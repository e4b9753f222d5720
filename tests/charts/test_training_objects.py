"""The training chart's other templates: service, configmap, disruption budget, and the end of the job's last day."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.charts.harness import CHARTS, Helm, Rendered, load

pytestmark = pytest.mark.tools
CASES = CHARTS / "training" / "ci"
NCCL, HCCL, QUEUE = (load(CASES / f"{name}-values.yaml") for name in ("nccl", "hccl", "queue"))


def rendered(helm: Helm, values: dict[str, Any], **changed: Any) -> Rendered:
    return helm.render("training", values | changed, name="run")


def test_the_service_gives_each_host_a_name_before_it_is_ready(helm: Helm) -> None:
    found = rendered(helm, HCCL)
    service = found.one("Service")["spec"]
    assert service["clusterIP"] == "None"
    assert service["publishNotReadyAddresses"] is True
    assert {port["name"]: port["port"] for port in service["ports"]} == {"rendezvous": 29500, "rank-table": 29600}
    template = found.one("Job")["spec"]["template"]
    assert template["spec"]["subdomain"] == found.one("Service")["metadata"]["name"]
    assert service["selector"].items() <= template["metadata"]["labels"].items()
    cron = found.one("CronJob")["spec"]["jobTemplate"]["spec"]["template"]
    assert not service["selector"].items() <= cron["metadata"]["labels"].items()


def test_the_files_that_the_steps_run_are_there_and_no_others(helm: Helm) -> None:
    files = {name: set(rendered(helm, values).one("ConfigMap")["data"]) for name, values in
             (("nccl", NCCL), ("hccl", HCCL), ("queue", QUEUE))}  # fmt: skip
    assert files["nccl"] == {"window.json", "window.py", "checkpoint.sh"}
    assert files["hccl"] == {"window.json", "window.py", "rank_table.py"}
    assert files["queue"] == {"window.json"}
    folder = CHARTS / "training" / "files"
    for name in ("window.py", "rank_table.py"):
        assert rendered(helm, HCCL).one("ConfigMap")["data"][name].strip() == (folder / name).read_text("utf-8").strip()


def test_the_days_stand_in_a_file_and_not_in_the_pods(helm: Helm) -> None:
    days = json.loads(rendered(helm, NCCL).one("ConfigMap")["data"]["window.json"])
    assert days == {
        "starts_on": "2026-11-01",
        "ends_on": "2027-06-30",
        "last_scheduling_day": "2028-09-16",
        "utc_offset_hours": 8,
    }


@pytest.mark.parametrize("on_drain", ["wait_for_end", "refuse"])
def test_no_host_may_be_evicted_before_the_job_ends_where_the_workload_says_so(helm: Helm, on_drain: str) -> None:
    budget = rendered(helm, NCCL, onDrain=on_drain, hosts=3).one("PodDisruptionBudget")["spec"]
    assert budget["minAvailable"] == 3


@pytest.mark.parametrize("on_drain", ["checkpoint", "shift_traffic"])
def test_a_job_that_may_leave_has_no_budget(helm: Helm, on_drain: str) -> None:
    assert not rendered(helm, NCCL, onDrain=on_drain).of("PodDisruptionBudget")


@pytest.mark.parametrize(
    ("ends_on", "offset", "schedule", "zone"),
    [
        ("2027-06-30", 8, "0 0 1 7 *", "Etc/GMT-8"),
        ("2027-12-31", 0, "0 0 1 1 *", "Etc/UTC"),
        ("2028-02-28", -5, "0 0 29 2 *", "Etc/GMT+5"),
    ],
)
def test_the_job_is_stopped_when_its_last_day_is_over_at_its_site(
    helm: Helm, ends_on: str, offset: int, schedule: str, zone: str
) -> None:
    cron = rendered(helm, NCCL, endsOn=ends_on, lastSchedulingDay="", window={"utcOffsetHours": offset}).one("CronJob")
    assert (cron["spec"]["schedule"], cron["spec"]["timeZone"]) == (schedule, zone)


def test_what_stops_the_job_may_patch_that_job_and_nothing_else(helm: Helm) -> None:
    found = rendered(helm, NCCL)
    (rule,) = found.one("Role")["rules"]
    name = found.one("Job")["metadata"]["name"]
    assert rule == {"apiGroups": ["batch"], "resources": ["jobs"], "resourceNames": [name], "verbs": ["get", "patch"]}
    (container,) = found.one("CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert {"name": "JOB_NAME", "value": name} in container["env"]


def test_a_job_without_a_last_day_has_nothing_that_stops_it(helm: Helm) -> None:
    found = rendered(helm, NCCL, endsOn="")
    assert not [d["kind"] for d in found.objects if d["kind"] in {"CronJob", "Role", "RoleBinding", "ServiceAccount"}]
