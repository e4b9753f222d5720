"""Up, down and status of the clusters, and what is done about everything that a killed process leaves behind."""

from __future__ import annotations

import json
import os
import random
import signal
import stat
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from causeway.sandbox import cgroup
from causeway.sandbox.spec import ClusterSpec, NodeSpec
from tests.clusters.harness import Maker, Sandbox, cloud_node, eventually, pod_document

pytestmark = pytest.mark.tools
PACKAGE_ROOT = Path(__file__).parents[2] / "infra"
CONTROLLER = "causeway.sandbox.clusters.controller.loop"


@pytest.fixture(scope="module")
def sandbox(make_sandbox: Maker) -> Sandbox:
    made = make_sandbox(
        ClusterSpec("one", "1.34", (cloud_node("one-1"),)), ClusterSpec("two", "1.34", (NodeSpec("two-1", None),))
    )
    made.up()
    return made


def test_plain_kubectl_reaches_every_cluster_by_its_name(sandbox: Sandbox) -> None:
    for name in ("one", "two"):
        shown = sandbox.kubectl("--context", name, "get", "nodes")
        assert shown.returncode == 0, shown.stderr
        assert f"{name}-1" in shown.stdout
        assert " Ready " in shown.stdout
    assert "1.34." in sandbox.kubectl("--context", "one", "version").stdout


def test_keys_are_for_the_owner_alone_and_nothing_listens_beyond_loopback(sandbox: Sandbox) -> None:
    assert stat.S_IMODE(sandbox.places.kubeconfig.stat().st_mode) == 0o600
    assert stat.S_IMODE(sandbox.places.root.stat().st_mode) == 0o700
    for key in sandbox.places.certificates("one").iterdir():
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
    sockets = {inode for process in sandbox.processes() for inode in _sockets(process.pid)}
    assert sockets
    addresses = _listening(sockets)
    assert addresses
    assert addresses == {"0100007F"}, "127.0.0.1 as /proc/net/tcp writes it"


def _sockets(pid: int) -> set[str]:
    found = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        target = str(entry.readlink())
        if target.startswith("socket:["):
            found.add(target[8:-1])
    return found


def _listening(sockets: set[str]) -> set[str]:
    rows = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        rows += [line.split() for line in Path(table).read_text(encoding="ascii").splitlines()[1:]]
    return {row[1].split(":")[0] for row in rows if row[3] == "0A" and row[9] in sockets}


def test_a_second_up_is_quick_and_changes_nothing(sandbox: Sandbox) -> None:
    sandbox.up()
    before = {process.pid for process in sandbox.processes()}
    kubeconfig = sandbox.places.kubeconfig.stat().st_mtime_ns
    started = time.monotonic()
    statuses = sandbox.up()
    took = time.monotonic() - started
    assert took < 1.5, f"{took:.2f} s"
    assert [entry.action for entry in statuses] == ["none", "none"]
    assert {process.pid for process in sandbox.processes()} == before
    assert sandbox.places.kubeconfig.stat().st_mtime_ns == kubeconfig


@pytest.mark.parametrize("program", ["etcd", "kube-apiserver", "kwok-controller"])
def test_a_killed_component_is_named_and_started_again_and_objects_survive(sandbox: Sandbox, program: str) -> None:
    sandbox.up()
    name = f"kept-{program}"
    sandbox.cluster("one").create(pod_document(name))
    victim = next(p for p in sandbox.processes() if p.argv[0].endswith(f"/one/bin/{program}"))
    os.kill(victim.pid, signal.SIGKILL)
    eventually(lambda: program in sandbox.status()[0].missing, "the loss to be seen")
    assert sandbox.status()[0].state == "broken"
    one, two = sandbox.up()
    assert one.action == "repaired"
    assert program in one.note
    assert two.action == "none"
    assert one.state == "running"
    eventually(lambda: sandbox.cluster("one").pod(name)["status"]["phase"] == "Running", "the pod made before")


def test_a_killed_controller_is_started_again_and_nodes_stay_ready(sandbox: Sandbox) -> None:
    sandbox.up()
    os.kill(sandbox.component(CONTROLLER).pid, signal.SIGKILL)
    eventually(lambda: "sandbox-controller" in sandbox.status()[0].missing, "the loss to be seen")
    one, _ = sandbox.up()
    assert sandbox.component(CONTROLLER)
    assert [node.ready for node in one.nodes] == [True]


def test_a_reused_pid_in_a_pid_file_deceives_nobody(sandbox: Sandbox) -> None:
    sandbox.up()
    victim = next(p for p in sandbox.processes() if p.argv[0].endswith("/one/bin/kube-scheduler"))
    os.kill(victim.pid, signal.SIGKILL)
    eventually(lambda: "kube-scheduler" in sandbox.status()[0].missing, "the loss to be seen")
    (sandbox.places.cluster("one") / "pids" / "kube-scheduler.pid").write_text(str(os.getpid()))
    assert sandbox.up()[0].action == "repaired"
    assert "kube-scheduler" not in sandbox.status()[0].missing


def test_everything_killed_is_started_again_with_its_objects(sandbox: Sandbox) -> None:
    sandbox.up()
    sandbox.cluster("two").create(pod_document("survivor"))
    for process in sandbox.processes():
        os.kill(process.pid, signal.SIGKILL)
    eventually(lambda: not sandbox.processes(), "all to be dead")
    assert [entry.state for entry in sandbox.status()] == ["stopped", "stopped"]
    assert [entry.action for entry in sandbox.up()] == ["repaired", "repaired"]
    assert sandbox.cluster("two").pod("survivor")


