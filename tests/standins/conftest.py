"""A host made of files: devices on its bus, packages unpacked into it, commands run against it in this process."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from causeway.sandbox import standins
from causeway.sandbox.standins import Artifact
from causeway.sandbox.standins.inhost import dkms, kernel, modules
from causeway.sandbox.standins.inhost.ascend import firmware, installer
from causeway.sandbox.standins.inhost.machine import Machine
from tests.sandbox.small_fleet import Sandbox, make, sweep

RELEASE = os.uname().release
INHOST = "causeway.sandbox.standins.inhost"


def member(deb: Path, name: str) -> bytes:
    """A part of a Debian package, read as the `ar` archive that it is."""
    data, at = deb.read_bytes(), 8
    while at < len(data):
        size = int(data[at + 48 : at + 58])
        if data[at : at + 16].decode().strip() == name:
            return data[at + 60 : at + 60 + size]
        at += 60 + size + size % 2
    raise LookupError(f"{deb.name} has no {name}")


def untar(data: bytes, folder: Path) -> None:
    """Unpack as tar does. Debian 12's own Python, 3.11.2, has no filters yet, and newer ones ask for one."""
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        if hasattr(tarfile, "tar_filter"):
            tar.extraction_filter = tarfile.tar_filter
        tar.extractall(folder)  # noqa: S202 - archives that these tests have built


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    status: int
    out: str
    err: str


@dataclass(frozen=True)
class FakeHost:
    """A host's root folder, and what a person does on it."""

    root: Path
    packages: dict[str, Artifact]

    @property
    def machine(self) -> Machine:
        return Machine(self.root)

    def plug(self, vendor: str, device: str, class_code: str, *slots: str) -> None:
        for slot in slots:
            folder = self.root / "sys/bus/pci/devices" / slot
            folder.mkdir(parents=True)
            ids = {"vendor": vendor, "device": device, "subsystem_vendor": "0200", "subsystem_device": "0100"}
            for name, text in {**ids, "class": class_code}.items():
                (folder / name).write_text(f"0x{text}\n")
            (folder / "numa_node").write_text("0\n")

    def faults(self, **values: object) -> None:
        self.put("etc/sandbox/faults.json", json.dumps(values))

    def put(self, name: str, text: str = "") -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def hold(self, node: str, pid: int = 4242, command: str = "vllm") -> None:
        """A process that has the device file open, as /proc shows it."""
        self.put(f"proc/{pid}/comm", f"{command}\n")
        (self.root / f"proc/{pid}/fd").mkdir()
        (self.root / f"proc/{pid}/fd/7").symlink_to(node)

    def unpack(self, *files: str) -> None:
        """The files of Debian packages, without their scripts."""
        for file in files:
            untar(member(self.packages[file].path, "data.tar.gz"), self.root)

    def call(self, module: str, version: str, *arguments: str) -> Said:
        """A stand-in command, by the module that answers."""
        main = importlib.import_module(f"{INHOST}.{module}").main
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = main(list(arguments), version, self.machine)
        return Said(status, out.getvalue(), err.getvalue())

    def load(self, *names: str) -> None:
        for name in names:
            kernel.load(self.machine, name, modules.PROC_FILES)

    def reboot(self) -> None:
        """What a power cycle loses: /run and the device files."""
        subprocess.run(["rm", "-rf", self.root / "run", self.root / "dev"], check=True)
        self.call("ascend.upgrade_tool", "")

    def build_modules(self, name: str, version: str) -> None:
        assert dkms.main(["install", "-m", name, "-v", version], "", self.machine) == 0

    def nvidia(self, version: str = "580.95.05", *, fabric: bool = True) -> None:
        """A driver that is installed and loaded."""
        for name in ("nvidia-kernel-open-dkms", "libnvidia-ml1", "nvidia-smi"):
            self.unpack(f"{name}_{version}-1_amd64.deb")
        self.build_modules("nvidia-open", version)
        self.load("nvidia")
        if fabric:
            self.put("run/nvidia-fabricmanager/ready")

    def run_file(self, file: str, *options: str, answer: str = "") -> Said:
        """A `.run` file's installer, unpacked as its header unpacks it."""
        data = self.packages[file].path.read_bytes()
        skip = int(re.search(rb"^SKIP=(\d+)", data, re.MULTILINE)[1])  # type: ignore[index]  # it is there or the test fails
        folder = self.root / "tmp" / file
        untar(data[skip:], folder)
        out, err = io.StringIO(), io.StringIO()
        stdin, sys.stdin = sys.stdin, io.StringIO(answer)
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                status = installer.main([str(folder), file, *options], "", self.machine)
        finally:
            sys.stdin = stdin
        return Said(status, out.getvalue(), err.getvalue())


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Artifact]:
    """All stand-ins, by file name."""
    out = tmp_path_factory.mktemp("standins") / "out"
    return {artifact.path.name: artifact for artifact in standins.build(out, RELEASE, machine="x86_64")}


