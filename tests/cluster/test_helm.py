"""Helm's process: what it sees of our environment, how it is stopped, and that it ends with us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from causeway.cluster.helm import Helm, run
from causeway.errors import Permanent
from tests.waiting import eventually

NOTHING = {"PATH": os.defpath}


def test_helm_sees_no_passphrase_and_none_of_its_own_settings() -> None:
    environ = {"PATH": "/bin", "PULUMI_CONFIG_PASSPHRASE": "x", "HELM_DRIVER": "memory", "AWS_PROFILE": "a"}
    seen = Helm(Path("helm"), environ).environment({"KUBECONFIG": "k"})
    assert seen == {"PATH": "/bin", "AWS_PROFILE": "a", "HELM_PLUGINS": os.devnull, "KUBECONFIG": "k"}


def test_a_missing_helm_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    with pytest.raises(Permanent, match="not found") as caught:
        Helm.here({"PATH": str(tmp_path)})
    assert caught.value.hint.startswith("make tools")


def test_what_goes_in_comes_out_and_a_status_is_told() -> None:
    ended = run(["sh", "-c", "cat; echo bad >&2; exit 3"], NOTHING, b"x" * 300_000)
    assert (ended.status, len(ended.out), ended.error, ended.stopped) == (3, 300_000, "bad", False)


@pytest.mark.parametrize("how", ["cancelled", "timeout"])
def test_a_program_is_stopped_with_everything_it_started(how: str) -> None:
    script = "trap 'echo closing; exit 1' TERM; sleep 60 & echo $!; wait"
    began = time.monotonic()
    late = lambda: time.monotonic() - began > 0.5  # noqa: E731 - a clock
    settings = {"cancelled": late} if how == "cancelled" else {"timeout": 0.5}
    ended = run(["sh", "-c", script], NOTHING, b"", **settings)
    assert ended.stopped
    child, said = ended.out.decode().split()
    assert said == "closing"
    assert time.monotonic() - began < 10
    eventually(lambda: not Path(f"/proc/{child}").exists(), "its child to be gone")


def test_a_program_ends_when_we_are_killed() -> None:
    ours = (
        "import sys; from causeway.cluster.helm import run; "
        "run(['sh', '-c', 'echo $$ >&2; exec sleep 60'], {'PATH': '/usr/bin:/bin'}, b'')"
    )
    # its standard error goes through us, so that the test asks the process list instead
    parent = subprocess.Popen([sys.executable, "-c", ours])
    child = eventually(lambda: sleeping_below(parent.pid), "the program to run")
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    eventually(lambda: not Path(f"/proc/{child}").exists(), "the program to end")


def sleeping_below(parent: int) -> int | None:
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = file.read_text().rpartition(")")[2].split()
            name = (file.parent / "comm").read_text().strip()
        except OSError:
            continue
        if int(words[1]) == parent and name == "sleep":
            return int(file.parent.name)
    return None
