"""The controller's process: one worker per cluster watches its pods, looks at its hosts, and reconciles.

Run as `python -m causeway.sandbox.clusters.controller.loop CONFIG DIGEST`; `daemon` does.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from causeway.errors import CausewayError
from causeway.sandbox.clusters.api import Access, Api
from causeway.sandbox.clusters.controller import decide
from causeway.sandbox.clusters.controller.decide import Decision, Memory
from causeway.sandbox.clusters.controller.hosts import SandboxHosts
from causeway.sandbox.clusters.controller.kubelet import Kubelets, log_lines
from causeway.sandbox.clusters.controller.pods import PodStore
from causeway.sandbox.clusters.controller.state import Hosts, HostState, Pod
from causeway.sandbox.layout import Layout
from causeway.sandbox.spec import NodeSpec
from causeway.sandbox.standins import state

LOOK_S = 1.0  # how often hosts are looked at
SETTLE_S = 0.1  # pods' events that come together are handled together
HEARTBEAT_S = 5.0
STATUS_S = 15.0  # a kubelet's status goes out again even if nothing changed, so that a lost one is mended
CRASH_LOG = "fatal: the container failed (simulated)"
NO_HOSTS_BOOT = "no-host"
_log = logging.getLogger("sandbox-controller")


@dataclass(slots=True)
class NodeState:
    """One node between two looks."""

    node: NodeSpec
    address: str
    memory: Memory
    reported: Decision | None = None
    reported_at: float = 0.0
    heartbeat_at: float = 0.0
    host: HostState | None = None
    looked_at: float = 0.0
    settles_at: float = 0.0
    ready: str = ""


class Worker:
    """Reconciles one cluster."""

    def __init__(self, config: dict[str, Any], hosts: Hosts | None, pod_logs: Path) -> None:
        access = config["access"]
        paths = {key: Path(access[key]) for key in ("ca", "certificate", "key")}
        api = Api(Access(access["cluster"], access["server"], **paths))
        self._name = config["name"]
        self._hosts = hosts
        self._pods = PodStore(api)
        self._kubelets = Kubelets(api, config["version"], config["kubelet_port"])
        self._nodes = {entry["spec"]["name"]: entry for entry in config["nodes"]}
        self._states: dict[str, NodeState] = {}
        self._logs = pod_logs
        self._shown: dict[str, Path] = {}

    def run(self, stop: threading.Event) -> None:
        """Reconcile until `stop` is set."""
        threading.Thread(target=self._pods.follow, args=(stop,), daemon=True).start()
        while not stop.is_set():
            self._pods.changed.wait(LOOK_S)
            self._pods.changed.clear()
            if not self._pods.known.is_set():
                continue
            try:
                self._look()
            except CausewayError as error:
                _log.warning("%s: %s %s", self._name, error.subject, error.reason)
                self._states.clear()  # what is on the server may differ from what we think we wrote
                time.sleep(LOOK_S)
            time.sleep(SETTLE_S)

    def _look(self) -> None:
        for name, entry in self._nodes.items():
            known = self._states.get(name) or self._recall(entry)
            if known is not None and time.monotonic() >= known.settles_at:
                self._reconcile(known)
        self._show_logs()

    def _recall(self, entry: dict[str, Any]) -> NodeState | None:
        node = node_from(entry["spec"])
        found = self._kubelets.remembered(node)
        if found is None:
            return None  # deleted by the user: `sandbox up` registers it again
        memory, ready = found
        self._states[node.name] = NodeState(node, entry["address"], memory, ready=ready)
        return self._states[node.name]

    def _reconcile(self, state: NodeState) -> None:
        node, pods = state.node, self._pods.on(state.node.name)
        host = self._host(state)
        decision = decide.decide(node, host, pods, state.memory)
        if decision.rebooted:
            self._kubelets.manage(node, managed=False)
            asked = state.memory.offered | ({node.resource} if node.resource else set())
            for outcome in decide.after_reboot(pods, frozenset(asked)):
                self._kubelets.settle(outcome)
            state.settles_at = time.monotonic() + LOOK_S  # long enough not ready for anyone who looks
        self._report(state, decision)
        self._hold(node, host, pods)

    def _report(self, state: NodeState, decision: Decision) -> None:
        now = time.monotonic()
        new = decision != state.reported
        if decision.heartbeat and now - state.heartbeat_at >= HEARTBEAT_S:
            self._kubelets.heartbeat(state.node)
            state.heartbeat_at = now
        due = decision.heartbeat and now - state.reported_at >= STATUS_S
        if not new and not due:
            return
        readiness = "True" if decision.ready else "False"
        turned = state.reported is None or state.reported.ready != decision.ready or decision.rebooted
        if turned and not decision.ready:
            self._kubelets.manage(state.node, managed=False)
        self._kubelets.report(state.node, state.address, decision, changed=readiness != state.ready)
        if turned and decision.ready:
            self._kubelets.manage(state.node, managed=True)
        if new:
            _log.info("%s: %s ready=%s %s", self._name, state.node.name, decision.ready, decision.resources)
        state.memory, state.reported, state.reported_at, state.ready = decision.memory, decision, now, readiness

    def _host(self, state: NodeState) -> HostState:
        """The host behind the node, looked at once a second at most however many pods change."""
        node = state.node
        if node.host is None or self._hosts is None:
            return HostState(running=True, boot=NO_HOSTS_BOOT, healthy=node.count)
        now = time.monotonic()
        if state.host is None or now - state.looked_at >= LOOK_S * 0.9:
            state.host, state.looked_at = self._hosts.look(node.host), now
        return state.host

    def _hold(self, node: NodeSpec, host: HostState, pods: tuple[Pod, ...]) -> None:
        if node.host is None or self._hosts is None or not node.count or not host.running:
            return
        held = self._hosts.held(node.host)
        devices, control = self._hosts.devices(node.host), self._hosts.control_device(node.host)
        wanted = decide.holders(node, host, pods, held, devices, control)
        for holder in held:
            if holder not in wanted:
                self._hosts.release(node.host, holder.unit)
        for holder in wanted:
            if holder not in held:
                self._hosts.hold(node.host, holder)

    def _show_logs(self) -> None:
        wanted = {pod.uid: pod for pod in self._pods.all() if pod.log or pod.behaviour == "crash"}
        for uid, pod in wanted.items():
            if uid not in self._shown:
                file = self._logs / f"{uid}.log"
                file.write_text(log_lines([pod.log or CRASH_LOG]))
                self._kubelets.show_log(pod, file)
                self._shown[uid] = file
        for uid in self._shown.keys() - wanted.keys():
            self._shown.pop(uid).unlink(missing_ok=True)


def node_from(entry: dict[str, Any]) -> NodeSpec:
    """A node's specification from the configuration's JSON."""
    return NodeSpec(
        name=entry["name"], host=entry["host"], resource=entry["resource"], count=entry["count"], vendor=entry["vendor"]
    )


def sandbox_hosts(config: dict[str, Any]) -> Hosts | None:
    """The fleet's hosts, or None without root: then there are none, and every node counts as a cloud's."""
    if os.geteuid() != 0:
        return None
    home = Path(config["home"])
    return SandboxHosts(Layout(config["fleet"], home=home, cache=home), config["vendors"], state.read)


def main(path: Path) -> None:
    """Run a worker per cluster until the process is ended."""
    config = json.loads(path.read_text())
    hosts = sandbox_hosts(config)
    stop = threading.Event()
    threads = [
        threading.Thread(target=Worker(entry, hosts, Path(config["pod_logs"])).run, args=(stop,), name=entry["name"])
        for entry in config["clusters"]
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(message)s")
    main(Path(sys.argv[1]))