@pytest.fixture
def bare(tmp_path: Path, built: dict[str, Artifact], monkeypatch: pytest.MonkeyPatch) -> FakeHost:
    """A host without devices: headers and build tools are there. Its commands believe to be root."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(firmware, "USUAL_SECONDS", 0.02)
    host = FakeHost(tmp_path / "host", built)
    (host.root / "usr/lib").mkdir(parents=True)
    (host.root / "lib").symlink_to("usr/lib")
    for name in ("usr/bin/gcc", "usr/bin/make", "usr/sbin/dkms", "usr/bin/lspci", "usr/sbin/ifconfig"):
        host.put(name)
    (host.root / f"lib/modules/{RELEASE}/build").mkdir(parents=True)
    (host.root / "proc").mkdir()
    host.faults()
    return host


@pytest.fixture
def h20(bare: FakeHost) -> FakeHost:
    """A host with two H20."""
    bare.plug("10de", "2329", "030200", "0000:1a:00.0", "0000:3b:00.0")
    return bare


@pytest.fixture
def ascend(bare: FakeHost) -> FakeHost:
    """A host with two 910B3, a network card of the same vendor, and the driver's user."""
    bare.plug("19e5", "d802", "120000", "0000:81:00.0", "0000:82:00.0")
    bare.plug("19e5", "0222", "020000", "0000:83:00.0")
    bare.put("etc/passwd", "root:x:0:0::/root:/bin/sh\nHwHiAiUser:x:1000:1000::/home/HwHiAiUser:/bin/sh\n")
    return bare


@pytest.fixture
def mlu(bare: FakeHost) -> FakeHost:
    """A host with two MLU370-X8."""
    bare.plug("cabc", "0370", "120000", "0000:1c:00.0", "0000:1d:00.0")
    return bare


FLEET = """\
version: 1
name: {name}
parties:
  tenant:
    legal_name: Example Platform Ltd
    country: CN
    own: true
    ultimate_parent: {{legal_name: Example Holding Ltd, country: KY, headquarters: CN}}
sites:
  north:
    country: CN
    tenure: owned
    owner: tenant
    operator: tenant
    time_zone: Asia/Shanghai
    data_classes: [china]
    mirrors: {{packages: "http://mirror.north.test"}}
    ssh: {{user: ops, become: true}}
clusters:
  north-test:
    site: north
    purpose: inference
    kubernetes: {{version: "1.34", access: {{context: north-test}}}}
    pools:
      ascend:
        accelerator: ascend-910b3
        accelerators_per_host: 8
        hosts: "asc-[01:01]"
        os: {{id: debian, version: "12", architecture: x86_64}}
        drivers: {{driver: "25.5.0", firmware: "7.8.0.5.216"}}
      cambricon:
        accelerator: mlu590-m9
        accelerators_per_host: 8
        hosts: "mlu-[01:01]"
        os: {{id: debian, version: "12", architecture: x86_64}}
        drivers: {{driver: "6.2.29"}}
      h20:
        accelerator: h20
        accelerators_per_host: 8
        hosts: "nvl-[01:01]"
        os: {{id: debian, version: "12", architecture: x86_64}}
        drivers: {{driver: "580.95.05"}}
"""


@pytest.fixture(scope="package")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox with one host of each vendor, up. Each test file uses one of them."""
    sweep()
    made = make(tmp_path_factory.mktemp("standins-hosts"))
    (made.folder / "fleet.yaml").write_text(FLEET.format(name=made.name))
    try:
        made.up()
        yield made
    finally:
        made.run("down", "--name", made.name)
        assert made.traces() == []
