"""Starts the controller's process, finds it again, and replaces it when its configuration changed."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from causeway.sandbox.clusters import processes
from causeway.sandbox.clusters.kwokctl import Endpoint
from causeway.sandbox.clusters.places import Places
from causeway.sandbox.spec import NodeSpec, SandboxSpec, addresses

NAME = "sandbox-controller"
MODULE = "causeway.sandbox.clusters.controller.loop"
CODE = ("clusters", "hosts", "layout", "spec", "standins/state", "standins/inhost")
_JOIN = '[ -z "$1" ] || echo $$ >"$1/cgroup.procs"; shift; exec setsid --fork "$@"'


def ensure(spec: SandboxSpec, places: Places, endpoints: Sequence[Endpoint], group: Path | None) -> bool:
    """Make the controller run with this configuration. Returns whether it had to be started."""
    text = json.dumps(configuration(spec, places, endpoints), indent=1, sort_keys=True)
    digest = hashlib.sha256((text + _code()).encode()).hexdigest()[:16]
    running_now = _running(places)
    if len(running_now) == 1 and running_now[0].argv[-1] == digest:
        return False
    processes.kill(running_now)
    places.controller_config.write_text(text)
    argv = [sys.executable, "-m", MODULE, str(places.controller_config), digest]
    with places.controller_log.open("ab") as sink:
        subprocess.run(
            ["sh", "-c", _JOIN, "sh", str(group or ""), *argv],
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            cwd="/",
            check=True,
        )
    return True


def running(places: Places) -> bool:
    """Whether the controller runs."""
    return bool(_running(places))


def _running(places: Places) -> tuple[processes.Process, ...]:
    return tuple(process for process in processes.below(places.root) if MODULE in process.argv)


def configuration(spec: SandboxSpec, places: Places, endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """What the controller works from. Pure."""
    by_name = {endpoint.access.cluster: endpoint for endpoint in endpoints}
    return {
        "fleet": spec.fleet,
        "home": str(places.home),
        "pod_logs": str(places.pod_logs),
        "vendors": {host.name: host.vendor for host in spec.hosts if host.vendor},
        "clusters": [
            {
                "name": cluster.name,
                "version": by_name[cluster.name].version,
                "kubelet_port": by_name[cluster.name].kubelet_port,
                "access": {key: str(value) for key, value in asdict(by_name[cluster.name].access).items()},
                "nodes": [{"spec": asdict(node), "address": _address(spec, node)} for node in cluster.nodes],
            }
            for cluster in spec.clusters
            if cluster.name in by_name
        ],
    }


def _address(spec: SandboxSpec, node: NodeSpec) -> str:
    host = spec.host(node.host) if node.host else None
    return host.address if host else addresses((node.name,))[node.name]


def _code() -> str:
    """Changes with the files that the controller runs, so that an upgrade of Causeway replaces the process."""
    sandbox = Path(__file__).parents[2]
    found = [path for part in CODE for path in (*sandbox.glob(f"{part}.py"), *(sandbox / part).rglob("*.py"))]
    return repr(sorted((str(path), path.stat().st_mtime_ns) for path in found))


def _environment() -> dict[str, str]:
    package_root = str(Path(__file__).parents[4])
    kept = {key: os.environ[key] for key in ("PATH", "LANG") if key in os.environ}
    inherited = [path for path in (os.environ.get("PYTHONPATH"),) if path]
    return kept | {"PYTHONPATH": os.pathsep.join([package_root, *inherited]), "PYTHONUNBUFFERED": "1"}
