"""Training jobs on a real API server: accelerators, replacement, suspension, eviction, and the end of their days."""

from __future__ import annotations

import base64
import json
import os
import secrets
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.charts.harness import CHARTS, ChartCluster, Object, Refused, Release, load
from tests.waiting import eventually

pytestmark = pytest.mark.tools
CASES = CHARTS / "training" / "ci"
NCCL, HCCL = (load(CASES / f"{name}-values.yaml") for name in ("nccl", "hccl"))


@pytest.fixture
def release(platform: Release, chart_cluster: ChartCluster) -> Iterator[Release]:
    """A release of its own; its accelerators are free again at the end."""
    found = chart_cluster.release("training", f"train-{secrets.token_hex(3)}")
    yield found
    chart_cluster.forget(found.namespace)


def running(release: Release, count: int) -> list[Object]:
    selector = "app.kubernetes.io/component=training"

    def look() -> list[Object] | None:
        pods = [pod for pod in release.pods(selector) if pod["status"].get("phase") == "Running"]
        return pods if len(pods) == count else None

    return eventually(look, f"{count} running pods")


def job(release: Release) -> Object:
    (found,) = release.get("jobs", "")
    assert isinstance(found, dict)
    return found


def test_each_host_of_a_job_takes_all_accelerators_of_one_node_of_its_pool(release: Release) -> None:
    notes = release.install(NCCL)
    pods = running(release, 2)
    assert {pod["spec"]["nodeName"] for pod in pods} == {"gpu-1", "gpu-2"}
    assert [pod["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] for pod in pods] == ["8", "8"]
    assert {pod["spec"]["hostname"] for pod in pods} == {f"{job(release)['metadata']['name']}-{n}" for n in (0, 1)}
    commands = [shlex.split(line)[1:] for line in notes.splitlines() if line.startswith("  kubectl")]
    assert {words[0] for words in commands} == {"get", "logs", "patch"}
    assert len(commands) == 5
    for words in commands:
        said = release.cluster.kubectl(*words)
        assert len(said.splitlines()) > 1 or words[0] != "get", words


def test_a_changed_template_is_a_new_job_and_a_rollback_brings_the_old_one_back(release: Release) -> None:
    release.install(NCCL)
    first = job(release)["metadata"]["name"]
    running(release, 2)
    release.upgrade(NCCL | {"env": {"LEARNING_RATE": "0.1"}})
    second = job(release)["metadata"]["name"]
    assert second != first
    assert {p["metadata"]["labels"]["batch.kubernetes.io/job-name"] for p in running(release, 2)} == {second}
    release.rollback()
    assert job(release)["metadata"]["name"] == first
    assert {p["metadata"]["labels"]["batch.kubernetes.io/job-name"] for p in running(release, 2)} == {first}


def test_a_moved_last_day_restarts_nothing(release: Release) -> None:
    release.install(NCCL)
    before = {pod["metadata"]["uid"] for pod in running(release, 2)}
    release.upgrade(NCCL | {"endsOn": "2027-08-14"})
    assert release.get("cronjob", f"{release.name}-end")["spec"]["schedule"] == "0 0 15 8 *"
    assert json.loads(release.get("configmap", release.name)["data"]["window.json"])["ends_on"] == "2027-08-14"
    assert {pod["metadata"]["uid"] for pod in running(release, 2)} == before


def test_who_suspends_a_job_that_says_nothing_is_not_overruled_by_an_upgrade(release: Release) -> None:
    release.install(NCCL)
    running(release, 2)
    name = job(release)["metadata"]["name"]
    release.cluster.kubectl(
        "patch", "job", name, "-n", release.namespace, "--type=merge", '--patch={"spec":{"suspend":true}}'
    )
    eventually(lambda: not release.pods("app.kubernetes.io/component=training"), "the pods to leave")
    release.upgrade(NCCL | {"backoffLimit": 7}, wait=False)
    assert (job(release)["spec"]["suspend"], job(release)["spec"]["backoffLimit"]) == (True, 7)


def test_the_declared_switch_holds_a_job_and_lets_it_go_on(release: Release) -> None:
    release.install(NCCL | {"suspend": True}, wait=False)
    assert job(release)["spec"]["suspend"] is True
    uid = job(release)["metadata"]["uid"]
    release.upgrade(NCCL | {"suspend": False})
    running(release, 2)
    assert job(release)["metadata"]["uid"] == uid


def evict(release: Release, pod: str) -> None:
    path = f"/api/v1/namespaces/{release.namespace}/pods/{pod}/eviction"
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": release.namespace}}
    release.cluster.kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(body))


def test_an_evicted_host_comes_back_and_is_no_failure(release: Release) -> None:
    release.install(NCCL)
    gone = running(release, 2)[0]["metadata"]
    evict(release, gone["name"])
    eventually(lambda: gone["uid"] not in {pod["metadata"]["uid"] for pod in release.pods()}, "the pod to leave")
    indices = {pod["metadata"]["labels"]["batch.kubernetes.io/job-completion-index"] for pod in running(release, 2)}
    assert indices == {"0", "1"}
    assert not job(release)["status"].get("failed")


def test_a_job_that_waits_for_its_end_is_not_evicted(release: Release) -> None:
    release.cluster.namespace(release.namespace)
    release.install(HCCL)
    pods = running(release, 2)
    assert {pod["spec"]["nodeName"] for pod in pods} == {"asc-1", "asc-2"}
    eventually(lambda: release.get("poddisruptionbudget", release.name)["status"].get("currentHealthy") == 2, "health")
    with pytest.raises(Refused, match="disruption budget"):
        evict(release, pods[0]["metadata"]["name"])


def run_end(release: Release, folder: Path, job_name: str) -> subprocess.CompletedProcess[str]:
    """Run the step as its pod does: with the account's token against the cluster's API server."""
    cluster = release.cluster
    config = yaml.safe_load(cluster.kubectl("config", "view", "--raw", "--minify"))
    server, authority = (config["clusters"][0]["cluster"][key] for key in ("server", "certificate-authority-data"))
    token = cluster.kubectl("create", "token", f"{release.name}-end", "-n", release.namespace).strip()
    for name, text in (
        ("token", token),
        ("namespace", release.namespace),
        ("ca.crt", base64.b64decode(authority).decode("utf-8")),
    ):
        (folder / name).write_text(text, "utf-8")
    shutil.copy(CHARTS / "training" / "files" / "window.py", folder)
    (folder / "window.json").write_text(release.get("configmap", release.name)["data"]["window.json"], "utf-8")
    host, port = server.removeprefix("https://").rsplit(":", 1)
    environment = {
        "PATH": os.defpath, "SERVICE_ACCOUNT_DIR": str(folder), "JOB_NAME": job_name,
        "KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port,
    }  # fmt: skip
    command = [sys.executable, str(folder / "window.py"), "end"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)


PAST: dict[str, Any] = {"startsOn": "", "endsOn": "2026-01-31", "lastSchedulingDay": ""}


def test_a_job_is_stopped_after_its_last_day_with_a_reason_and_not_before(release: Release, tmp_path: Path) -> None:
    release.install(NCCL)
    running(release, 2)
    name = job(release)["metadata"]["name"]
    done = run_end(release, tmp_path, name)
    assert (done.returncode, done.stderr) == (0, "")
    assert "nothing to do" in done.stdout
    release.upgrade(NCCL | PAST)
    assert job(release)["metadata"]["name"] == name
    done = run_end(release, tmp_path, name)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"the Job {name} is stopped" in done.stdout

    def failed() -> list[str]:
        return [c["reason"] for c in job(release)["status"].get("conditions", []) if c["type"] == "Failed"]

    assert eventually(failed, "the job to be over") == ["DeadlineExceeded"]
    eventually(lambda: not release.pods("app.kubernetes.io/component=training"), "the pods to leave")


def test_what_stops_a_job_can_stop_no_other(release: Release, tmp_path: Path) -> None:
    release.install(NCCL | PAST)
    done = run_end(release, tmp_path, "another")
    assert done.returncode != 0
    assert "403" in done.stderr
