"""NVIDIA's stand-ins against the samples of the domain facts, and each way they fail."""

from __future__ import annotations

import json
import tomllib
import xml.etree.ElementTree as ET

import pytest

from causeway.sandbox.standins import state
from causeway.sandbox.standins.inhost.kernel import KernelRefusal
from tests.standins.conftest import RELEASE, FakeHost

MACHINE_QUERY = (
    "index,name,uuid,pci.bus_id,driver_version,memory.total,memory.used,utilization.gpu,temperature.gpu,power.draw,"
    "ecc.errors.uncorrected.volatile.total,mig.mode.current,persistence_mode,compute_cap"
)
V = "580.95.05"


def test_the_machine_query_gives_the_row_of_the_domain_facts(h20: FakeHost) -> None:
    h20.nvidia()
    assert h20.call("nvidia.smi", V, "-pm", "1").status == 0
    said = h20.call("nvidia.smi", V, f"--query-gpu={MACHINE_QUERY}", "--format=csv,noheader,nounits")
    first, _, rest = said.out.splitlines()[0].partition("GPU-")
    assert first == "0, NVIDIA H20, "
    assert rest.partition(", ")[2] == ("00000000:1A:00.0, 580.95.05, 97871, 4, 0, 33, 78.42, 0, Disabled, Enabled, 9.0")
    assert len(said.out.splitlines()) == 2


def test_without_nounits_values_carry_units_and_the_header_names_them(h20: FakeHost) -> None:
    h20.nvidia()
    said = h20.call("nvidia.smi", V, "--query-gpu=memory.total,power.draw,fan.speed", "--format=csv", "-i", "1")
    assert said.out.splitlines() == ["memory.total [MiB], power.draw [W], fan.speed [%]", "97871 MiB, 78.79 W, [N/A]"]


def test_a_wrong_field_and_a_missing_format_are_refused(h20: FakeHost) -> None:
    h20.nvidia()
    assert h20.call("nvidia.smi", V, "--query-gpu=speed", "--format=csv").status == 2
    assert h20.call("nvidia.smi", V, "--query-gpu=name").status == 2


def test_the_other_reports_are_well_formed(h20: FakeHost) -> None:
    h20.nvidia()
    table = h20.call("nvidia.smi", V).out.splitlines()
    assert {len(line) for line in table[1:] if line} == {91}
    log = ET.fromstring(h20.call("nvidia.smi", V, "-q", "-x").out)  # noqa: S314 - our own output
    assert [gpu.findtext("fabric/state") for gpu in log.iter("gpu")] == ["Completed", "Completed"]
    assert log.findtext("attached_gpus") == "2"
    assert h20.call("nvidia.smi", V, "-L").out.startswith("GPU 0: NVIDIA H20 (UUID: GPU-")
    assert h20.call("nvidia.smi", V, "topo", "-m").out.splitlines()[1].split("\t")[:3] == ["GPU0", " X ", "NV18"]
    assert "Link 17: 26.562 GB/s" in h20.call("nvidia.smi", V, "nvlink", "-s").out
    assert '"ecc.errors.uncorrected.volatile.total"' in h20.call("nvidia.smi", V, "--help-query-gpu").out


def test_without_a_loaded_module_the_tool_says_so(h20: FakeHost) -> None:
    said = h20.call("nvidia.smi", V)
    assert said.status == 9
    assert "couldn't communicate with the NVIDIA driver" in said.out


def test_root_loads_the_module_by_asking_where_nvidia_modprobe_is_installed(h20: FakeHost) -> None:
    h20.nvidia()
    h20.reboot()
    h20.unpack(f"nvidia-modprobe_{V}-1_amd64.deb")
    assert h20.call("nvidia.smi", V, "-L").status == 0


def test_new_libraries_over_a_loaded_module_are_a_mismatch_until_the_reboot(h20: FakeHost) -> None:
    h20.nvidia()
    h20.unpack("libnvidia-ml1_595.91.07-1_amd64.deb", "nvidia-kernel-open-dkms_595.91.07-1_amd64.deb")
    said = h20.call("nvidia.smi", "595.91.07")
    assert said.status == 18
    assert "Driver/library version mismatch" in said.out
    assert state.read(h20.root).healthy == 0
    h20.build_modules("nvidia-open", "595.91.07")
    h20.reboot()
    h20.load("nvidia")
    h20.put("run/nvidia-fabricmanager/ready")
    assert state.read(h20.root) == state.AcceleratorState("nvidia", "595.91.07", loaded=True, healthy=2, reasons=())


