"""What an Ascend host needs, decided from its facts alone: order, half-done work, ways back, pairs that do not fit."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.sandbox.small_fleet import REPOSITORY

PLUGINS = REPOSITORY / "playbooks/roles/ascend_driver/filter_plugins"
GOES_WITH = "driver 25.2.0 goes with firmware"
BOOT, EARLIER = "boot-2", "boot-1"
NEW: dict[str, Any] = {"driver": "25.5.2", "firmware": "7.8.0.7.220"}
OLD: dict[str, Any] = {"driver": "25.5.0", "firmware": "7.8.0.5.216"}


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"{path.stem}_filters", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ascend = _load(PLUGINS / "ascend_driver.py")
network = _load(PLUGINS / "ascend_ports.py")


def board(index: int | None, firmware: str | None, **values: Any) -> dict[str, Any]:
    """A board that npu-smi lists."""
    made = {
        "index": index,
        "id": "d802",
        "pci": f"0000:8{index or 0}:00.0",
        "card": index,
        "healthy": True,
        "reason": "",
    }
    return {**made, "firmware": firmware, **values}


def facts(
    driver: str | None, firmware: str | None, *, devices: list[dict[str, Any]] | None = None, **values: Any
) -> dict[str, Any]:
    """A host with two boards that has this stack and runs it, but for `values` of its driver, and `devices`."""
    found: dict[str, Any] = {
        "installed": driver,
        "loaded": driver,
        "firmware": firmware,
        "firmware_installed": firmware,
        "firmware_range": "[7.0.0,8.9.9]",
        "toolkit": None,
        "toolkits": {},
        "container_toolkit": None,
    }
    return {
        "driver": {**found, **values},
        "devices": [board(0, firmware), board(1, firmware)] if devices is None else devices,
        "boot_id": BOOT,
        "container_runtime": {"hooks": []},
        "fabric": {"links": []},
        "problems": [],
        "holders": [],
    }  # fmt: skip


def wanted(**values: Any) -> dict[str, Any]:
    """What a pool wants of a host."""
    files = {part: f"{part}_{{version}}.run" for part in ("driver", "firmware", "toolkit", "ops", "container_toolkit")}
    return {
        "driver": "25.5.0",
        "firmware": "7.8.0.5.216",
        "toolkit": "",
        "container_toolkit": "",
        "parts": ["toolkit", "ops"],
        "files": files,
        "user": "HwHiAiUser",
        "group": "HwHiAiUser",
        "cann_options": ["--install"],
        "runtime_options": [],
        "ports": {},
        "configured": {},
        "flashed_boot": "",
        "no_return": [],
        "expected": 2,
        "devices": ["d802"],
        "links": 0,
        **values,
    }


def order(found: dict[str, Any]) -> list[str]:
    return [step["part"] for step in found["boards"]]


def test_a_fresh_host_gets_the_driver_first_and_any_other_the_firmware() -> None:
    assert order(ascend.plan(facts(None, None), wanted())) == ["driver", "firmware"]
    assert order(ascend.plan(facts(**OLD), wanted(**NEW))) == ["firmware", "driver"]
    assert order(ascend.plan(facts(**NEW), wanted(**OLD))) == ["firmware", "driver"]
    assert order(ascend.plan(facts(**OLD, loaded=None), wanted(**NEW))) == ["driver", "firmware"]


def test_a_host_that_is_right_needs_nothing() -> None:
    found = ascend.plan(facts(**OLD), wanted())
    assert (found["boards"], found["cann"], found["runtime"], found["ports"], found["reboot_reasons"]) == ([],) * 5
    assert (found["disruption"], found["summary"]) == ("none", "")


def test_firmware_that_is_not_asked_for_is_left_alone() -> None:
    assert order(ascend.plan(facts(None, None), wanted(firmware=""))) == ["driver"]


def test_a_flash_that_waits_for_its_reboot_is_not_done_again() -> None:
    waiting = facts(**OLD, firmware_installed=NEW["firmware"])
    asked = wanted(firmware="7.8.0.7.220", flashed_boot=BOOT)
    assert order(ascend.plan(waiting, asked)) == []
    assert ascend.plan(waiting, asked)["reboot_reasons"] == ["firmware 7.8.0.7.220 is flashed and an older one runs"]


@pytest.mark.parametrize("firmware", [None, "7.1.0.3.220"])
def test_a_board_that_is_damaged_or_was_replaced_is_flashed(firmware: str | None) -> None:
    one_of_two = facts(**OLD, devices=[board(0, OLD["firmware"]), board(1, firmware)])
    assert order(ascend.plan(one_of_two, wanted(flashed_boot=EARLIER))) == ["firmware"]


def test_firmware_waits_where_the_driver_on_the_disk_is_not_the_one_that_is_loaded() -> None:
    found = ascend.plan(facts("25.5.2", OLD["firmware"], loaded="25.5.0"), wanted(**NEW))
    assert order(found) == []
    assert "the next run flashes, after the reboot" in found["deferred"]
    assert found["reboot_reasons"] == ["driver 25.5.2 is installed and 25.5.0 is loaded"]


def test_a_driver_that_does_not_load_is_installed_again() -> None:
    assert order(ascend.plan(facts(**OLD, loaded=None, devices=[]), wanted())) == ["driver"]


def test_hosts_that_need_different_steps_share_none_that_one_of_them_has_earlier() -> None:
    fresh = ascend.plan(facts(None, None), wanted())["boards"]
    other = ascend.plan(facts(OLD["driver"], "7.1.0"), wanted(**OLD))["boards"]
    assert [step["part"] for step in other] == ["firmware"]
    assert {key: fresh[1][key] for key in ("part", "file", "options")} == {
        key: other[0][key] for key in ("part", "file", "options")
    }
    assert fresh[1] != other[0]
    assert fresh == ascend.plan(facts(None, None), wanted())["boards"]


def test_cann_wants_all_its_parts_at_one_version() -> None:
    asked = wanted(toolkit="8.5.1")
    half = facts(**OLD, toolkit="8.5.1", toolkits={"8.5.1": ["toolkit"]})
    assert [step["part"] for step in ascend.plan(facts(**OLD), asked)["cann"]] == ["toolkit", "ops"]
    assert [(step["part"], step["file"]) for step in ascend.plan(half, asked)["cann"]] == [("ops", "ops_8.5.1.run")]
    assert ascend.plan(half, asked)["disruption"] == "none"
    whole = facts(**OLD, toolkit="8.5.1", toolkits={"8.5.1": ["ops", "toolkit"], "8.2.RC1": ["toolkit"]})
    assert ascend.plan(whole, asked)["cann"] == []


def test_the_runtime_is_upgraded_in_place_and_entered_where_its_entry_is_gone() -> None:
    asked = wanted(container_toolkit="26.0.0")
    host = facts(**OLD, container_toolkit="7.3.0")
    assert ascend.plan(host, asked)["runtime"][0]["options"] == ["--install"]
    host["container_runtime"]["hooks"] = ["ascend"]
    assert ascend.plan(host, asked)["runtime"][0]["options"] == ["--upgrade"]
    assert ascend.plan(host, asked)["disruption"] == "restart"


def test_only_ports_with_other_addresses_are_set() -> None:
    ports = network.ports(["10.21.1.1/16", "10.21.1.2/16"], "10.21.0.1")
    has = network.hccn_conf("address_0=10.21.1.1\nnetmask_0=255.255.0.0\ngateway_0=10.21.0.1\naddress_1=10.9.9.9\n")
    found = ascend.plan(facts(**OLD), wanted(ports=ports, configured=has))
    assert found["ports"] == [{"device": 1, "address": "10.21.1.2", "netmask": "255.255.0.0", "gateway": "10.21.0.1"}]
    assert found["disruption"] == "drain"


def test_a_gateway_that_nobody_declared_stays() -> None:
    ports, has = (
        network.ports(["10.21.1.1/16"], ""),
        network.hccn_conf("address_0=10.21.1.1\nnetmask_0=255.255.0.0\ngateway_0=10.21.0.1"),
    )
    assert ascend.plan(facts(**OLD), wanted(ports=ports, configured=has))["ports"] == []


def test_an_address_that_is_none_names_its_npu() -> None:
    with pytest.raises(Exception, match=r"fabric-address: 10\.21\.1\.300/16 of NPU 1 is no IPv4 address"):
        network.ports(["10.21.1.1/16", "10.21.1.300/16"], "")


def test_a_way_back_needs_the_packages_of_what_runs_now() -> None:
    asked, host = wanted(**NEW), facts(**OLD)
    found = ascend.plan(host, asked)
    assert ascend.way_back(found, host, asked, ["driver_25.5.0.run", "firmware_7.8.0.5.216.run"]) == []
    (reason,) = ascend.way_back(found, host, asked, ["driver_25.5.0.run"])
    assert reason == "firmware_7.8.0.5.216.run of firmware 7.8.0.5.216 is neither in the mirror nor on the host"
    (reason,) = ascend.way_back(
        ascend.plan(facts("25.5.0", None), asked), facts("25.5.0", None), asked, ["driver_25.5.0.run"]
    )
    assert reason == "which firmware the boards run is not known, or they differ"
    asked["no_return"] = ["7.8.0.7.220"]
    everything = ["driver_25.5.0.run", "firmware_7.8.0.5.216.run"]
    assert "does not go back to 7.8.0.5.216" in ascend.way_back(found, host, asked, everything)[0]
    fresh = facts(None, None)
    assert ascend.way_back(ascend.plan(fresh, asked), fresh, asked, []) == []


def test_what_is_left_is_kept_as_far_as_it_can_be_named() -> None:
    host = facts(**OLD, toolkit="8.5.0", toolkits={"8.5.0": ["ops", "toolkit", "strange"]}, container_toolkit="7.3.0")
    asked = wanted(**NEW, toolkit="8.5.1", container_toolkit="7.3.0")
    names = ascend.previous_files(ascend.plan(host, asked), host, asked)
    assert names == [
        "container_toolkit_7.3.0.run",
        "driver_25.5.0.run",
        "firmware_7.8.0.5.216.run",
        "ops_8.5.0.run",
        "toolkit_8.5.0.run",
    ]
    kept = ascend.stack_files({"previous": {}}, asked)
    assert kept[:2] == ["driver_25.5.2.run", "firmware_7.8.0.7.220.run"]
    assert kept[2:] == ["container_toolkit_7.3.0.run", "toolkit_8.5.1.run", "ops_8.5.1.run"]


def test_a_change_that_failed_in_the_middle_leaves_what_it_left_before() -> None:
    asked = wanted(**NEW)
    first = ascend.note({}, facts(**OLD), asked)
    assert (first["previous"]["driver"], first["previous"]["firmware"]) == ("25.5.0", "7.8.0.5.216")
    halfway = facts("25.5.0", NEW["firmware"])
    assert ascend.note(first, halfway, asked) == first
    assert ascend.note(first, facts(**NEW), wanted())["previous"]["driver"] == "25.5.2"
    assert ascend.note({}, facts(None, None), asked)["previous"] == {}
    kept = ascend.stack_files(first, asked)
    assert kept == ["driver_25.5.2.run", "firmware_7.8.0.7.220.run", "driver_25.5.0.run", "firmware_7.8.0.5.216.run"]


@pytest.mark.parametrize(
    ("limits", "firmware", "wrong"),
    [
        ("[7.0.0,7.7.99]", "7.7.0.6.236", []),
        ("[7.0.0,7.7.99]", "7.8.0.5.216", [f"{GOES_WITH} 7.0.0 to 7.7.99, and would meet 7.8.0.5.216"]),
        ("[7.0.0,7.2.99]", "7.3.0.1.231", [f"{GOES_WITH} 7.0.0 to 7.2.99, and would meet 7.3.0.1.231"]),
        ("a range of another form", "7.8.0.5.216", []),
        ("", "7.8.0.5.216", []),
    ],
)
def test_the_vendors_files_decide_whether_a_pair_fits(limits: str, firmware: str, wrong: list[str]) -> None:
    host, asked = facts(**OLD), wanted(driver="25.2.0", firmware=firmware)
    lines = ["part driver", "Version=25.2.0", f"compatible_version_fw={limits}", "part firmware", f"Version={firmware}"]
    assert ascend.misfits(lines, ascend.plan(host, asked), host) == wrong


def test_a_new_firmware_has_to_fit_the_driver_that_stays() -> None:
    host = facts("25.2.0", "7.7.0.6.236", firmware_range="[7.0.0,7.7.99]")
    asked = wanted(driver="25.2.0", firmware="7.8.0.5.216")
    found = ascend.plan(host, asked)
    assert order(found) == ["firmware"]
    assert ascend.misfits(["part firmware", "Version=7.8.0.5.216"], found, host) != []
    newer = ["part firmware", "compatible_version_drv=[25.5.0,26.9.9]"]
    assert len(ascend.misfits(newer, found, host)) == 2


def test_a_release_candidate_comes_before_its_release() -> None:
    versions = ["25.10.0", "25.2.0", "25.0.rc1", "24.1.0", "24.1.rc3"]
    assert sorted(versions, key=ascend._key, reverse=True) == versions


def said(host: dict[str, Any], asked: dict[str, Any], answers: list[str] | None = None) -> list[str]:
    found = ascend.faults(host, asked, network.hccn_answers(answers or []))
    assert all(each["that"] is False and "; to do: " in each["say"] for each in found)
    return [each["say"].partition(":")[0] for each in found]


def test_a_host_that_is_right_has_no_faults() -> None:
    assert said(facts(**OLD), wanted()) == []


def test_what_cannot_be_read_is_wrong() -> None:
    silent = board(None, None, card=None, healthy=None, reason="not known")
    unread = facts(**OLD, loaded=None, devices=[silent])
    assert said(unread, wanted()) == [
        "driver-not-loaded",
        "accelerators-missing",
        "accelerator-unhealthy",
        "firmware-version",
    ]
    broken = facts(**OLD)
    broken["problems"] = [{"code": "tool-hung", "text": "npu-smi info did not end within 60 s"}]
    assert said(broken, wanted()) == ["tool-hung"]


def test_each_device_is_named_with_its_fault() -> None:
    host = facts(
        **OLD, devices=[board(0, OLD["firmware"]), board(1, OLD["firmware"], healthy=False, reason="health Alarm")]
    )
    (fault,) = ascend.faults(host, wanted(), {})
    assert fault["say"].startswith("accelerator-unhealthy: NPU 1 at 0000:81:00.0: health Alarm; to do: ")


def test_links_and_addresses_are_proved_port_by_port() -> None:
    host = facts(**OLD)
    host["fabric"]["links"] = [{"device": 0, "link": 0, "kind": "roce", "state": "up"}]
    asked = wanted(ports=network.ports(["10.21.1.1/16", "10.21.1.2/16"], "10.21.0.1"), links=2)
    answers = [
        "NPU 0",
        "ipaddr:10.21.1.1",
        "netmask:255.255.0.0",
        "default gateway:10.21.0.1, Iface:eth0",
        "NPU 1",
        "ipaddr not configured",
    ]
    assert said(host, asked, answers) == ["link-down", "port-address", "port-address", "port-address"]


@pytest.mark.parametrize("text", ["", "\x00", "NPU", "address_0", "address_=1\n", "NPU 99999999999\nipaddr:", "[,]"])
def test_text_of_no_known_form_is_nothing(text: str) -> None:
    assert network.hccn_conf(text) == {}
    assert all(not values for values in network.hccn_answers(text.splitlines()).values())
    assert ascend._limits(text) is None
