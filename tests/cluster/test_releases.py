"""Releases on a real API server: brought up, changed, refused, rolled back, taken away."""

from __future__ import annotations

import base64
import json
import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from causeway.cluster import records, secrets
from causeway.cluster.model import Access, ReleaseSpec
from causeway.errors import Permanent, Problems, Retryable
from tests.cluster.harness import CLUSTER, Live, Sample
from tests.waiting import eventually

pytestmark = pytest.mark.tools
SECRET = "a-key-that-must-not-be-seen"


def test_a_release_is_a_helm_release_that_is_changed_only_where_something_changes(live: Live, sample: Sample) -> None:
    first = sample.up({"config": {"a": "1"}})
    assert (first.action, first.revision, first.failure) == ("installed", 1, None)
    assert sample.up({"config": {"a": "1"}}).action == "unchanged"
    assert sample.up({"config": {"a": "2"}}).action == "upgraded"
    assert [(each["revision"], each["status"]) for each in sample.history()] == [(1, "superseded"), (2, "deployed")]
    assert sample.object("ConfigMap")["data"] == {"a": "2"}
    assert not sample.observe({"config": {"a": "2"}}).drifted
    live.releases.uninstall(sample.spec())
    assert sample.observe().status == "missing"
    live.releases.uninstall(sample.spec())


def test_what_a_person_changed_is_drift_and_is_taken_back_and_said(live: Live, sample: Sample) -> None:
    values = {"config": {"a": "1"}, "extra": ["one"]}
    sample.up(values)
    patch = '{"data":{"a":"by hand"}}'
    live.kubectl("-n", sample.name, "patch", "configmap", sample.name, "--type=merge", "-p", patch)
    live.kubectl("-n", sample.name, "delete", "configmap", f"{sample.name}-one")
    drift = sample.observe(values)
    assert {(each.key.rpartition("/")[2], each.action) for each in drift.changes} == {
        (sample.name, "change"),
        (f"{sample.name}-one", "create"),
    }
    outcome = sample.up(values)
    assert outcome.action == "upgraded"
    assert any("data.a (by kubectl" in note for note in outcome.notes), outcome.notes
    assert sample.object("ConfigMap")["data"] == {"a": "1"}
    assert not sample.observe(values).drifted


def test_a_field_that_a_controller_writes_is_refused_before_anything_changes(live: Live, sample: Sample) -> None:
    sample.up({"replicas": 1, "config": {"a": "1"}})
    path = f"/apis/apps/v1/namespaces/{sample.name}/deployments/{sample.name}"
    scaled = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": sample.name},
        "spec": {"replicas": 2},
    }
    query = {"fieldManager": "some-autoscaler", "force": "true"}
    live.api.request("PATCH", path, scaled, kind="application/apply-patch+yaml", query=query)
    with pytest.raises(Problems) as caught:
        sample.up({"replicas": 3, "config": {"a": "2"}})
    (error,) = caught.value.errors
    assert error.code == "field-owned"
    assert "some-autoscaler owns spec.replicas" in error.reason
    assert sample.object("ConfigMap")["data"] == {"a": "1"}
    assert len(sample.history()) == 1


@pytest.mark.parametrize(
    ("values", "reasons"),
    [
        ({"podAnnotations": {"causeway.sandbox/behaviour": "never-ready"}}, ["runs and is not ready", "Unhealthy"]),
        (
            {"podAnnotations": {"causeway.sandbox/behaviour": "image-pull-failure"}},
            ["ImagePullBackOff", "event Failed"],
        ),
    ],
    ids=["never-ready", "image-pull-failure"],
)
def test_a_change_that_does_not_become_ready_is_rolled_back_and_its_pod_and_reason_named(
    sample: Sample, values: dict[str, object], reasons: list[str]
) -> None:
    sample.up({"config": {"a": "1"}})
    outcome = sample.up({"config": {"a": "2"}, **values}, timeout=9)
    assert (outcome.action, outcome.rolled_back_to) == ("failed", 1)
    assert outcome.failure is not None
    text = outcome.failure.reason
    assert f"apps/v1/Deployment/{sample.name}/{sample.name}" in text
    assert f"pod {sample.name}-" in text
    for reason in reasons:
        assert reason in text
    assert "revision 1 is back" in outcome.failure.hint
    assert sample.object("ConfigMap")["data"] == {"a": "1"}
    assert [each["status"] for each in sample.history()] == ["superseded", "failed", "deployed"]
    assert not sample.observe({"config": {"a": "1"}}).drifted


