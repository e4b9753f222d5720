"""Whose lock it is: a dead process of this machine loses it, everybody else keeps it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from causeway.errors import Retryable
from causeway.stacks.locks import backend_folder, locks_of, stale
from causeway.stacks.workspace import Workspace

STACK = "fleet.north"


def lock(backend: Path, pid: int, machine: str) -> Path:
    folder = backend / ".pulumi" / "locks" / "organization" / "causeway" / STACK
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{len(list(folder.iterdir()))}.json"
    content = {"pid": pid, "username": "ops", "hostname": machine, "timestamp": "2026-11-22T01:02:03Z"}
    file.write_text(json.dumps(content))
    return file


def gone() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def workspace(tmp_path: Path) -> Workspace:
    project = tmp_path / "project"
    project.mkdir()
    (project / "Pulumi.yaml").write_text("name: causeway\nruntime: python\n")
    return Workspace(
        project, {"PULUMI_BACKEND_URL": (tmp_path / "state").as_uri()}, tmp_path / ".causeway", sandbox=False
    )


def test_a_dead_process_of_this_machine_has_left_its_lock(tmp_path: Path) -> None:
    file = lock(tmp_path / "state", gone(), socket.gethostname())
    removed = workspace(tmp_path).break_stale_locks(STACK)
    assert [each.file for each in removed] == [file]
    assert not file.exists()


@pytest.mark.parametrize("holder", ["another machine", "a process that lives", "nobody knows"])
def test_every_other_holder_is_named_and_keeps_it(tmp_path: Path, holder: str) -> None:
    file = lock(tmp_path / "state", gone(), "elsewhere")
    if holder == "a process that lives":
        engine = tmp_path / "pulumi"
        engine.symlink_to("/bin/sleep")
        with subprocess.Popen([engine, "60"]) as child:
            file.unlink()
            file = lock(tmp_path / "state", child.pid, socket.gethostname())
            try:
                with pytest.raises(Retryable, match=f"process {child.pid} of ops on {socket.gethostname()}"):
                    workspace(tmp_path).break_stale_locks(STACK)
            finally:
                child.kill()
    else:
        if holder == "nobody knows":
            file.write_text("{half")
        with pytest.raises(Retryable, match="elsewhere" if holder == "another machine" else "unknown"):
            workspace(tmp_path).break_stale_locks(STACK)
    assert file.exists()


def test_a_killed_engine_that_nobody_has_asked_for_its_end_is_no_holder(tmp_path: Path) -> None:
    engine = tmp_path / "pulumi"
    engine.symlink_to("/bin/sleep")
    with subprocess.Popen([engine, "60"]) as child:
        lock(tmp_path, child.pid, socket.gethostname())
        (one,) = locks_of(tmp_path, "causeway", STACK)
        assert not stale(one)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert stale(one)


def test_a_number_that_went_to_another_program_is_no_holder(tmp_path: Path) -> None:
    lock(tmp_path, os.getpid(), socket.gethostname())
    (one,) = locks_of(tmp_path, "causeway", STACK)
    assert stale(one)


def test_only_folders_on_disk_have_locks_that_we_read(tmp_path: Path) -> None:
    assert backend_folder(tmp_path.as_uri()) == tmp_path
    assert backend_folder("s3://bucket/state") is None
