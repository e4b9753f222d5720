"""Cambricon's stand-ins against the samples of the domain facts, and each way they fail."""

from __future__ import annotations

import pytest

from causeway.sandbox.standins import state
from tests.standins.conftest import FakeHost

V = "5.10.31"
PACKAGE = "cambricon-mlu-driver-debian12"


def install(host: FakeHost, version: str = V) -> None:
    host.unpack(f"{PACKAGE}-dkms_{version}_amd64.deb")
    host.build_modules(PACKAGE, version)


def test_the_table_has_the_rows_of_the_domain_facts(mlu: FakeHost) -> None:
    install(mlu)
    mlu.load("cambricon_drv")
    lines = mlu.call("cambricon.cnmon", V).out.splitlines()
    assert lines[1:11] == [
        "+------------------------------------------------------------------------------+",
        "| CNMON v5.10.31                                               Driver v5.10.31 |",
        "+-------------------------------+----------------------+-----------------------+",
        "| Card  VF  Name       Firmware |               Bus-Id | Util        Ecc-Error |",
        "| Fan   Temp      Pwr:Usage/Cap |         Memory-Usage | Mode     Compute-Mode |",
        "|===============================+======================+=======================|",
        "| 0     /   MLU370-X8    v1.1.6 |         0000:1C:00.0 | 0%                  0 |",
        "|  0%   33C        105 W/ 250 W |     0 MiB/ 23374 MiB | FULL          Default |",
        "+-------------------------------+----------------------+-----------------------+",
        "| 1     /   MLU370-X8    v1.1.6 |         0000:1D:00.0 | 0%                  0 |",
    ]


def test_the_first_line_of_version_ends_with_the_drivers(mlu: FakeHost) -> None:
    install(mlu)
    mlu.load("cambricon_drv")
    assert mlu.call("cambricon.cnmon", "6.5.48", "version").out.splitlines()[0].rpartition(": ")[2] == V


def test_info_lists_cards_and_narrows(mlu: FakeHost) -> None:
    install(mlu)
    mlu.load("cambricon_drv")
    full = mlu.call("cambricon.cnmon", V, "info").out
    assert [line for line in full.splitlines() if line.startswith("Card")] == ["Card 0", "Card 1"]
    assert "        Device                     : Good" in full
    narrow = mlu.call("cambricon.cnmon", V, "info", "-c", "1", "-t").out.splitlines()
    assert narrow[1:] == ["Card 1", "    Product Name                   : MLU370-X8"]
    assert mlu.call("cambricon.cnmon", V, "info", "-c", "5").status == 1


def test_the_drivers_proc_file_says_what_the_tool_says(mlu: FakeHost) -> None:
    install(mlu)
    mlu.load("cambricon_drv")
    folder = mlu.root / "run/sandbox/proc/driver/cambricon/mlus"
    lines = (folder / "0000:1c:00.0/information").read_text().splitlines()
    rows = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    assert (rows["Device name"], rows["Driver Version"]) == ("MLU370-X8", f"v{V}")
    assert (mlu.root / "dev/cambricon_dev1").exists()


def test_a_new_package_over_a_loaded_module_shows_both_versions_until_the_reboot(mlu: FakeHost) -> None:
    install(mlu)
    mlu.load("cambricon_drv")
    install(mlu, "6.2.29")
    assert "CNMON v6.2.29" in mlu.call("cambricon.cnmon", "6.2.29").out
    assert f"Driver v{V} |" in mlu.call("cambricon.cnmon", "6.2.29").out
    assert state.read(mlu.root).driver_version == V
    mlu.reboot()
    assert mlu.call("cambricon.cnmon", "6.2.29").status == 1
    mlu.load("cambricon_drv")
    assert state.read(mlu.root) == state.AcceleratorState("cambricon", "6.2.29", loaded=True, healthy=2, reasons=())


@pytest.mark.parametrize(
    ("fault", "value", "healthy"),
    [("device_lost", 0, 1), ("ecc_errors", "1:3", 1), ("link_down", 1, 1), ("version_mismatch", True, 0)],
)
def test_each_fault_shows_in_the_state(mlu: FakeHost, fault: str, value: object, healthy: int) -> None:
    install(mlu)
    mlu.load("cambricon_drv")
    mlu.faults(**{fault: value})
    assert state.read(mlu.root).healthy == healthy
    assert state.read(mlu.root).reasons


def test_lost_cards_are_not_listed_and_errors_are_counted(mlu: FakeHost) -> None:
    install(mlu)
    mlu.load("cambricon_drv")
    mlu.faults(device_lost=0, ecc_errors="1:3")
    lines = mlu.call("cambricon.cnmon", V).out.splitlines()
    assert lines[7] == "| 1     /   MLU370-X8    v1.1.6 |         0000:1D:00.0 | 0%                  3 |"
    mlu.faults(device_lost="0,1")
    said = mlu.call("cambricon.cnmon", V)
    assert (said.status, "no device" in said.out) == (1, True)


def test_an_open_device_stops_the_package(mlu: FakeHost) -> None:
    install(mlu)
    mlu.load("cambricon_drv")
    assert mlu.call("guard", "", "cambricon", "upgrade").status == 0
    mlu.hold("/dev/cambricon_dev1")
    assert "vllm(4242)" in mlu.call("guard", "", "cambricon", "upgrade").err
