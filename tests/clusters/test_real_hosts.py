"""The whole chain on real sandbox hosts: driver and plugin make accelerators, pods hold devices, reboots are felt."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from causeway.sandbox.clusters.api import Api
from causeway.sandbox.clusters.kwokctl import ControlPlane
from causeway.sandbox.clusters.places import Places
from tests.clusters.harness import Cluster, device_plugin, eventually, pod_document
from tests.sandbox.small_fleet import Sandbox, make, sweep

pytestmark = [pytest.mark.tools, pytest.mark.sandbox]
HOST = "nvl-01"
ACCELERATORS = 4
INSTALL = r"""
set -e
mirror=http://mirror.north.test/vendor/nvidia
key=/usr/share/keyrings/nvidia.gpg
python3 -c "import urllib.request as u; open('$key', 'wb').write(u.urlopen('$mirror/key.gpg').read())"
echo "deb [signed-by=$key] $mirror ./" > /etc/apt/sources.list.d/nvidia.list
printf 'Package: *nvidia* libcuda*\nPin: version 580.95.05-1\nPin-Priority: 1001\n' > /etc/apt/preferences.d/nvidia
apt-get update -q && apt-get install -y -q linux-headers-$(uname -r) nvidia-open-580 nvidia-fabricmanager-580
echo nvidia > /etc/modules-load.d/nvidia.conf
modprobe nvidia
systemctl enable --now nvidia-fabricmanager
"""


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Two hosts and their cluster."""
    sweep()
    made = make(tmp_path_factory.mktemp("real"))
    try:
        made.run("up")
        yield made
    finally:
        made.run("down", "--name", made.name)
        assert made.traces() == []


@pytest.fixture(scope="module")
def cluster(sandbox: Sandbox) -> Cluster:
    access = ControlPlane("north-test", Places(sandbox.place.home), {}, None).access()
    assert access is not None
    found = Cluster("north-test", Api(access))
    for name in (HOST, "asc-01"):
        eventually(partial(_is_ready, found, name), f"{name} to be ready")
    found.create(device_plugin())
    eventually(lambda: found.pods("plugin") and found.pod("plugin")["status"]["phase"] == "Running", "the plugin")
    return found


def _is_ready(cluster: Cluster, node: str) -> bool:
    return cluster.ready(node) == "True"


@pytest.fixture(scope="module")
def equipped(sandbox: Sandbox, cluster: Cluster) -> Cluster:
    """The driver is installed on the host."""
    assert cluster.offers(HOST) == 0, "a plugin alone offers nothing"
    sandbox.say(HOST, f"sudo bash -c {shlex.quote(INSTALL)}")
    eventually(lambda: cluster.offers(HOST) == ACCELERATORS, "the accelerators")
    return cluster


def holders(sandbox: Sandbox) -> str:
    """The units on the host that hold devices, with the files."""
    return sandbox.say(HOST, "systemctl show 'sandbox-hold-*' -p Id -p ExecStart")


def test_a_pod_with_accelerators_has_device_files_open_on_its_host(sandbox: Sandbox, equipped: Cluster) -> None:
    equipped.create(pod_document("model", gpus=2))
    unit = f"sandbox-hold-{equipped.pod('model')['metadata']['uid']}.service"
    eventually(lambda: unit in holders(sandbox), "the holder")
    assert "/dev/nvidia0 /dev/nvidia1 ;" in holders(sandbox)
    assert "/dev/nvidiactl" in holders(sandbox), "the plugin holds a file too"
    users = sandbox.say(HOST, "sudo sh -c 'ls -l /proc/*/fd 2>/dev/null' | grep -c '/dev/nvidia[01]$'")
    assert int(users) >= 2
    equipped.api.request("DELETE", "/api/v1/namespaces/default/pods/model")
    eventually(lambda: unit not in holders(sandbox), "the holder to end with its pod")


def test_a_rebooted_host_is_not_ready_then_ready_and_gets_its_accelerators_back(
    sandbox: Sandbox, equipped: Cluster
) -> None:
    boot = equipped.node(HOST)["status"]["nodeInfo"]["bootID"]
    equipped.create(pod_document("lost", gpus=1, nodeName=HOST))
    eventually(lambda: equipped.pod("lost")["status"]["phase"] == "Running", "the pod")
    sandbox.ssh(HOST, "sudo systemctl reboot")
    eventually(lambda: equipped.ready(HOST) == "False", "the node to be not ready")
    eventually(lambda: equipped.ready(HOST) == "True", "the node to be ready", timeout=30)
    assert equipped.node(HOST)["status"]["nodeInfo"]["bootID"] != boot
    assert equipped.ready("asc-01") == "True"
    assert equipped.pod("lost")["status"]["reason"] == "UnexpectedAdmissionError"
    eventually(lambda: equipped.offers(HOST) == ACCELERATORS, "the accelerators", timeout=30)


def test_a_host_without_power_is_not_ready_until_it_is_on_again(sandbox: Sandbox, equipped: Cluster) -> None:
    sandbox.run("power", HOST, "off")
    eventually(lambda: equipped.ready(HOST) == "False", "the node to be not ready", timeout=5)
    sandbox.run("up")
    assert equipped.ready(HOST) != "True", "up leaves a host off that was turned off"
    sandbox.run("power", HOST, "on")
    eventually(lambda: equipped.ready(HOST) == "True", "the node to be ready", timeout=30)


def test_the_controller_takes_little_of_the_machine(sandbox: Sandbox, equipped: Cluster) -> None:
    def ticks() -> int:
        [pid] = [p for p in Path("/proc").glob("[0-9]*") if _is_controller(p, sandbox.name)]
        fields = (pid / "stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    eventually(lambda: equipped.ready(HOST) == "True", "a quiet cluster")
    before = ticks()
    time.sleep(5)
    assert ticks() - before <= 5 * 100 * 0.03, "three per cent of a core, in ticks of a hundredth of a second"


def _is_controller(process: Path, fleet: str) -> bool:
    try:
        words = (process / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return b"causeway.sandbox.clusters.controller.loop" in words and any(fleet.encode() in word for word in words)