def test_a_first_install_that_crashes_is_given_up_early_and_taken_away_with_its_log_line(sample: Sample) -> None:
    crash = {"causeway.sandbox/behaviour": "crash", "causeway.sandbox/log": "CUDA out of memory"}
    started = time.monotonic()
    outcome = sample.up({"podAnnotations": crash}, timeout=300)
    assert time.monotonic() - started < 120
    assert (outcome.action, outcome.rolled_back_to, outcome.revision) == ("failed", 0, 0)
    assert outcome.failure is not None
    assert "CrashLoopBackOff, exit code 1" in outcome.failure.reason
    assert 'its log ends with "CUDA out of memory"' in outcome.failure.reason
    assert sample.live.object(f"apps/v1/Deployment/{sample.name}/{sample.name}") is None
    assert [each["status"] for each in sample.history()] == ["uninstalled"]
    assert sample.up().action == "installed"


def test_what_the_api_server_would_refuse_is_told_all_at_once_and_nothing_is_changed(
    live: Live, sample: Sample
) -> None:
    sample.up({"config": {"a": "1"}})
    live.kubectl("-n", sample.name, "create", "configmap", f"{sample.name}-one")
    with pytest.raises(Problems) as caught:
        sample.up({"config": {"a": "2"}, "ports": {"http": 99999}, "foreign": True, "extra": ["one"]})
    found = {error.code: error for error in caught.value.errors}
    assert found.keys() == {"object-refused", "kind-unknown", "object-owned"}
    assert "99999" in found["object-refused"].reason
    assert "Widget" in found["kind-unknown"].reason
    assert "belongs to no release" in found["object-owned"].reason
    assert len(sample.history()) == 1
    assert sample.object("ConfigMap")["data"] == {"a": "1"}


def test_a_hook_is_made_each_time_and_one_that_would_be_refused_stops_the_release_before(
    live: Live, sample: Sample
) -> None:
    sample.up({"config": {"a": "1"}, "hook": True})
    for number in ("2", "3"):
        assert sample.up({"config": {"a": number}, "hook": True}).action == "upgraded"
    with pytest.raises(Problems) as caught:
        sample.up({"config": {"a": "4"}, "hook": True, "hookLabel": "this is no label"})
    (error,) = caught.value.errors
    assert (error.code, error.subject) == ("object-refused", f"v1/ConfigMap/{sample.name}/{sample.name}-hook")
    assert "this is no label" in error.reason
    assert len(sample.history()) == 3
    assert sample.object("ConfigMap")["data"] == {"a": "3"}
    assert sample.object("ConfigMap", f"{sample.name}-hook")["metadata"]["labels"]["note"] == "a"


def test_a_job_whose_template_changes_is_made_again_and_that_was_previewed(live: Live, sample: Sample) -> None:
    sample.up({"job": "one"})
    before = sample.object("Job")["metadata"]["uid"]
    outcome = sample.up({"job": "two"})
    assert outcome.action == "upgraded"
    job = sample.object("Job")
    assert job["metadata"]["uid"] != before
    assert job["spec"]["template"]["spec"]["containers"][0]["args"] == ["two"]
    assert any("is deleted and made again: spec.template of a Job" in step.text for step in sample.steps)