def test_without_headers_nothing_is_built_and_nothing_loads(h20: FakeHost) -> None:
    (h20.root / f"lib/modules/{RELEASE}/build").rmdir()
    h20.unpack(f"nvidia-kernel-open-dkms_{V}-1_amd64.deb")
    said = h20.call("dkms", "3", "install", "-m", "nvidia-open", "-v", V)
    assert said.status == 10
    assert f"headers for kernel {RELEASE} cannot be found" in said.err
    with pytest.raises(KernelRefusal, match=r"not found in directory"):
        h20.load("nvidia")


def test_without_a_compiler_the_build_fails_with_a_log(h20: FakeHost) -> None:
    (h20.root / "usr/bin/gcc").unlink()
    h20.unpack(f"nvidia-kernel-open-dkms_{V}-1_amd64.deb")
    assert h20.call("dkms", "3", "install", "-m", "nvidia-open", "-v", V).status == 10
    log = h20.root / f"var/lib/dkms/nvidia-open/{V}/{RELEASE}/log/make.log"
    assert "gcc: command not found" in log.read_text()


def test_nouveau_in_memory_keeps_the_driver_out(h20: FakeHost) -> None:
    h20.unpack("causeway-sandbox-machine_1_all.deb")
    h20.unpack(f"nvidia-kernel-open-dkms_{V}-1_amd64.deb")
    h20.build_modules("nvidia-open", V)
    h20.load("nouveau")
    with pytest.raises(KernelRefusal, match="No such device"):
        h20.load("nvidia")
    assert h20.call("modules", "", "rmmod", "nouveau").status == 0
    h20.load("nvidia")


def test_modules_come_with_nodes_and_proc_files_and_go_in_order(h20: FakeHost) -> None:
    h20.nvidia()
    assert (h20.root / "dev/nvidia1").exists()
    assert V in (h20.root / "run/sandbox/proc/driver/nvidia/version").read_text()
    assert (h20.root / "run/sandbox/sys/module/nvidia/version").read_text() == f"{V}\n"
    assert "in use by" in h20.call("modules", "", "unload", "nvidia").err
    assert h20.call("modules", "", "unload", "nvidia_drm", "nvidia_modeset", "nvidia_uvm", "nvidia").status == 0
    assert list((h20.root / "dev").iterdir()) == []
    assert not (h20.root / "run/sandbox/proc/driver/nvidia").exists()


def test_an_open_device_keeps_the_module_and_the_package(h20: FakeHost) -> None:
    h20.nvidia()
    h20.hold("/dev/nvidia0")
    h20.call("modules", "", "unload", "nvidia_drm", "nvidia_modeset", "nvidia_uvm")
    assert "Module nvidia is in use" in h20.call("modules", "", "rmmod", "nvidia").err
    said = h20.call("guard", "", "nvidia", "upgrade", "580.95.05-1", "580.105.08-1")
    assert said.status == 1
    assert "vllm(4242)" in said.err
    assert "vllm" in h20.call("nvidia.smi", V).out


def test_the_vendors_own_daemons_are_not_in_the_packages_way(h20: FakeHost) -> None:
    h20.nvidia()
    h20.hold("/dev/nvidia0", command="nvidia-persiste")
    assert h20.call("guard", "", "nvidia", "upgrade").status == 0


def test_the_fabric_manager_wants_the_drivers_version(h20: FakeHost) -> None:
    h20.nvidia(fabric=False)
    assert h20.call("nvidia.daemons", "", "fabricmanager", V).status == 0
    said = h20.call("nvidia.daemons", "", "fabricmanager", "595.91.07")
    assert said.status == 1
    assert "595.91.07 don't match with driver version 580.95.05" in said.err
    found = state.read(h20.root)
    assert (found.healthy, found.loaded) == (0, True)
    assert "fabric" in found.reasons[0]


@pytest.mark.parametrize(
    ("fault", "value", "healthy", "status"),
    [
        ("device_lost", 1, 1, 15),
        ("device_lost", "0,1", 0, 15),
        ("xid", "0:79", 1, 15),
        ("xid", "0:63", 1, 0),
        ("ecc_errors", "1:12", 1, 0),
        ("link_down", 0, 1, 0),
        ("fabric_down", True, 0, 0),
        ("version_mismatch", True, 0, 18),
    ],
)
def test_each_fault_shows_in_the_tool_and_in_the_state(
    h20: FakeHost, fault: str, value: object, healthy: int, status: int
) -> None:
    h20.nvidia()
    assert state.read(h20.root).healthy == 2
    h20.faults(**{fault: value})
    said = h20.call("nvidia.smi", V, "--query-gpu=index,ecc.errors.uncorrected.volatile.total", "--format=csv,noheader")
    assert said.status == status
    found = state.read(h20.root)
    assert found.healthy == healthy
    assert found.reasons


