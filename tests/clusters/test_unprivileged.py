"""The clusters without root: everything works but hosts, control groups and holders."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from causeway.sandbox.clusters import processes

pytestmark = pytest.mark.tools
NOBODY = 65534
PACKAGE_ROOT = Path(__file__).parents[2] / "infra"

# A node with a host behind it: without root there are no hosts, so the node counts as a cloud's.
SCRIPT = """
import json, os, signal, sys
from dataclasses import asdict
from pathlib import Path
from causeway.errors import Permanent
from causeway.sandbox import clusters
from causeway.sandbox.clusters import processes
from causeway.sandbox.spec import ClusterSpec, NodeSpec, SandboxSpec

fleet, home, tools = sys.argv[1], Path(sys.argv[2]), {k: Path(v) for k, v in json.loads(sys.argv[3]).items()}
node = NodeSpec("gpu-1", "gpu-1", resource="nvidia.com/gpu", count=8, vendor="nvidia")
spec = SandboxSpec(fleet, clusters=(ClusterSpec("lone", "1.34", (node,)),))
done = {"uid": os.geteuid(), "first": [asdict(s) for s in clusters.up(spec, home, tools)]}
clusters.wait_ready(spec, home)
scheduler = next(p for p in processes.below(home) if p.argv[0].endswith("/kube-scheduler"))
os.kill(scheduler.pid, signal.SIGKILL)
done["second"] = [asdict(s) for s in clusters.up(spec, home, tools)]
done["third"] = [asdict(s) for s in clusters.up(spec, home, tools)]
clusters.down(fleet, home)
if os.path.isdir(sys.argv[4]):
    other = SandboxSpec(fleet, clusters=spec.clusters)
    done["others"] = [asdict(s) for s in clusters.status(other, Path(sys.argv[4]))]
    try:
        clusters.up(other, Path(sys.argv[4]), tools)
    except Permanent as error:
        done["refusal"] = error.code
done["left"] = [p.argv for p in processes.below(home)]
print(json.dumps(done))
"""


@pytest.fixture
def home() -> Iterator[Path]:
    """A home that belongs to nobody when the tests run as root: pytest's own folders are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="causeway-test-"))
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
    yield folder
    for process in processes.below(folder):
        os.kill(process.pid, 9)
    shutil.rmtree(folder, ignore_errors=True)


def interpreter(as_nobody: list[str], environment: dict[str, str]) -> str | None:
    """A Python that the other user can start, with this environment's packages: root's own may lie in a closed home."""
    for candidate in (sys.executable, "/usr/bin/python3"):
        check = [*as_nobody, "sh", "-c", 'exec "$0" -c "import causeway.sandbox.clusters"', candidate]
        if not subprocess.run(check, env=environment, capture_output=True, check=False, cwd="/").returncode:
            return candidate
    return None


def test_clusters_come_up_are_mended_and_go_without_root(tools: dict[str, Path], home: Path) -> None:
    as_nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if os.geteuid() == 0 else []
    packages = f"{PACKAGE_ROOT}:{sysconfig.get_path('purelib')}:{sysconfig.get_path('platlib')}"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": packages, "HOME": str(home)}
    python = interpreter(as_nobody, environment)
    if python is None:
        pytest.skip("no Python that another user can start reads this checkout and its packages")
    paths = json.dumps({name: str(path) for name, path in tools.items()})
    closed = home.with_name(f"{home.name}-closed")
    (closed / "kubernetes").mkdir(parents=True)
    (closed / "kubernetes").chmod(0o700)
    arguments = [f"t-{secrets.token_hex(4)}", str(home), paths, str(closed) if os.geteuid() == 0 else "none"]
    ran = subprocess.run(
        [*as_nobody, python, "-c", SCRIPT, *arguments],
        env=environment,
        cwd="/",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    shutil.rmtree(closed)
    assert ran.returncode == 0, ran.stderr[-2000:]
    done = json.loads(ran.stdout)
    if os.geteuid() == 0:
        assert [entry["state"] for entry in done["others"]] == ["unreadable"], "root's clusters are not nobody's"
        assert done["refusal"] == "not-yours"
    assert done["uid"] != 0
    assert [entry["state"] for entry in done["first"]] == ["running"]
    assert [entry["action"] for entry in done["first"] + done["second"] + done["third"]] == [
        "created",
        "repaired",
        "none",
    ]
    assert done["left"] == []