def test_a_job_that_is_held_keeps_no_release_from_becoming_ready_or_from_going_back(live: Live, sample: Sample) -> None:
    assert sample.up({"job": "one", "suspend": True}, timeout=60).failure is None
    assert sample.object("Job")["spec"]["suspend"] is True
    stuck = {"podAnnotations": {"causeway.sandbox/behaviour": "never-ready"}}
    outcome = sample.up({"job": "one", "suspend": True, **stuck}, timeout=9)
    assert outcome.rolled_back_to == 1
    assert outcome.failure is not None
    assert "runs and is not ready" in outcome.failure.reason
    assert sample.up({"job": "one"}).failure is None
    live.kubectl("-n", sample.name, "patch", "job", sample.name, "--type=merge", '--patch={"spec":{"suspend":true}}')
    assert sample.up({"job": "one", "config": {"a": "1"}}, timeout=60).failure is None


def test_secrets_are_made_from_values_that_nobody_else_sees(live: Live, sample: Sample) -> None:
    spec = sample.spec({"config": {"a": "1"}}, secrets={"upstream-key": SECRET})
    assert SECRET not in repr(spec)
    assert live.releases.install_or_upgrade(spec).action == "installed"
    made = sample.object("Secret", "upstream-key")
    assert base64.b64decode(made["data"]["value"]).decode() == SECRET
    assert {each["manager"] for each in made["metadata"]["managedFields"]} == {"causeway"}
    (record,) = records.history(live.api, sample.name, sample.name)
    assert SECRET not in json.dumps(record.document)
    assert live.releases.install_or_upgrade(spec).action == "unchanged"

    changed = sample.spec({"config": {"a": "1"}}, secrets={"upstream-key": f"{SECRET}-2"})
    drift = live.releases.observe(changed)
    assert [each.key for each in drift.changes] == [f"v1/Secret/{sample.name}/upstream-key"]
    assert live.releases.install_or_upgrade(changed).failure is None
    assert base64.b64decode(sample.object("Secret", "upstream-key")["data"]["value"]).decode() == f"{SECRET}-2"

    live.kubectl("-n", sample.name, "create", "secret", "generic", "somebodys", "--from-literal=value=x")
    with pytest.raises(Permanent, match="did not make"):
        secrets.apply(live.api, sample.name, sample.name, {"somebodys": "y"})
    assert sample.up({"config": {"a": "2"}}).action == "upgraded"
    assert live.object(f"v1/Secret/{sample.name}/upstream-key") is None
    assert base64.b64decode(sample.object("Secret", "somebodys")["data"]["value"]) == b"x"


def test_a_secrets_digest_changes_with_its_value_and_its_key_and_tells_neither() -> None:
    one = secrets.digest(b"key", {"a": SECRET})
    assert one == secrets.digest(b"key", {"a": SECRET})
    assert len({one, secrets.digest(b"other", {"a": SECRET}), secrets.digest(b"key", {"a": "x"})}) == 3
    assert secrets.digest(b"key", {"ab": "c"}) != secrets.digest(b"key", {"a": "bc"})
    assert secrets.digest(b"key", {}) == ""


def test_a_release_that_a_killed_helm_left_pending_is_brought_up_by_the_next_run(live: Live, sample: Sample) -> None:
    slow = {"podAnnotations": {"causeway.sandbox/ready-after": "20s"}}
    ended = threading.Thread(target=lambda: sample.up(slow), daemon=True)
    ended.start()
    helm = eventually(lambda: helm_of(sample), "a Helm at work")
    eventually(lambda: [each.pending for each in records.history(live.api, sample.name, sample.name)], "its record")
    with pytest.raises(Retryable, match="another Helm began revision 1"):
        Sample(live, sample.name).up({"config": {"a": "1"}})
    os.kill(helm, signal.SIGKILL)
    ended.join(60)
    (record, *_) = records.history(live.api, sample.name, sample.name)
    records_before = record.revision
    left_pending(live, sample)
    outcome = sample.up({"config": {"a": "1"}})
    assert outcome.failure is None
    assert outcome.revision > records_before
    assert any("left pending" in step.text for step in sample.steps)
    assert not sample.observe({"config": {"a": "1"}}).drifted