UP = """
import json, sys
from pathlib import Path
from causeway.sandbox import clusters
from causeway.sandbox.spec import ClusterSpec, NodeSpec, SandboxSpec
spec = SandboxSpec(sys.argv[1], clusters=(ClusterSpec("cut", "1.34", (NodeSpec("cut-1", None),)),))
clusters.up(spec, Path(sys.argv[2]), {name: Path(path) for name, path in json.loads(sys.argv[3]).items()})
"""


@pytest.mark.slow(soak=40)
def test_an_up_that_was_killed_at_a_random_instant_is_finished_by_the_next(make_sandbox: Maker, seed: int) -> None:
    delay = random.Random(seed).uniform(0.1, 4)
    sandbox = make_sandbox(ClusterSpec("cut", "1.34", (NodeSpec("cut-1", None),)))
    tools = json.dumps({name: str(path) for name, path in sandbox.tools.items()})
    environment = dict(os.environ, PYTHONPATH=str(PACKAGE_ROOT))
    first = subprocess.Popen([sys.executable, "-c", UP, sandbox.spec.fleet, str(sandbox.home), tools], env=environment)
    time.sleep(delay)
    first.kill()
    first.wait()
    [status] = sandbox.up()
    assert status.state == "running", f"killed after {delay:.2f} s"
    assert [node.ready for node in status.nodes] == [True]
    assert len(sandbox.processes()) == 6, [process.argv[:3] for process in sandbox.processes()]
    sandbox.down()
    assert not sandbox.processes()


def test_a_cluster_that_was_half_made_is_made_anew(make_sandbox: Maker) -> None:
    sandbox = make_sandbox(ClusterSpec("half", "1.34", (cloud_node("half-1"),)))
    folder = sandbox.places.cluster("half")
    (folder / "pki").mkdir(parents=True)
    (folder / "kwok.yaml").write_text("kind: KwokctlConfiguration\ncomponents: [{name: etcd")
    status = sandbox.up()[0]
    assert (status.action, status.state) == ("recreated", "running")
    sandbox.down()
    assert not sandbox.processes()


def test_nodes_follow_the_declaration_and_clusters_no_longer_declared_go(make_sandbox: Maker) -> None:
    sandbox = make_sandbox(
        ClusterSpec("stays", "1.34", (cloud_node("a"), cloud_node("b"))), ClusterSpec("goes", "1.34", ())
    )
    sandbox.up()
    pool = NodeSpec("c", None, labels=(("causeway/pool", "new"),))
    sandbox.spec = replace(sandbox.spec, clusters=(ClusterSpec("stays", "1.34", (cloud_node("a"), pool)),))
    status = sandbox.up()
    assert [entry.name for entry in status] == ["stays"]
    assert [node.name for node in status[0].nodes] == ["a", "c"]
    assert sandbox.cluster("stays").node("c")["metadata"]["labels"]["causeway/pool"] == "new"
    assert not [process for process in sandbox.processes() if "/clusters/goes/" in " ".join(process.argv)]
    contexts = yaml.safe_load(sandbox.places.kubeconfig.read_text())["contexts"]
    assert [entry["name"] for entry in contexts] == ["stays"]


def test_down_leaves_nothing_also_after_kills_and_twice(make_sandbox: Maker) -> None:
    sandbox = make_sandbox(ClusterSpec("short", "1.34", (cloud_node("short-1"),)))
    sandbox.up()
    for process in sandbox.processes()[:2]:
        os.kill(process.pid, signal.SIGKILL)
    started = time.monotonic()
    sandbox.down()
    assert time.monotonic() - started < 5
    assert not sandbox.processes()
    assert not sandbox.places.root.exists()
    assert not sandbox.places.kubeconfig.exists()
    if os.geteuid() == 0:
        assert not (cgroup.of_fleet(sandbox.spec.fleet) / "clusters").path.exists()
    sandbox.down()
    assert sandbox.status()[0].state == "absent"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has control groups")
def test_every_process_is_in_the_fleets_control_group(sandbox: Sandbox) -> None:
    sandbox.up()
    group = cgroup.of_fleet(sandbox.spec.fleet) / "clusters"
    assert {process.pid for process in sandbox.processes()} <= set(group.pids())
    assert len(sandbox.processes()) == 2 * 5 + 1


def test_two_fleets_with_a_cluster_of_one_name_do_not_meet(sandbox: Sandbox, make_sandbox: Maker) -> None:
    other = make_sandbox(ClusterSpec("one", "1.34", (cloud_node("theirs"),)))
    other.up()
    sandbox.up()
    assert "theirs" in other.kubectl("--context", "one", "get", "nodes").stdout
    assert "theirs" not in sandbox.kubectl("--context", "one", "get", "nodes").stdout
    before = {process.pid for process in sandbox.processes()}
    other.down()
    assert {process.pid for process in sandbox.processes()} == before


def test_the_users_own_context_and_namespace_in_the_kubeconfig_are_kept(sandbox: Sandbox) -> None:
    sandbox.kubectl("config", "use-context", "two")
    sandbox.kubectl("config", "set-context", "two", "--namespace=mine")
    sandbox.up()
    shown = json.loads(sandbox.kubectl("config", "view", "-o", "json").stdout)
    assert shown["current-context"] == "two"
    assert next(c for c in shown["contexts"] if c["name"] == "two")["context"]["namespace"] == "mine"
