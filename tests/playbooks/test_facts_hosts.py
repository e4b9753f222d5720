"""The facts module on hosts made of files, with the stand-in commands of three vendors, well and with each fault."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.playbooks.loading import PLAYBOOKS
from tests.standins.conftest import RELEASE, FakeHost
from tests.standins.test_ascend import install

FILE = PLAYBOOKS / "plugins" / "modules" / "accelerator_facts.py"
COMMANDS = {
    "nvidia-smi": ("nvidia.smi", "580.95.05"),
    "npu-smi": ("ascend.npu_smi", "25.5.0"),
    "hccn_tool": ("ascend.hccn_tool", "25.5.0"),
    "cnmon": ("cambricon.cnmon", "6.2.29"),
}
KEYS = {
    "schema", "vendor", "os", "kernel", "boot_id", "packages", "driver", "devices", "modules", "holders", "fabric",
    "free_mib", "services", "stamp", "lock", "quiesced", "container_runtime", "reboot_reasons", "reboot_required",
    "problems",
}  # fmt: skip
DEVICE_KEYS = {"index", "id", "pci", "name", "uuid", "firmware", "healthy", "reason"}


def facts_of(module: ModuleType, fake: FakeHost, vendor: str | None = None) -> dict[str, Any]:
    """The facts of a host made of files; its commands are the stand-ins."""

    class Files(module.Host):  # type: ignore[misc,name-defined]  # loaded by its file
        def run(self, *commands: list[str]) -> list[str | None]:
            return [self._one(command) for command in commands]

        def _one(self, command: list[str]) -> str | None:
            name = Path(command[0]).name
            if name == "dmesg":
                return fake.call("modules", "", "dmesg").out
            if name not in COMMANDS:
                return None
            said = fake.call(*COMMANDS[name], *command[1:])
            if said.status:
                self.problem("tool-failed", f"{name} ended with {said.status}: {said.out}{said.err}")
            return said.out + said.err

    found: dict[str, Any] = module.gather(Files(str(fake.root)), vendor)
    return found


def running(fake: FakeHost) -> FakeHost:
    """The host as its kernel shows it: what the simulated kernel holds lies where the real one would show it."""
    for name in ("sys/module", "proc/driver"):
        (fake.root / name).parent.mkdir(parents=True, exist_ok=True)
        (fake.root / name).symlink_to(fake.root / "run/sandbox" / name)
    fake.put("proc/sys/kernel/osrelease", f"{RELEASE}\n")
    fake.put(f"boot/vmlinuz-{RELEASE}")
    return fake


@pytest.fixture
def nvidia_host(h20: FakeHost) -> FakeHost:
    h20.nvidia()
    return running(h20)


@pytest.fixture
def ascend_host(ascend: FakeHost) -> FakeHost:
    install(ascend)
    return running(ascend)


@pytest.fixture
def mlu_host(mlu: FakeHost) -> FakeHost:
    mlu.unpack("cambricon-mlu-driver-debian12-dkms_6.2.29_amd64.deb")
    mlu.build_modules("cambricon-mlu-driver-debian12", "6.2.29")
    mlu.load("cambricon_drv")
    return running(mlu)


def healthy(facts: dict[str, Any]) -> list[bool | None]:
    return [each["healthy"] for each in facts["devices"]]


def reasons(facts: dict[str, Any]) -> str:
    return " | ".join(each["reason"] for each in facts["devices"])


@pytest.mark.parametrize(
    ("fixture", "vendor"), [("nvidia_host", "nvidia"), ("ascend_host", "huawei"), ("mlu_host", "cambricon")]
)
def test_one_schema_for_all_vendors(
    facts_module: ModuleType, request: pytest.FixtureRequest, fixture: str, vendor: str
) -> None:
    for asked in (None, vendor):
        found = facts_of(facts_module, request.getfixturevalue(fixture), asked)
        assert found.keys() == KEYS
        assert found["vendor"] == vendor
        assert all(each.keys() >= DEVICE_KEYS for each in found["devices"])
        assert json.loads(json.dumps(found)) == found


def test_a_good_nvidia_host(facts_module: ModuleType, nvidia_host: FakeHost) -> None:
    found = facts_of(facts_module, nvidia_host)
    assert (found["driver"]["installed"], found["driver"]["loaded"]) == ("580.95.05", "580.95.05")
    assert healthy(found) == [True, True]
    assert [each["pci"] for each in found["devices"]] == ["0000:1a:00.0", "0000:3b:00.0"]
    assert {link["state"] for link in found["fabric"]["links"]} == {"up"}
    assert found["reboot_required"] is False


def test_a_good_ascend_host_and_its_network_card_is_no_accelerator(
    facts_module: ModuleType, ascend_host: FakeHost
) -> None:
    found = facts_of(facts_module, ascend_host)
    driver = found["driver"]
    assert (driver["installed"], driver["loaded"], driver["firmware"]) == ("25.5.0", "25.5.0", "7.8.0.5.216")
    assert driver["firmware_range"] == "[7.0.0,8.9.9]"
    assert healthy(found) == [True, True]
    assert [each["index"] for each in found["devices"]] == [0, 1]
    assert len(found["fabric"]["links"]) in (0, 2)


def test_a_good_cambricon_host(facts_module: ModuleType, mlu_host: FakeHost) -> None:
    found = facts_of(facts_module, mlu_host)
    assert found["driver"]["loaded"] == "6.2.29"
    assert healthy(found) == [True, True]
    assert {link["kind"] for link in found["fabric"]["links"]} == {"mlulink"}


@pytest.mark.parametrize(
    ("faults", "expected", "word"),
    [
        ({"device_lost": "1"}, [True, False], "does not list it"),
        ({"ecc_errors": "1:3"}, [True, False], "3 uncorrected memory errors"),
        ({"link_down": "0"}, [False, True], "NVLink is down"),
        ({"fabric_down": True}, [False, False], "NVSwitch fabric"),
    ],
)
def test_faults_of_nvidia(
    facts_module: ModuleType, nvidia_host: FakeHost, faults: dict[str, object], expected: list[bool], word: str
) -> None:
    nvidia_host.faults(**faults)
    found = facts_of(facts_module, nvidia_host)
    assert healthy(found) == expected
    assert word in reasons(found)


@pytest.mark.parametrize("fault", ["device_lost", "ecc_errors", "link_down"])
def test_faults_of_ascend(facts_module: ModuleType, ascend_host: FakeHost, fault: str) -> None:
    ascend_host.faults(**{fault: "1"})
    found = facts_of(facts_module, ascend_host)
    assert healthy(found) == [True, False]
    assert found["devices"][1]["reason"]


@pytest.mark.parametrize("fault", ["device_lost", "ecc_errors", "link_down"])
def test_faults_of_cambricon(facts_module: ModuleType, mlu_host: FakeHost, fault: str) -> None:
    mlu_host.faults(**{fault: "1"})
    found = facts_of(facts_module, mlu_host)
    assert healthy(found) == [True, False]
    assert found["devices"][1]["reason"]


@pytest.mark.parametrize("fixture", ["nvidia_host", "ascend_host"])
def test_tools_that_are_of_another_version_than_the_module_call_no_device_healthy(
    facts_module: ModuleType, request: pytest.FixtureRequest, fixture: str
) -> None:
    host: FakeHost = request.getfixturevalue(fixture)
    host.faults(version_mismatch=True)
    found = facts_of(facts_module, host)
    assert healthy(found)
    assert True not in healthy(found)
    assert found["problems"]


def test_without_a_loaded_driver_no_tool_is_asked(facts_module: ModuleType, h20: FakeHost) -> None:
    found = facts_of(facts_module, running(h20))
    assert healthy(found) == [None, None]
    assert "not loaded" in reasons(found)
    assert not (h20.root / "sys/module/nvidia").exists()


def test_a_host_without_accelerators(facts_module: ModuleType, bare: FakeHost) -> None:
    found = facts_of(facts_module, bare)
    assert (found["vendor"], found["devices"], found["holders"]) == (None, [], [])


def test_of_an_in_house_chip_the_devices_are_listed_and_nothing_is_claimed(
    facts_module: ModuleType, bare: FakeHost
) -> None:
    bare.plug("1e5d", "0001", "120000", "0000:50:00.0", "0000:51:00.0")
    bare.plug("1e5d", "0002", "020000", "0000:52:00.0")
    found = facts_module.gather(facts_module.Host(str(bare.root)), "seedchip", "1E5D")
    assert found["vendor"] == "seedchip"
    assert [each["pci"] for each in found["devices"]] == ["0000:50:00.0", "0000:51:00.0"]
    assert healthy(found) == [None, None]


def test_ports_of_the_hosts_own_cards_are_told(facts_module: ModuleType, bare: FakeHost) -> None:
    for card, layer, state in (("mlx5_0", "InfiniBand", "4: ACTIVE"), ("mlx5_1", "Ethernet", "1: DOWN")):
        bare.put(f"sys/class/infiniband/{card}/ports/1/link_layer", f"{layer}\n")
        bare.put(f"sys/class/infiniband/{card}/ports/1/state", f"{state}\n")
    bare.put("sys/class/infiniband/mlx5_2/ports/1/gids/0", "")
    assert facts_of(facts_module, bare)["fabric"]["ports"] == [
        {"card": "mlx5_0", "port": 1, "kind": "infiniband", "state": "up"},
        {"card": "mlx5_1", "port": 1, "kind": "roce", "state": "down"},
        {"card": "mlx5_2", "port": 1, "kind": "unknown", "state": "unknown"},
    ]


@pytest.mark.parametrize(
    ("main", "hooks"),
    [
        ("version = 2\n", []),
        ('version = 2\n# imports = ["/etc/containerd/conf.d/*.toml"]\n', []),
        ('imports = [\n  "/etc/containerd/conf.d/*.toml",\n]\nversion = 2\n', ["nvidia"]),
    ],
)
def test_a_file_that_containerd_does_not_import_is_no_hook(
    facts_module: ModuleType, bare: FakeHost, main: str, hooks: list[str]
) -> None:
    bare.put("etc/containerd/config.toml", main)
    bare.put("etc/containerd/conf.d/99-nvidia.toml", 'BinaryName = "/usr/bin/nvidia-container-runtime"\n')
    found = facts_of(facts_module, bare)["container_runtime"]
    assert found["hooks"] == hooks
    assert found["configs"] == ["/etc/containerd/config.toml", "/etc/containerd/conf.d/99-nvidia.toml"]


def test_holders_are_named(facts_module: ModuleType, nvidia_host: FakeHost) -> None:
    nvidia_host.put("dev/nvidia0")
    nvidia_host.hold("/dev/nvidia0", 4242, "vllm")
    found = facts_of(facts_module, nvidia_host)
    assert found["holders"] == [{"pid": 4242, "command": "vllm", "device": "/dev/nvidia0"}]


def test_a_newer_kernel_is_pending(facts_module: ModuleType, bare: FakeHost) -> None:
    running(bare).put("boot/vmlinuz-99.0.0-sandbox")
    found = facts_of(facts_module, bare)
    assert found["kernel"]["pending"] is True
    assert "99.0.0-sandbox is installed" in found["reboot_reasons"][0]


def test_a_module_on_disk_that_is_not_the_loaded_one_asks_for_a_reboot(
    facts_module: ModuleType, nvidia_host: FakeHost
) -> None:
    folder = nvidia_host.root / f"lib/modules/{RELEASE}/updates/dkms/nvidia.ko"
    folder.write_bytes(b"\x7fELF\0version=595.91.07\0license=x\0")
    found = facts_of(facts_module, nvidia_host)
    assert found["reboot_reasons"] == ["driver 595.91.07 is installed and 580.95.05 is loaded"]


def test_packages_that_are_held_or_not_whole_are_told(facts_module: ModuleType, bare: FakeHost) -> None:
    bare.put(
        "var/lib/dpkg/status",
        "Package: nvidia-open\nStatus: hold ok installed\nVersion: 580.95.05-1\n\n"
        "Package: nvidia-smi\nStatus: install ok half-configured\nVersion: 580.95.05-1\n\n"
        "Package: cuda-keyring\nStatus: deinstall ok config-files\nVersion: 1.1\n\n"
        "Package: bash\nStatus: install ok installed\nVersion: 5\n",
    )
    found = facts_of(facts_module, bare)["packages"]
    assert found["installed"] == {"nvidia-open": "580.95.05-1"}
    assert found["held"] == ["nvidia-open"]
    assert found["broken"] == {"nvidia-smi": "ok half-configured"}


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\0\0"])
def test_a_stamp_that_cannot_be_understood_is_none_and_a_problem(
    facts_module: ModuleType, bare: FakeHost, text: str
) -> None:
    bare.put("var/lib/causeway/stamp.json", text)
    found = facts_of(facts_module, bare)
    assert found["stamp"] is None
    assert [each["code"] for each in found["problems"] if each["code"] == "record-unreadable"]


def test_a_host_whose_services_are_stopped_says_so(facts_module: ModuleType, bare: FakeHost) -> None:
    assert facts_of(facts_module, bare)["quiesced"] is False
    bare.put("var/lib/causeway/quiesced.json", '{"schema": 1, "services": ["nvidia-dcgm"], "since": ""}')
    assert facts_of(facts_module, bare)["quiesced"] is True


def test_as_a_probe_it_prints_one_line_of_json() -> None:
    done = subprocess.run(
        [sys.executable, "-"], stdin=FILE.open("rb"), capture_output=True, text=True, check=True, timeout=60
    )
    (line,) = done.stdout.splitlines()
    found = json.loads(line)
    assert found["schema"] == "causeway/host-facts/v1"
    assert found["kernel"]["running"] == os.uname().release


def test_a_tool_that_hangs_is_told_and_does_not_hold_the_probe(
    facts_module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facts_module, "TOOL_SECONDS", 0.2)
    host = facts_module.Host()
    assert host.run(["sleep", "20"], ["echo", "hello"])[0] is None
    assert [each["code"] for each in host.problems] == ["tool-hung"]


def test_it_is_read_by_the_oldest_python_of_a_host() -> None:
    ast.parse(FILE.read_text(encoding="utf-8"), feature_version=(3, 7))