def helm_of(sample: Sample) -> int | None:
    """The process that brings the sample up."""
    return next(
        (pid for words, pid in command_lines().items() if {"upgrade", sample.name} <= {*words} and "helm" in words[0]),
        None,
    )


def command_lines() -> dict[tuple[str, ...], int]:
    """What runs on this machine: words and process."""
    found = {}
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found[tuple(file.read_bytes().decode(errors="replace").split("\0"))] = int(file.parent.name)
    return found


def left_pending(live: Live, sample: Sample) -> None:
    """Write the latest record as a Helm leaves it that was killed at work, of this machine."""
    (record, *_) = records.history(live.api, sample.name, sample.name)
    info = {**record.document["info"], "status": "pending-upgrade"}
    packed = base64.b64encode(base64.b64encode(json.dumps({**record.document, "info": info}).encode())).decode()
    path = f"/api/v1/namespaces/{sample.name}/secrets/{record.secret}"
    labels = {"status": "pending-upgrade", records.MACHINE: live.releases.machine}
    body = {"metadata": {"labels": labels}, "data": {"release": packed}}
    live.api.request("PATCH", path, body, kind="application/merge-patch+json")


def test_a_cancel_stops_helm_and_the_next_run_goes_on(live: Live, sample: Sample) -> None:
    slow = {"podAnnotations": {"causeway.sandbox/ready-after": "60s"}}
    began = threading.Event()

    def cancelled() -> bool:
        if helm_of(sample) is not None:
            began.set()
        return began.is_set() and bool(records.history(live.api, sample.name, sample.name))

    outcome = live.releases.install_or_upgrade(sample.spec(slow), sample.steps.append, cancelled)
    assert outcome.action == "cancelled"
    assert helm_of(sample) is None
    assert sample.up({"config": {"a": "1"}}).failure is None


def test_helm_gets_a_secret_kubeconfig_by_a_file_in_memory_that_is_gone_afterwards(live: Live, sample: Sample) -> None:
    words = ("config", "view", "--raw", "--flatten", "--minify", "--output=json")
    text = live.kubectl(*words)
    spec = sample.spec({"config": {"a": "1"}})
    own = ReleaseSpec(
        Access(kubeconfig=text),
        spec.name,
        spec.namespace,
        spec.chart,
        spec.values,
        spec.kubernetes,
        spec.rendered,
        {},
        60,
    )
    memory = Path("/dev/shm")  # noqa: S108 - looked at only
    before = {*memory.glob("causeway-*")}
    assert live.releases.install_or_upgrade(own).action == "installed"
    assert {*memory.glob("causeway-*")} <= before


def test_a_cluster_that_is_away_is_told_within_seconds(live: Live, sample: Sample) -> None:
    kubeconfig = json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "gone",
            "clusters": [{"name": "gone", "cluster": {"server": "http://127.0.0.1:9"}}],
            "contexts": [{"name": "gone", "context": {"cluster": "gone", "user": "gone"}}],
            "users": [{"name": "gone", "user": {}}],
        }
    )
    spec = sample.spec()
    gone = ReleaseSpec(
        Access(kubeconfig=kubeconfig), spec.name, spec.namespace, spec.chart, {}, spec.kubernetes, spec.rendered
    )
    for call in (live.releases.install_or_upgrade, live.releases.observe, live.releases.uninstall):
        started = time.monotonic()
        with pytest.raises(Retryable, match="nobody listens there"):
            call(gone)
        assert time.monotonic() - started < 10


def test_values_never_stand_in_a_command_line(live: Live, sample: Sample) -> None:
    seen: set[str] = set()
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.05):
            seen.update(" ".join(words) for words in command_lines() if sample.name in words)

    watcher = threading.Thread(target=look)
    watcher.start()
    sample.up({"config": {"a": "a-value-to-look-for"}})
    over.set()
    watcher.join()
    assert any(" upgrade " in line and CLUSTER in line for line in seen)
    assert not [line for line in seen if "a-value-to-look-for" in line]
