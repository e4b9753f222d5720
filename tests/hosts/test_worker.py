"""The end of a worker's process: nothing that it has started, directly or not, goes on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from causeway.hosts import worker
from tests.clusters.harness import eventually
from tests.hosts.scene import processes

ENDS = """
import ctypes, subprocess, sys, time
from causeway.hosts import worker
ctypes.CDLL(None).prctl(36, 1)  # what loses its parent becomes ours
subprocess.Popen(["sh", "-c", "for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do "
                  "(for m in 1 2 3 4 5 6 7 8 9 10; do setsid sleep " + sys.argv[1] + " & done; wait) & done; wait"])
time.sleep(float(sys.argv[2]))
worker.end_all()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the kernel gives orphans to no process of ours")
@pytest.mark.parametrize("after", [0.0, 0.02, 0.05, 0.1, 0.2])
def test_what_is_started_while_it_ends_is_ended_too(after: float) -> None:
    mark = f"{30 + after}{os.getpid()}"
    subprocess.run([sys.executable, "-c", ENDS, mark, str(after)], check=True, timeout=60)
    eventually(lambda: not processes(f"sleep {mark}"), "all sleepers to be gone", timeout=2)


def test_without_proc_the_asking_itself_is_nothing_that_was_started(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Path.is_file
    monkeypatch.setattr(Path, "is_file", lambda path: str(path) != "/proc/self/stat" and plain(path))
    with subprocess.Popen(["sleep", "30"]) as sleeper:
        assert worker.descendants(os.getpid()) == [sleeper.pid]
        sleeper.kill()
    assert worker.descendants(os.getpid()) == []
