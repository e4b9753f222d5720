"""NVIDIA's role on real hosts: NVSwitch machines, PCI Express machines, NVLink 5; bare, forth and back."""

from __future__ import annotations

import pytest

from causeway.sandbox.standins.state import AcceleratorState
from tests.roles.fleet import HERE, RoleFleet
from tests.roles.journey import HOSTS, NEXT, NVIDIA, Journey

pytestmark = pytest.mark.sandbox
COUNT = {"h20-01": 8, "l20-01": 2, "b200-01": 8}


def loaded(version: str, host: str) -> AcceleratorState:
    return AcceleratorState("nvidia", version, loaded=True, healthy=COUNT[host], reasons=())


@pytest.mark.parametrize("host", NVIDIA)
def test_a_bare_host_is_brought_to_the_declared_stack_and_proved(journey: Journey, host: str) -> None:
    assert journey.predicted.states[host].driver_version is None
    assert journey.first.states[host] == loaded("580.95.05", host)
    said = journey.first.answers[host]
    assert "nvidia-open=580.95.05-1" in said
    assert "nvidia-container-toolkit=1.20.0-1" in said
    assert journey.first.run.said(host, "The stack is as declared, and works")["broken"] == []


def test_only_nvswitch_machines_get_the_fabric_manager_and_only_nvlink_5_the_subnet_manager(journey: Journey) -> None:
    for stop, version in ((journey.first, "580.95.05"), (journey.upgraded, "595.91.07")):
        said = stop.answers
        assert f"nvidia-fabricmanager={version}-1" in said["h20-01"]
        assert f"nvidia-fabricmanager={version}-1" in said["b200-01"]
        assert f"libnvsdm={version}-1" in said["b200-01"]
        assert "nvlsm=" in said["b200-01"]
        assert "nvlsm=" not in said["h20-01"]
        assert "nvidia-fabricmanager=" not in said["l20-01"]
        assert "active active active" in said["h20-01"]
        assert "active inactive active" in said["l20-01"]


def test_the_container_runtime_learns_of_nvidia_where_there_is_one(journey: Journey) -> None:
    assert "/usr/bin/nvidia-container-runtime" in journey.first.answers["h20-01"]
    assert "nvidia-container-runtime" not in journey.first.answers["l20-01"].replace("nvidia-container-runtime=", "")


def test_the_toolkit_for_building_comes_only_where_it_is_declared(journey: Journey) -> None:
    assert "cuda-toolkit-13-0=" in journey.first.answers["l20-01"]
    assert "cuda-toolkit" not in journey.first.answers["h20-01"]


def test_packages_are_held_at_their_version(journey: Journey) -> None:
    for host in NVIDIA:
        assert {"nvidia-open", "nvidia-kernel-open-dkms"} <= set(journey.first.answers[host].split())


def test_check_mode_on_a_bare_host_names_the_tasks_that_then_change_it(journey: Journey) -> None:
    for host in HOSTS:
        role = [name for name in journey.first.run.changed(host) if "_driver : " in name]
        assert role == [name for name in journey.predicted.run.changed(host) if "_driver : " in name]
        assert any(name.endswith("Exchange the driver") for name in role)


def test_a_second_run_changes_nothing(journey: Journey) -> None:
    assert {host: journey.second.run.changed(host) for host in HOSTS} == {host: [] for host in HOSTS}


@pytest.mark.parametrize("host", NVIDIA)
def test_it_goes_to_another_branch_and_back_without_a_reboot(journey: Journey, host: str) -> None:
    assert journey.upgraded.states[host] == loaded("595.91.07", host)
    assert journey.back.states[host] == loaded("580.95.05", host)
    assert "nvidia-smi=580.95.05-1" in journey.back.answers[host]
    for stop in (journey.upgraded, journey.back):
        assert stop.run.said(host, "Ask for a reboot where only that brings the driver in")["ansible_facts"] == {
            "causeway__reboot_needed": False,
            "causeway__reboot_reasons": [],
        }


