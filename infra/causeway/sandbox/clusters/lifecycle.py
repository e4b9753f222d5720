"""Brings a sandbox's clusters up, mends them, tells their state, and takes them down."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

from causeway.errors import CausewayError, Permanent, Problems, Retryable
from causeway.sandbox import cgroup
from causeway.sandbox.clusters import definitions, kubeconfig, kwok_config, processes
from causeway.sandbox.clusters.api import Api
from causeway.sandbox.clusters.controller import daemon
from causeway.sandbox.clusters.kwokctl import ControlPlane, Endpoint
from causeway.sandbox.clusters.look import look, reported
from causeway.sandbox.clusters.places import Places
from causeway.sandbox.clusters.registration import register
from causeway.sandbox.clusters.report import ClusterStatus
from causeway.sandbox.command import as_root
from causeway.sandbox.spec import ClusterSpec, SandboxSpec

READY_TIMEOUT_S = 60
REPORT_TIMEOUT_S = 20
ATTEMPTS = 3
CGROUP_NAME = "clusters"
CLUSTER_BYTES = 256 << 20  # etcd allocates 120 MB ahead; the rest is logs, certificates and room to work
SIMULATED_LOG = "2000-01-01T00:00:00Z stdout F This container is simulated: kwok plays its life, no program runs.\n"


def bytes_needed(spec: SandboxSpec, home: Path) -> int:
    """The disk that the clusters which are not there yet will take."""
    return sum(CLUSTER_BYTES for cluster in spec.clusters if not Places(home).cluster(cluster.name).is_dir())


def up(spec: SandboxSpec, home: Path, tools: Mapping[str, Path]) -> tuple[ClusterStatus, ...]:
    """Make every cluster of `spec` run, with its nodes, and write the kubeconfig.

    What is right is left as it is; what is half made, stopped or made from another configuration is mended. Nodes whose
    hosts are not up are there, not ready.

    Args:
        spec: the sandbox; its clusters, and its hosts for what the nodes' labels say.
        home: the sandbox's home folder.
        tools: the path of `kwokctl` and of every program in `kwok_config.BINARIES`.

    Raises:
        CausewayError: one or several clusters do not come up, each with the log to read.
    """
    places = Places(home)
    _prepare(places)
    group = _join(spec.fleet)
    planes = {c.name: ControlPlane(c.name, places, tools, group) for c in spec.clusters}
    _remove_others(places, tools, set(planes))
    with ThreadPoolExecutor(max_workers=max(1, len(planes))) as pool:
        outcomes = list(pool.map(lambda cluster: _attempt(planes[cluster.name], cluster, spec), spec.clusters))
    errors = tuple(outcome for outcome in outcomes if isinstance(outcome, CausewayError))
    statuses = tuple(outcome for outcome in outcomes if isinstance(outcome, ClusterStatus))
    endpoints = _endpoints(planes, statuses)
    kubeconfig.write(places.kubeconfig, [endpoint.access for endpoint in endpoints])
    started = daemon.ensure(spec, places, endpoints, group)
    if errors:
        raise errors[0] if len(errors) == 1 else Problems(errors)
    if not started:
        return statuses
    for endpoint in endpoints:
        processes.wait_until(
            partial(reported, Api(endpoint.access)), REPORT_TIMEOUT_S, "the sandbox's controller", poll=0.1
        )
    seen = {entry.name: entry.nodes for entry in status(spec, home)}
    return tuple(_with_controller(replace(entry, nodes=seen[entry.name])) for entry in statuses)


def _with_controller(entry: ClusterStatus) -> ClusterStatus:
    """Nothing else was done for the cluster, but its controller had to be started."""
    return entry if entry.action != "none" else replace(entry, action="repaired", note=f"started again: {daemon.NAME}")


def down(fleet: str, home: Path) -> None:
    """End every process of the clusters and delete their files. Nothing happens where there is nothing."""
    places = Places(home)
    processes.kill(processes.below(places.root))
    if os.geteuid() == 0:
        (cgroup.of_fleet(fleet) / CGROUP_NAME).kill()
    shutil.rmtree(places.root, ignore_errors=True)
    places.kubeconfig.unlink(missing_ok=True)


def status(spec: SandboxSpec, home: Path) -> tuple[ClusterStatus, ...]:
    """What runs of each cluster, and its nodes as the API server knows them. Changes nothing."""
    places = Places(home)
    controller = daemon.running(places)
    with ThreadPoolExecutor(max_workers=max(1, len(spec.clusters))) as pool:
        return tuple(
            pool.map(lambda c: look(ControlPlane(c.name, places, {}, None), controller=controller), spec.clusters)
        )


def wait_ready(spec: SandboxSpec, home: Path, *, timeout: float = 30) -> tuple[ClusterStatus, ...]:
    """Wait until every node is ready, which needs their hosts to be up.

    Raises:
        Retryable: some are not in time; they are named with what they say.
    """
    deadline = time.monotonic() + timeout
    while True:
        found = status(spec, home)
        waiting = [f"{node.name} ({node.reason})" for entry in found for node in entry.nodes if not node.ready]
        if not waiting and all(entry.state == "running" for entry in found):
            return found
        if time.monotonic() > deadline:
            broken = [f"{entry.name} is {entry.state}" for entry in found if entry.state != "running"]
            raise Retryable(
                "nodes-not-ready",
                f"not ready after {timeout:.0f} s: {', '.join(waiting + broken)}",
                where=str(Places(home).controller_log),
                hint="causeway sandbox status shows which hosts are up; causeway sandbox up mends what is not",
            )
        time.sleep(0.2)


def _prepare(places: Places) -> None:
    if places.root.is_dir() and not os.access(places.root, os.W_OK | os.X_OK):
        raise Permanent(
            "not-yours",
            "another user made these clusters",
            where=str(places.root),
            hint=f"{as_root('sandbox up')}, or the same with `down` first",
        )
    places.root.mkdir(parents=True, exist_ok=True)
    places.root.chmod(0o700)
    places.pod_logs.mkdir(exist_ok=True)
    (places.pod_logs / "simulated.log").write_text(SIMULATED_LOG)


def _join(fleet: str) -> Path | None:
    """The control group for the clusters' processes; only root has one."""
    if os.geteuid() != 0:
        return None
    group = cgroup.create(fleet) / CGROUP_NAME
    group.path.mkdir(exist_ok=True)
    return group.path


