"""A lease under the real engine: the whole life of a resource, and of the provider's process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.provider.engine import TOP, Project

pytestmark = pytest.mark.tools

PROGRAM = """\
import json
import pulumi
from causeway.program.lease import Lease

config = json.loads(open("lease.json").read())
lease = Lease("johor", **config)
pulumi.export("share", lease.share)
"""
LEASE = {
    "lease": "johor",
    "site": "my-johor",
    "accelerator": "h200-sxm",
    "quantity": 16,
    "share": 8,
    "start": "2026-10-01",
    "end": "2028-09-30",
}
KEY = "planted-hmac-key-77c2"


def declared(project: Project, **changed: object) -> None:
    (project.folder / "lease.json").write_text(json.dumps(LEASE | changed))


def test_a_lease_lives_from_preview_to_destroy(tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    project.write(PROGRAM)
    declared(project)
    stack = project.opened()
    project.pulumi("config", "set", "--secret", "causeway:hmacKey", KEY)
    assert project.preview()["johor"]["op"] == "create"
    first = stack.up()
    assert first.outputs["share"].value == 8
    assert project.state()["johor"]["outputs"]["end"] == "2028-09-30"

    again = stack.up()
    assert again.summary.resource_changes == {"same": 2}

    declared(project, end="2029-09-30", share=16)
    step = project.preview()["johor"]
    assert step["op"] == "update"
    assert set(step["detailedDiff"]) == {"end", "share"}
    assert stack.up().outputs["share"].value == 16
    assert stack.refresh().summary.resource_changes == {"same": 2}

    exported = project.pulumi("stack", "export").stdout
    project.pulumi("state", "delete", project.state()["johor"]["urn"])
    assert "johor" not in project.state()
    (tmp_path / "state.json").write_text(exported)
    project.pulumi("stack", "import", "--file", str(tmp_path / "state.json"))
    assert stack.up().summary.resource_changes == {"same": 2}

    assert stack.destroy().summary.resource_changes == {"delete": 2}
    assert not [name for name, content in project.files().items() if KEY.encode() in content]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def ended(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not alive(pid)


def test_the_plugin_tells_its_port_listens_on_loopback_only_and_ends_on_an_interrupt() -> None:
    started = time.monotonic()
    process = subprocess.Popen(
        [TOP / "infra/plugin/pulumi-resource-causeway", "127.0.0.1:1"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        port = int(process.stdout.readline())
        assert time.monotonic() - started < 5
        lines = [line for kind in ("tcp", "tcp6") for line in Path(f"/proc/net/{kind}").read_text().splitlines()[1:]]
        listening = [words[1].split(":") for words in map(str.split, lines) if words[3] == "0A"]
        hosts = {host for host, at in listening if int(at, 16) == port}
        assert hosts
        assert hosts <= {"0100007F", "0000000000000000FFFF00000100007F"}
        process.send_signal(signal.SIGINT)
        assert process.wait(3) == 0
    finally:
        process.kill()
        process.wait()


def test_a_provider_whose_engine_was_killed_ends_by_itself(tmp_path: Path) -> None:
    plugin = TOP / "infra/plugin/pulumi-resource-causeway"
    program = (
        "import subprocess, sys, time\n"
        f"made = subprocess.Popen([{str(plugin)!r}, '127.0.0.1:1'], stdout=subprocess.PIPE, text=True)\n"
        "made.stdout.readline()\n"
        "print(made.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    engine = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert engine.stdout is not None
    pid = int(engine.stdout.readline())
    assert alive(pid)
    engine.kill()
    engine.wait()
    assert ended(pid, 5)
