"""The programs that run in a training job's pods, run: the table of ranks, the days, the wait for a checkpoint."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.charts.harness import CHARTS

FILES = CHARTS / "training" / "files"
DEVICES = 4


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def hccn_conf(folder: Path, host: int, devices: int = DEVICES) -> Path:
    lines = [f"address_{device}=10.21.{host}.{device + 1}\nnetmask_{device}=255.255.0.0" for device in range(devices)]
    path = folder / f"hccn-{host}.conf"
    path.write_text("\n".join(["arp_0=0", *reversed(lines), ""]), "utf-8")
    return path


def start(folder: Path, index: int, hosts: int, port: int, **changed: str) -> subprocess.Popen[str]:
    environment = {
        "PATH": os.defpath, "INDEX": str(index), "HOSTS": str(hosts), "DEVICES": str(DEVICES), "MASTER": "localhost",
        "PORT": str(port), "HOST_ID": f"192.0.2.{index}", "TIMEOUT": "60",
        "HCCN_CONF": str(hccn_conf(folder, index)), "TABLE": str(folder / f"table-{index}.json"),
    } | changed  # fmt: skip
    command = [sys.executable, str(FILES / "rank_table.py")]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_all_hosts_get_one_table_whoever_comes_first(tmp_path: Path) -> None:
    port, hosts = free_port(), 3
    early = [start(tmp_path, index, hosts, port) for index in (2, 1)]
    time.sleep(0.5)
    running = [*early, start(tmp_path, 0, hosts, port)]
    ended = [(process.communicate(timeout=60), process.returncode) for process in running]
    assert [status for _, status in ended] == [0, 0, 0], ended
    tables = [json.loads((tmp_path / f"table-{index}.json").read_text("utf-8")) for index in range(hosts)]
    assert tables[0] == tables[1] == tables[2]
    assert {key: tables[0][key] for key in ("status", "version", "server_count")} == {
        "status": "completed",
        "version": "1.0",
        "server_count": "3",
    }
    flat = [
        (s["server_id"], d["device_id"], d["device_ip"], d["rank_id"])
        for s in tables[0]["server_list"]
        for d in s["device"]
    ]
    assert flat == [
        (f"192.0.2.{host}", str(device), f"10.21.{host}.{device + 1}", str(host * DEVICES + device))
        for host in range(hosts)
        for device in range(DEVICES)
    ]


def test_one_host_needs_no_other(tmp_path: Path) -> None:
    process = start(tmp_path, 0, 1, free_port())
    assert (process.communicate(timeout=60), process.returncode)[1] == 0
    assert json.loads((tmp_path / "table-0.json").read_text("utf-8"))["server_count"] == "1"


def connect(port: int) -> socket.socket:
    """A connection to the first host, once it listens."""
    deadline = time.monotonic() + 30
    while True:
        try:
            return socket.create_connection(("localhost", port), timeout=5)
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_a_host_that_was_restarted_is_waited_for(tmp_path: Path) -> None:
    """Its first process sent its addresses and was killed; without it the table would be made from them."""
    port = free_port()
    first = start(tmp_path, 0, 3, port)
    with connect(port) as lost:
        lost.sendall(json.dumps({"index": 1, "host": "lost", "addresses": ["10.0.0.1"] * DEVICES}).encode() + b"\n")
    third = start(tmp_path, 2, 3, port)
    with pytest.raises(subprocess.TimeoutExpired):
        third.wait(timeout=3)
    second = start(tmp_path, 1, 3, port)
    ended = [(process.communicate(timeout=60), process.returncode) for process in (first, second, third)]
    assert [status for _, status in ended] == [0, 0, 0], ended
    servers = json.loads((tmp_path / "table-2.json").read_text("utf-8"))["server_list"]
    assert [server["server_id"] for server in servers] == ["192.0.2.0", "192.0.2.1", "192.0.2.2"]


def test_hosts_that_do_not_come_are_named(tmp_path: Path) -> None:
    process = start(tmp_path, 0, 3, free_port(), TIMEOUT="1")
    assert "no table of ranks: of 3 hosts, [1, 2] did not come" in process.communicate(timeout=20)[1]
    assert process.returncode == 1
    process = start(tmp_path, 1, 3, free_port(), TIMEOUT="1")
    assert "localhost" in process.communicate(timeout=20)[1]
    assert process.returncode == 1


def test_a_device_without_an_address_is_named(tmp_path: Path) -> None:
    process = start(tmp_path, 0, 1, free_port(), HCCN_CONF=str(hccn_conf(tmp_path, 7, devices=2)))
    assert "no address_N for the devices [2, 3]; found [0, 1]" in process.communicate(timeout=20)[1]
    assert process.returncode == 1


def test_a_stranger_that_says_nonsense_stops_nobody(tmp_path: Path) -> None:
    port = free_port()
    first = start(tmp_path, 0, 2, port)
    for nonsense in (
        b"GET / HTTP/1.1\r\n\r\n",
        b"[]\n",
        b'{"host": "x"}\n',
        b'{"index": 7, "host": "x", "addresses": []}\n',
    ):
        with connect(port) as stranger:
            stranger.sendall(nonsense)
    second = start(tmp_path, 1, 2, port)
    assert [(process.communicate(timeout=60), process.returncode)[1] for process in (first, second)] == [0, 0]


def check(folder: Path, **days: Any) -> subprocess.CompletedProcess[str]:
    shutil.copy(FILES / "window.py", folder)
    given = {"starts_on": "", "ends_on": "", "last_scheduling_day": "", "utc_offset_hours": 0} | days
    (folder / "window.json").write_text(json.dumps(given), "utf-8")
    command = [sys.executable, str(folder / "window.py"), "check"]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)


@pytest.mark.parametrize(
    ("days", "status", "said"),
    [
        ({}, 0, "inside"),
        ({"starts_on": "2020-01-01", "ends_on": "2999-12-31", "last_scheduling_day": "2999-12-01"}, 0, "inside"),
        ({"starts_on": "2999-01-01"}, 75, "starts on 2999-01-01"),
        ({"ends_on": "2020-01-01"}, 76, "ended on 2020-01-01"),
        ({"ends_on": "2999-01-01", "last_scheduling_day": "2020-01-01"}, 76, "nothing new after 2020-01-01"),
    ],
)
def test_a_host_starts_to_work_on_the_jobs_days_only(
    tmp_path: Path, days: dict[str, str], status: int, said: str
) -> None:
    done = check(tmp_path, **days)
    assert (done.returncode, done.stderr) == (status, "")
    assert said in done.stdout


def wait_for_checkpoint(folder: Path, timeout: int) -> subprocess.Popen[bytes]:
    environment = {
        "PATH": os.defpath,
        "CHECKPOINT_REQUEST_FILE": str(folder / "requested"),
        "CHECKPOINT_DONE_FILE": str(folder / "done"),
        "CHECKPOINT_TIMEOUT_SECONDS": str(timeout),
    }
    return subprocess.Popen(["sh", str(FILES / "checkpoint.sh")], env=environment)


def test_a_pod_leaves_when_its_checkpoint_is_written(tmp_path: Path) -> None:
    process = wait_for_checkpoint(tmp_path, 60)
    deadline = time.monotonic() + 10
    while not (tmp_path / "requested").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert process.poll() is None
    (tmp_path / "done").touch()
    assert process.wait(timeout=10) == 0


def test_a_pod_that_writes_no_checkpoint_leaves_when_the_time_is_over(tmp_path: Path) -> None:
    started = time.monotonic()
    assert wait_for_checkpoint(tmp_path, 2).wait(timeout=20) == 0
    assert time.monotonic() - started >= 2