def _remove_others(places: Places, tools: Mapping[str, Path], wanted: set[str]) -> None:
    """Clusters that the fleet no longer declares."""
    folder = places.root / "clusters"
    if not folder.is_dir():
        return
    for entry in folder.iterdir():
        if entry.name not in wanted:
            ControlPlane(entry.name, places, tools, None).remove()


def _attempt(plane: ControlPlane, cluster: ClusterSpec, spec: SandboxSpec) -> ClusterStatus | CausewayError:
    """Another program may take a port between our choice and the component's start: then try again with others."""
    started = time.monotonic()
    for attempt in range(1, ATTEMPTS + 1):
        try:
            outcome = _ensure(plane, cluster, spec)
        except Retryable as error:
            if attempt == ATTEMPTS:
                return error
            if not error.code.startswith("http-"):
                plane.remove()
            continue
        except CausewayError as error:
            return error
        return replace(outcome, seconds=time.monotonic() - started)
    raise AssertionError("the loop returns")


def _ensure(plane: ControlPlane, cluster: ClusterSpec, spec: SandboxSpec) -> ClusterStatus:
    digest = kwok_config.digest(cluster.kubernetes_version, plane.tools)
    action, note = _mend(plane, digest)
    access = plane.access()
    if access is None:
        raise Retryable("cluster-incomplete", "kwokctl left no API server", subject=plane.name)
    api = Api(access)
    processes.wait_until(lambda: _serves(api), READY_TIMEOUT_S, f"the API server of {plane.name}", poll=0.1)
    plane.places.digest(plane.name).write_text(digest)
    defined = definitions.ensure(api)
    changed = register(api, cluster, spec)
    if changed and action == "none":
        action, note = "repaired", f"{changed} node(s) brought in line with the declaration"
    elif defined and action == "none":
        action, note = "repaired", f"{defined} definition(s) of kinds added"
    found = look(plane, controller=True)
    if not found.version.startswith(f"v{cluster.kubernetes_version}."):
        other = f"declared Kubernetes {cluster.kubernetes_version}, the sandbox has {found.version}"
        note = "; ".join(text for text in (note, other) if text)
    return replace(found, action=action, note=note)


def _serves(api: Api) -> bool:
    """Whether pods can be made: before its account is there, the server refuses each."""
    return api.ready() and api.get("/api/v1/namespaces/default/serviceaccounts/default") is not None


def _mend(plane: ControlPlane, digest: str) -> tuple[str, str]:
    """Bring the processes up. Returns what was done and why."""
    recorded = _read(plane.places.digest(plane.name))
    missing = plane.missing()
    if recorded == digest and not missing:
        return "none", ""
    if recorded == digest and plane.access() is not None:
        plane.start()
        return "repaired", f"started again: {', '.join(missing)}"
    leftovers = plane.folder.exists()
    plane.remove()
    plane.create()
    if not leftovers:
        return "created", ""
    return "recreated", "its versions or settings changed" if recorded else "it was half made"


def _endpoints(planes: Mapping[str, ControlPlane], statuses: Sequence[ClusterStatus]) -> tuple[Endpoint, ...]:
    found = [(planes[entry.name], entry.version) for entry in statuses]
    return tuple(
        Endpoint(access, version, plane.kubelet_port())
        for plane, version in found
        if (access := plane.access()) is not None
    )


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""
