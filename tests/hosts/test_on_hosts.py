"""Rollouts on real hosts with a real cluster: what hosts and nodes say afterwards, whatever went wrong meanwhile."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from causeway.hosts import private
from causeway.hosts.model import Phase, Progress
from causeway.hosts.states import told
from tests.clusters.harness import Cluster, eventually, pod_document, workload
from tests.hosts.scene import CLUSTER, HOSTS, Scene, processes

pytestmark = [pytest.mark.sandbox, pytest.mark.tools]
FIRST, OTHERS = HOSTS[0], HOSTS[1:]
VERSIONS = iter(f"v{number}" for number in range(1, 1000))


@pytest.fixture
def version(scene: Scene) -> str:
    """All hosts in service at a version that they were brought to before this test."""
    there = {scene.proved(name) for name in HOSTS}
    made = there.pop() if len(there) == 1 and None not in there else next(VERSIONS)
    assert made is not None
    outcome = scene.go(scene.spec(made, joining=True))
    assert set(outcome.states.values()) == {f"ok {made} c1"}, outcome
    assert scene.cordoned() == set()
    return made


@pytest.fixture
def pods(scene: Scene) -> Iterator[Cluster]:
    """The cluster, emptied of what a test has put on it."""
    from causeway.sandbox.clusters.api import Api  # noqa: PLC0415
    from causeway.sandbox.clusters.kwokctl import ControlPlane  # noqa: PLC0415
    from causeway.sandbox.clusters.places import Places  # noqa: PLC0415

    access = ControlPlane(CLUSTER, Places(scene.sandbox.place.home), {}, None).access()
    assert access is not None
    cluster = Cluster(CLUSTER, Api(access))
    yield cluster
    for path in (
        "/apis/apps/v1/namespaces/default/deployments",
        "/apis/policy/v1/namespaces/default/poddisruptionbudgets",
    ):
        for item in cluster.api.request("GET", path)["items"]:
            cluster.api.request("DELETE", f"{path}/{item['metadata']['name']}")


def right(version: str) -> str:
    return f"ok {version} c1"


def before(version: str) -> dict[str, str]:
    return dict.fromkeys(HOSTS, right(version))


def nothing_left(scene: Scene) -> None:
    """No process of Ansible or ssh, no master, no private folder."""
    config = str(scene.sandbox.place.ssh_config)
    eventually(lambda: not processes(config), f"no process to be left: {processes(config)}")
    base = private.base(scene.environment)
    eventually(lambda: not [each for each in base.iterdir() if _ours(each)], f"nothing to be left in {base}")


def _ours(folder: Path) -> bool:
    owner = folder / "owner"
    return owner.is_file() and f"/{os.getpid()}/" in owner.read_text()


def test_a_first_installation_leaves_no_secret_no_process_and_a_second_run_touches_nothing(scene: Scene) -> None:
    scene.reset()
    own: dict[str, dict[str, Any]] = {FIRST: {"trial__token": {"secret": "token"}}}
    spec = scene.spec("first", joining=True, own=own, secrets={"token": "the-upstream-key"})
    outcome = scene.go(spec)
    assert set(outcome.states.values()) == {right("first")}
    assert scene.sandbox.say(FIRST, "sudo cat /root/trial-token") == "the-upstream-key"
    kept = [path for path in scene.home.rglob("*") if path.is_file()]
    assert any(path.name == "ansible.log" and path.stat().st_size > 500 for path in kept)
    text = "".join(path.read_text() for path in kept)
    assert "the-upstream-key" not in text
    assert "passphrase-of-the-state" not in text
    stamps = {name: scene.stamp(name) for name in HOSTS}
    again = scene.go(spec)
    assert again.states == outcome.states
    assert {name: scene.stamp(name) for name in HOSTS} == stamps
    assert [scene.installs(name) for name in HOSTS] == [["first"]] * 3
    nothing_left(scene)


def test_a_change_in_service_empties_each_host_before_it_is_touched(scene: Scene, version: str, pods: Cluster) -> None:
    pod = pod_document("web", tolerations=[])  # one that tolerates everything comes back to a cordoned node
    pods.create(workload("Deployment", "web", pod, replicas=3))
    eventually(lambda: len([p for p in pods.pods("web") if p["status"].get("phase") == "Running"]) == 3, "the pods")
    target, seen = next(VERSIONS), []

    def look(step: Progress) -> None:
        if step.text == "installs the driver stack":
            on_it = [p for p in pods.pods("web") if p["spec"].get("nodeName") == step.host]
            seen.append((step.host, pods.node(step.host)["spec"].get("unschedulable"), len(on_it)))

    outcome = scene.go(scene.spec(target, rollout={"max_unavailable": 2}), before(version), observer=look)
    assert set(outcome.states.values()) == {right(target)}, outcome
    assert sorted(seen) == [(name, True, 0) for name in HOSTS]
    assert scene.cordoned() == set()
    assert all(node.mark is None and node.operands for node in scene.nodes().read(HOSTS).values())
    assert [step.wave for step in scene.steps if step.phase is Phase.DONE] == [1, 2, 2]


def test_a_failing_host_is_named_stays_cordoned_and_is_mended_by_the_next_run(scene: Scene, version: str) -> None:
    target = next(VERSIONS)
    rollout = {"max_unavailable": 3, "canary": 0, "failure_budget": 1}
    bad = scene.spec(target, own={FIRST: {"trial__fail": True}}, rollout=rollout)
    outcome = scene.go(bad, before(version))
    assert outcome.states[FIRST] == "failed trial-failed: the installer said no on /dev/trial0"
    assert {outcome.states[name] for name in OTHERS} == {right(target)}
    assert not outcome.over_budget
    report = next(each for each in outcome.reports if each.name == FIRST)
    assert report.hint == "set trial__fail to false"
    assert "the installer said no" in (scene.home / report.log).read_text()
    assert scene.cordoned() == {FIRST}
    assert scene.stamp(FIRST)["phase"] == "applying"
    assert scene.sandbox.say(FIRST, "test -e /var/lib/causeway/lock.json; echo $?") == "1", "its lock was freed"
    mended = scene.go(scene.spec(target, rollout=rollout), outcome.states, [FIRST])
    assert set(mended.states.values()) == {right(target)}
    assert scene.cordoned() == set()


def test_hosts_that_cannot_be_reached_are_told_apart_and_the_others_get_done(scene: Scene, version: str) -> None:
    target = next(VERSIONS)
    known = scene.sandbox.place.known_hosts.read_text()
    wrong = scene.home.parent / "known_hosts"
    keys = {line.split()[0]: line for line in known.splitlines()}
    wrong.write_text(known.replace(keys[OTHERS[0]].split()[2], keys[FIRST].split()[2]))
    config = scene.home.parent / "ssh_config"
    config.write_text(
        scene.sandbox.place.ssh_config.read_text().replace(str(scene.sandbox.place.known_hosts), str(wrong))
    )
    scene.ssh_config = config
    scene.sandbox.run("power", FIRST, "--cut", "off")
    try:
        rollout = {"max_unavailable": 3, "on_unreachable": "skip"}
        outcome = scene.go(scene.spec(target, rollout=rollout), before(version))
    finally:
        scene.sandbox.run("power", FIRST, "on")
    assert told(outcome.states[OTHERS[0]]) == "unreachable: host key differs from the known one"
    assert outcome.states[FIRST].startswith("unreachable: ")
    assert outcome.states[OTHERS[1]] == right(target)
    assert not outcome.over_budget
    stopped = scene.go(scene.spec(target), outcome.states, [OTHERS[0]])
    assert stopped.over_budget
    scene.ssh_config = None
    eventually(lambda: scene.nodes().read([FIRST])[FIRST].ready, "the node", timeout=60)
    assert set(scene.go(scene.spec(target), outcome.states).states.values()) == {right(target)}


@pytest.mark.slow
def test_hosts_that_die_in_the_middle_or_never_come_back_from_a_reboot(scene: Scene, version: str) -> None:
    target = next(VERSIONS)
    dies, gone = FIRST, OTHERS[0]
    own: dict[str, dict[str, Any]] = {
        dies: {"trial__seconds": 60},
        gone: {"trial__reboot": True, "trial__reboot_command": "poweroff"},
    }

    def cut(step: Progress) -> None:
        if step.host == dies and step.text == "installs the driver stack":
            time.sleep(2)
            scene.sandbox.run("power", dies, "--cut", "off")

    rollout = {"max_unavailable": 3, "canary": 0, "failure_budget": 2}
    try:
        outcome = scene.go(scene.spec(target, own=own, rollout=rollout), before(version), observer=cut)
    finally:
        for name in (dies, gone):
            scene.sandbox.run("power", name, "on")
    assert outcome.states[dies].startswith("unreachable: lost in Drivers")
    assert outcome.states[gone].startswith("failed task-failed: Timed out waiting for last boot time check")
    assert outcome.states[OTHERS[1]] == right(target)
    for name in (dies, gone):
        eventually(lambda name=name: scene.nodes().read([name])[name].ready, f"{name} to be ready", timeout=60)  # type: ignore[misc]
    assert scene.cordoned() == {dies, gone}
    mended = scene.go(scene.spec(target), outcome.states)
    assert set(mended.states.values()) == {right(target)}
    assert scene.cordoned() == set()
    assert all(scene.installs(name).count(target) == 1 for name in HOSTS)


@pytest.mark.slow
def test_an_eviction_that_a_budget_refuses_is_waited_for_and_told(scene: Scene, version: str, pods: Cluster) -> None:
    target = next(VERSIONS)
    pod = pod_document("kept", tolerations=[], nodeSelector={"kubernetes.io/hostname": FIRST})
    pods.create(workload("Deployment", "kept", pod, replicas=1))
    budget = {"minAvailable": 1, "selector": {"matchLabels": {"app": "kept"}}}
    metadata = {"name": "kept-budget"}
    pods.create({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": metadata, "spec": budget})
    eventually(lambda: pods.pod("kept").get("status", {}).get("phase") == "Running", "the pod")
    spec = scene.spec(target, rollout={"max_unavailable": 3, "canary": 0, "drain_timeout": "5s"})
    outcome = scene.go(spec, before(version))
    assert outcome.states[FIRST].startswith("deferred until the next run: pod default/kept-")
    assert "kept-budget" in outcome.states[FIRST]
    assert {outcome.states[name] for name in OTHERS} == {right(target)}
    assert scene.cordoned() == set()
    assert scene.stamp(FIRST)["intent"] == version
    pods.api.request("DELETE", "/apis/policy/v1/namespaces/default/poddisruptionbudgets/kept-budget")
    assert set(scene.go(spec, outcome.states).states.values()) == {right(target)}


def test_a_cluster_that_goes_away_during_a_drain_defers_the_host_and_the_next_run_puts_it_back(
    scene: Scene, version: str
) -> None:
    target = next(VERSIONS)

    def away(step: Progress) -> None:
        if step.text == "waits for its workloads to leave":
            for line in processes("kube-apiserver", str(scene.sandbox.place.home)):
                os.kill(int(line.split()[0]), signal.SIGKILL)

    try:
        outcome = scene.go(scene.spec(target), before(version), [FIRST], observer=away)
    finally:
        scene.sandbox.run("up", "--clusters-only")
    assert outcome.states[FIRST].startswith("deferred until the next run: the cluster's API does not answer")
    assert told(outcome.states[FIRST]).endswith("its node stays cordoned until then")
    assert not outcome.over_budget
    eventually(lambda: scene.cordoned() == {FIRST}, "the node to be as it was left", timeout=60)
    eventually(lambda: scene.nodes().read([FIRST])[FIRST].ready, "the node to be ready", timeout=60)
    assert scene.go(scene.spec(target), outcome.states, [FIRST]).states[FIRST] == right(target)
    assert scene.cordoned() == set()


@pytest.mark.slow
def test_cancelled_ansible_stops_between_two_tasks_and_the_next_run_goes_on(scene: Scene, version: str) -> None:
    target = next(VERSIONS)
    own = {name: {"trial__seconds": "4.625"} for name in HOSTS}
    spec = scene.spec(target, own=own, rollout={"max_unavailable": 3, "canary": 0})
    seen: list[str] = []

    def at_work() -> bool:  # the hosts' processes are seen from here
        seen.extend(processes("sleep 4.625"))
        return bool(seen)

    outcome = scene.go(spec, before(version), cancelled=at_work)
    assert outcome.stopped == "cancelled"
    assert all(state.startswith("failed interrupted: stopped in Drivers") for state in outcome.states.values()), outcome
    assert [name for name in HOSTS if target in scene.installs(name)] == []
    nothing_left(scene)
    assert set(scene.go(spec, outcome.states).states.values()) == {right(target)}
    assert scene.cordoned() == set()


@pytest.mark.slow
def test_killed_at_any_point_another_machine_finishes_with_nothing_installed_twice(
    scene: Scene, version: str, seed: int
) -> None:
    random_numbers = random.Random(seed)
    target = next(VERSIONS)
    started = scene.start(target, scene.home / "first-machine", seconds=1)
    victim, after = random_numbers.choice(("provider", "ansible")), random_numbers.uniform(1.5, 14)
    print(f"seed {seed}: kill the {victim} after {after:.1f} s")  # noqa: T201 - shown when the test fails
    time.sleep(after)
    if victim == "provider" or not _kill_ansible(scene):
        os.killpg(started.pid, signal.SIGKILL)
    started.wait(120)
    nothing_of(started.pid)
    outcome = scene.go(
        scene.spec(target, rollout={"max_unavailable": 2}), before(version), home=scene.home / "second-machine"
    )
    assert set(outcome.states.values()) == {right(target)}, outcome
    assert scene.cordoned() == set()
    assert all(node.mark is None for node in scene.nodes().read(HOSTS).values())
    assert [scene.installs(name).count(target) for name in HOSTS] == [1, 1, 1]


def _kill_ansible(scene: Scene) -> bool:
    running = [line for line in processes("ansible-playbook", str(scene.books)) if "worker" not in line]
    for line in running[:1]:
        os.kill(int(line.split()[0]), signal.SIGKILL)
    return bool(running)


def nothing_of(pid: int) -> None:
    """What a killed process had started is gone, too."""
    base = private.base({})
    mine = [
        each for each in base.iterdir() if (each / "owner").is_file() and f"/{pid}/" in (each / "owner").read_text()
    ]
    eventually(lambda: not any(processes(str(each)) for each in mine), "what it had started to end")


@pytest.mark.slow
def test_a_corrupt_stamp_or_journal_costs_a_run_and_nothing_else(scene: Scene, version: str) -> None:
    scene.sandbox.say(FIRST, "echo '{\"schema\":' | sudo tee /var/lib/causeway/stamp.json >/dev/null")
    journal = scene.home / "journal" / f"{scene.sandbox.name}.{CLUSTER}" / "ascend.jsonl"
    with journal.open("ab") as file:
        file.write(b"\0\xff half a li")
    outcome = scene.go(scene.spec(version), before(version), [FIRST])
    assert set(outcome.states.values()) == {right(version)}
    assert scene.installs(FIRST).count(version) == 1
    assert any("cannot be read" in step.text for step in scene.steps)
    assert json.loads(journal.read_text(errors="replace").splitlines()[-1])["kind"] == "end"


def test_outside_the_window_no_host_in_service_is_touched(scene: Scene, version: str) -> None:
    night = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
    stamps = {name: scene.stamp(name) for name in HOSTS}
    spec = scene.spec(next(VERSIONS), rollout={"window": {"hours": "22:00-06:00"}})
    outcome = scene.go(spec, before(version), now=lambda: night)
    assert {told(state) for state in outcome.states.values()} == {
        "deferred until 2026-11-22 22:00 Asia/Shanghai: outside the window 22:00-06:00"
    }
    assert {name: scene.stamp(name) for name in HOSTS} == stamps