def test_what_the_mirror_lacks_is_named_before_a_host_is_touched(role_fleet: RoleFleet) -> None:
    role_fleet.reset("h20-02", "mlu-02")
    run = role_fleet.play(
        "site.yml",
        "h20-02",
        "mlu-02",
        nvidia_driver__driver_version="580.1.1",
        cambricon_driver__driver_version="9.9.9",
    )
    assert run.failure("h20-02").startswith("package-missing: ")
    assert "nvidia-open 580.1.1-* (there: 595.91.07-1, 580.105.08-1, 580.95.05-1, 570.133.20-1)" in run.failure(
        "h20-02"
    )
    assert run.failure("mlu-02").startswith(
        "package-missing: cambricon-mlu-driver-debian12-dkms_9.9.9_amd64.deb is not in "
        "http://mirror.north.test/vendor/cambricon; to do: get it from Cambricon's support"
    )
    for host in ("h20-02", "mlu-02"):
        assert run.changed(host) == []
        assert (
            role_fleet.does(host, "find /etc/apt /etc/modprobe.d /var/lib -name causeway -o -name causeway-nvidia")
            == ""
        )


def test_a_source_of_the_host_that_names_the_same_repository_is_named(role_fleet: RoleFleet) -> None:
    role_fleet.reset("h20-02")
    rival = "/etc/apt/sources.list.d/cuda.list"
    line = "deb [signed-by=/usr/share/keyrings/cuda.gpg] http://mirror.north.test/vendor/nvidia /"
    role_fleet.does("h20-02", f"echo '{line}' > {rival}")
    run = role_fleet.play("site.yml", "h20-02")
    failure = run.failure("h20-02")
    assert failure.startswith(
        f"sources-conflict: apt does not take this repository beside the sources of the host ({rival}): "
    )
    assert "Conflicting values set for option Signed-By" in failure
    assert run.changed("h20-02") == []


def test_a_repository_that_is_signed_by_another_key_is_refused(role_fleet: RoleFleet) -> None:
    role_fleet.reset("h20-02")
    other = "/etc/apt/trusted.gpg.d/debian-archive-bookworm-stable.asc"
    role_fleet.does("h20-02", f"cp {other} /etc/apt/keyrings/causeway-nvidia.asc")
    run = role_fleet.play("site.yml", "h20-02")
    assert run.failure("h20-02").startswith("repository-refused: ")
    assert "causeway-nvidia.asc" in run.failure("h20-02")
    assert run.changed("h20-02") == []


def test_a_driver_of_the_operators_is_only_looked_at(role_fleet: RoleFleet) -> None:
    role_fleet.reset("h20-02")
    run = role_fleet.play("drivers.yml", "h20-02", nvidia_driver__managed_by="operator").worked()
    assert run.changed("h20-02") == []
    run = role_fleet.play(HERE / "verify_role.yml", "h20-02", nvidia_driver__managed_by="operator")
    assert run.failure("h20-02").startswith("driver-not-loaded: the kernel has no NVIDIA module loaded; to do: ")


@pytest.mark.slow
def test_a_host_that_may_not_reload_gets_its_driver_by_a_reboot(journey: Journey) -> None:
    journey.ready()
    journey.touched = True
    fleet = journey.fleet
    before = fleet.does("l20-01", "cat /proc/sys/kernel/random/boot_id")
    fleet.play("site.yml", "l20-01", nvidia_driver__reload=False, nvidia_driver__driver_version="580.105.08").worked()
    assert fleet.state("l20-01") == loaded("580.105.08", "l20-01")
    assert fleet.does("l20-01", "cat /proc/sys/kernel/random/boot_id") != before


@pytest.mark.slow
def test_a_module_that_somebody_unloaded_is_named_and_comes_back_without_a_new_driver(journey: Journey) -> None:
    journey.ready()
    fleet = journey.fleet
    fleet.does("l20-01", "modprobe -r nvidia_uvm")
    said = fleet.play(HERE / "verify_role.yml", "l20-01").failure("l20-01")
    assert said.startswith("module-missing: nvidia_uvm is not loaded; to do: ")
    run = fleet.play(HERE / "stack.yml", "l20-01", causeway__allow_disruption="restart").worked()
    assert run.changed("l20-01") == ["nvidia_driver : Install what goes with it"]