def test_ecc_errors_are_counted_and_a_dead_link_has_errors(h20: FakeHost) -> None:
    h20.nvidia()
    h20.faults(ecc_errors="1:12", link_down="0:3")
    said = h20.call("nvidia.smi", V, "--query-gpu=ecc.errors.uncorrected.volatile.total", "--format=csv,noheader")
    assert said.out.split() == ["0", "12"]
    assert "Link 3: <inactive>" in h20.call("nvidia.smi", V, "nvlink", "-s").out
    assert "Link 3: CRC Errors: 7" in h20.call("nvidia.smi", V, "nvlink", "-e").out


def test_a_module_that_the_kernel_refuses(h20: FakeHost) -> None:
    h20.unpack(f"nvidia-kernel-open-dkms_{V}-1_amd64.deb")
    h20.build_modules("nvidia-open", V)
    h20.faults(module_load_fail=True)
    said = h20.call("modules", "", "load", "nvidia")
    assert said.status == 1
    assert "could not insert 'nvidia'" in said.err


def test_no_device_and_a_driver(bare: FakeHost) -> None:
    bare.unpack(f"nvidia-kernel-open-dkms_{V}-1_amd64.deb")
    bare.build_modules("nvidia-open", V)
    assert "No such device" in bare.call("modules", "", "load", "nvidia").err
    assert state.read(bare.root) == state.AcceleratorState(None, None, loaded=False, healthy=0, reasons=())


def test_install_faults_stop_the_package_before_it_changes_anything(h20: FakeHost) -> None:
    h20.faults(install_fail=True)
    assert h20.call("guard", "", "nvidia", "install").status == 1
    h20.faults(install_hang=0.01)
    assert h20.call("guard", "", "nvidia", "install").status == 0


CONTAINERD_1 = """\
version = 2
root = "/data"

[plugins]
  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "runc"
"""
CONTAINERD_2 = 'version = 3\nimports = ["/etc/other/*.toml"]\n'


@pytest.mark.parametrize(
    ("text", "plugin"),
    [
        ("", "io.containerd.grpc.v1.cri"),
        (CONTAINERD_1, "io.containerd.grpc.v1.cri"),
        (CONTAINERD_2, "io.containerd.cri.v1.runtime"),
    ],
)
@pytest.mark.parametrize("version", ["1.20.0", "1.17.8"])
def test_the_runtime_is_configured_for_either_layout_of_containerd(
    h20: FakeHost, text: str, plugin: str, version: str
) -> None:
    h20.put("etc/containerd/config.toml", text)
    words = ("runtime", "configure", "--runtime=containerd", "--set-as-default", "--cdi.enabled")
    assert h20.call("nvidia.ctk", version, *words).status == 0
    main = h20.root / "etc/containerd/config.toml"
    drop_in = h20.root / "etc/containerd/conf.d/99-nvidia.toml"
    assert drop_in.exists() == (version == "1.20.0")
    settings = tomllib.loads(main.read_text())
    if drop_in.exists():
        assert settings["imports"][-1] == "/etc/containerd/conf.d/*.toml"
        settings = tomllib.loads(drop_in.read_text())
    runtimes = settings["plugins"][plugin]["containerd"]
    assert runtimes["default_runtime_name"] == "nvidia"
    assert runtimes["runtimes"]["nvidia"]["options"]["BinaryName"] == "/usr/bin/nvidia-container-runtime"
    assert settings["plugins"][plugin]["enable_cdi"] is True
    before = main.read_text()
    assert h20.call("nvidia.ctk", version, *words).status == 0
    assert main.read_text() == before


def test_a_broken_containerd_configuration_is_refused(h20: FakeHost) -> None:
    h20.put("etc/containerd/config.toml", "version = [")
    assert h20.call("nvidia.ctk", "1.20.0", "runtime", "configure", "--runtime=containerd").status == 1


def test_diagnostics_need_the_engine_and_name_the_gpu_that_fails(h20: FakeHost) -> None:
    h20.nvidia()
    assert h20.call("nvidia.dcgm", "4.6.0", "diag", "-r", "1").status != 0
    h20.put("run/nvidia-dcgm/ready")
    assert h20.call("nvidia.dcgm", "4.6.0", "diag", "-r", "1").status == 0
    h20.faults(ecc_errors=1)
    said = h20.call("nvidia.dcgm", "4.6.0", "diag", "-r", "2", "-j")
    assert said.status != 0
    tests = json.loads(said.out)["DCGM GPU Diagnostic"]["test_categories"]
    assert [result["status"] for result in tests[0]["tests"][0]["results"]] == ["Pass", "Fail"]