@pytest.mark.slow
def test_quiescing_stops_what_is_nvidias_own_and_names_who_else_has_a_device_open(journey: Journey) -> None:
    journey.ready()
    journey.touched = True
    fleet = journey.fleet
    fleet.hold("h20-01", "/dev/nvidia3")
    run = fleet.play("quiesce.yml", "h20-01", "l20-01")
    assert run.failure("h20-01").startswith("device-in-use: sleep (pid ")
    assert "/dev/nvidia3" in run.failure("h20-01")
    assert run.failure("l20-01") == ""
    fleet.release("h20-01")
    fleet.play("quiesce.yml", "h20-01").worked()
    for host in ("h20-01", "l20-01"):
        assert "inactive" in fleet.does(host, "systemctl is-active nvidia-persistenced; exit 0")
    for host in ("h20-01", "l20-01"):
        fleet.does(host, "systemctl start nvidia-persistenced nvidia-dcgm")


@pytest.mark.slow
def test_a_run_that_may_not_drain_refuses_before_it_changes_anything(journey: Journey) -> None:
    journey.ready()
    run = journey.fleet.play(
        "drivers.yml", "l20-01", causeway__allow_disruption="restart", nvidia_driver__driver_version="595.91.07"
    )
    assert run.failure("l20-01").startswith("disruption-not-allowed: NVIDIA's stack (")
    assert "nvidia-open 580.95.05-1 -> 595.91.07-1" in run.failure("l20-01")
    assert run.changed("l20-01") == []


@pytest.mark.slow
def test_a_package_that_the_mirror_serves_damaged_fails_before_anything_changes(role_fleet: RoleFleet) -> None:
    role_fleet.reset("h20-02")
    role_fleet.does(
        "h20-02",
        """cd /srv && python3 - <<END
import re, urllib.request as web
root = "http://mirror.north.test/vendor/nvidia/"
index = web.urlopen(root + "Packages").read().decode()
for name in ["Packages", "InRelease", "key.asc", *re.findall("(?m)^Filename: (?:[.]/)?(.*)$", index)]:
    data = web.urlopen(root + name).read()
    open(name, "wb").write(data + b"x" if name.startswith("nvidia-smi_580.95") else data)
END
systemd-run -q --unit=web python3 -m http.server 8000 --directory /srv; sleep 1""",
    )
    run = role_fleet.play("site.yml", "h20-02", nvidia_driver__repository="http://127.0.0.1:8000")
    assert run.failure("h20-02").startswith("download-failed: E: Failed to fetch http://127.0.0.1:8000/")
    assert "nvidia-smi_580.95.05-1_amd64.deb" in run.failure("h20-02")
    assert run.changed("h20-02") == []


@pytest.mark.slow
def test_the_way_back_needs_neither_the_mirror_nor_a_declared_stack_that_can_be_had(journey: Journey) -> None:
    journey.ready()
    journey.touched = True
    fleet, hosts = journey.fleet, ("l20-01", "mlu-01")
    fleet.play("site.yml", *hosts, **NEXT).worked()  # with the operating system, which rollback.yml proves too
    declared = fleet.sandbox.folder / "fleet.yaml"
    nowhere = fleet.sandbox.folder / "nowhere" / "fleet.yaml"
    nowhere.parent.mkdir(exist_ok=True)
    nowhere.write_text(declared.read_text().replace('"580.95.05"', '"599.1.1"').replace('"6.2.0"', '"9.9.9"'))
    for host in hosts:
        fleet.does(
            host, "cp /etc/hosts /etc/hosts.kept; sed /mirror/s/^[0-9.]*/127.0.0.9/ /etc/hosts.kept > /etc/hosts"
        )
    try:
        fleet.begin("rollback.yml", *hosts, inventory=nowhere).end().worked()
    finally:
        for host in hosts:
            fleet.does(host, "cat /etc/hosts.kept > /etc/hosts")
    assert fleet.state("l20-01").driver_version == "580.95.05"
    assert fleet.state("mlu-01").driver_version == "6.2.0"
    assert '"applying"' in fleet.does("l20-01", "cat /var/lib/causeway/stamp.json")
