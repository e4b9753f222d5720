"""The facts module's parsers: on every sample of the domain facts, on its variants, and on noise."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SAMPLES = Path(__file__).parent / "samples"
QUERY = (
    "index,name,uuid,pci.bus_id,driver_version,memory.total,memory.used,utilization.gpu,temperature.gpu,power.draw,"
    "ecc.errors.uncorrected.volatile.total,mig.mode.current,persistence_mode,compute_cap"
)
NVLINK = """\
GPU 0: NVIDIA H20 (UUID: GPU-1)
\t Link 0: 26.562 GB/s
\t Link 1: <inactive>
\t Link 2: something new
GPU 1: NVIDIA H20 (UUID: GPU-2)
\t Link 0: 26.562 GB/s
"""
XIDS = """\
[   12.3] NVRM: Xid (PCI:0000:1a:00): 79, pid=1234, GPU has fallen off the bus.
[   12.4] NVRM: Xid (PCI:0000:1a:00): 79, pid=1235, again
[   13.0] NVRM: Xid (PCI:0000:3B:00): 154, GPU recovery action changed from 0x0 (None) to 0x2 (Node Reboot Required)
[   14.0] nvidia-nvswitch0: SXid (PCI:0000:85:00.0): 20009, Non-fatal, Link 00 RX Short Error Rate
"""
# Two chips on a card: on some releases one more line, on others a pair of lines for each chip; numbers may have holes.
A3 = """\
| npu-smi 23.0.rc3                 Version: 23.0.rc2.3                                           |
| NPU   Name                | Health        | Power(W)    Temp(C)           Hugepages-Usage(page)|
| Chip                      | Bus-Id        | AICore(%)   Memory-Usage(MB)  HBM-Usage(MB)        |
| 1     Ascend910           | OK            | 172.2       35                0    / 0             |
| 0     0                   | 0000:9D:00.0  | 0           0    / 0          30710/ 32768         |
| 1     1                   | 0000:9F:00.0  | 0           0    / 0          30710/ 32768         |
| 4     Ascend910           | Critical      | 172.2       35                0    / 0             |
| 0     4                   | 0000:A1:00.0  | 0           0    / 0          30710/ 32768         |
| 4     Ascend910           | OK            | -           35                0    / 0             |
| 1     5                   | 0000:A3:00.0  | 0           0    / 0          30710/ 32768         |
| NPU     Chip              | Process id    | Process name             | Process memory(MB)      |
| 4       0                 | 0000:77:00.0  | python3                  | 30000                   |
"""
MAP_WITHOUT_CHIP = """\
        NPU ID                         Chip Logic ID                  Chip Name
        1                              0                              Ascend 310P3
        4                              1                              Ascend 310P3
"""
BOARD = """\
        NPU ID                         : 3
        Software Version               : 25.5.0
        Firmware Version               : 7.8.0.5.216
        Compatibility                  : OK
        PCIe Bus Info                  : 0000:81:00.0
        Chip Count                     : 1
"""
USAGES = """\
        NPU ID                         : 0
        HBM Capacity(MB)               : 65536
        Chip ID                        : 0

        NPU ID                         : 0
        Chip Name                      : mcu
"""
CNMON_EARLY = """\
Thu Jan  1 00:00:00 2026
| CNMON v5.10.00                                               Driver v5.10.00 |
| Card  VF  Name       Firmware |               Bus-Id | Util        Ecc-Error |
| Fan   Temp      Pwr:Usage/Cap |         Memory-Usage | SR-IOV   Compute-Mode |
| 0     /   MLU370-X8    v1.1.6 |         0000:1C:00.0 | 0%                N/A |
|  0%   33C        105 W/ 250 W |     0 MiB/ 23374 MiB | Enabled       Default |
| 1     /   MLU370-X8    v1.1.6 |         0000:1D:00.0 | 0%                  3 |
| Processes:                                                                   |
| 0     /   MLU370-X8    v1.1.6 |         0000:1E:00.0 | 0%                  0 |
"""
CNMON_INFO = """\
================CNMON v6.5.48================
Card 0
    Product Name                   : MLU370-S4
    UUID                           : 9181fdf0
    Driver                         : v6.2.29
    Firmware                       : v1.1.4
    Health State                   :
        Device                     : Good
        Driver                     : Running
    PCI                            :
        Domain ID                  : 0000
        Bus num                    : 1c
        Device                     : 00
        Function                   : 0
    ECC                            :
        Uncorrected                : 2
Card 1
    Product Name                   : MLU370-S4
    Health State                   :
        Device                     : Bad
"""


def sample(name: str) -> str:
    return (SAMPLES / name).read_text(encoding="utf-8")


def test_a_row_of_nvidia_smi_is_read_by_the_fields_that_were_asked(facts_module: ModuleType) -> None:
    (row,) = facts_module.nvidia_rows(sample("nvidia-query.csv"), QUERY)
    assert row["name"] == "NVIDIA H20"
    assert facts_module.bus_id(row["pci.bus_id"]) == "0000:1a:00.0"
    assert facts_module.number(row["memory.total"]) == 97871
    assert row["power.draw"] == "78.42"


@pytest.mark.parametrize("word", ["[N/A]", "[Not Supported]", "N/A", "[Unknown Error]", "Unknown Error", ""])
def test_what_nvidia_smi_does_not_know_is_none(facts_module: ModuleType, word: str) -> None:
    (row,) = facts_module.nvidia_rows(f"0, NVIDIA H20, {word}", "index,name,mig.mode.current")
    assert row == {"index": "0", "name": "NVIDIA H20", "mig.mode.current": None}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "No devices were found",
        "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.",
        "Failed to initialize NVML: Driver/library version mismatch",
        "index, name, uuid",
        "0, only two",
        "x, NVIDIA H20, GPU-1",
    ],
)
def test_another_text_of_nvidia_smi_is_no_row(facts_module: ModuleType, text: str) -> None:
    assert facts_module.nvidia_rows(text, "index,name,uuid") == []


@pytest.mark.parametrize(("text", "value"), [("97871 MiB", 97871), ("8", 8), ("12 %", 12), ("4.0 W", 4), ("x8", None)])
def test_a_number_may_carry_its_unit(facts_module: ModuleType, text: str, value: int | None) -> None:
    assert facts_module.number(text) == value


def test_a_link_is_up_with_a_rate_down_when_inactive_and_unknown_otherwise(facts_module: ModuleType) -> None:
    found = [(link["device"], link["link"], link["state"]) for link in facts_module.nvlinks(NVLINK)]
    assert found == [(0, 0, "up"), (0, 1, "down"), (0, 2, "unknown"), (1, 0, "up")]


def test_xids_are_told_once_a_device_and_switch_errors_are_none(facts_module: ModuleType) -> None:
    found = [(each["pci"], each["code"]) for each in facts_module.xids(XIDS)]
    assert found == [("0000:1a:00.0", 79), ("0000:3b:00.0", 154)]


def test_npu_smi_names_versions_and_chips_and_no_process_is_a_chip(facts_module: ModuleType) -> None:
    found = facts_module.npu_table(sample("npu-smi-info.txt"))
    assert (found["tool"], found["driver"]) == ("25.5.1", "25.5.1")
    assert found["chips"] == [{"card": 3, "name": "910B3", "health": "OK", "chip": 0, "pci": "0000:81:00.0"}]


def test_two_chips_on_a_card_with_holes_in_the_numbers(facts_module: ModuleType) -> None:
    found = facts_module.npu_table(A3)
    assert (found["tool"], found["driver"]) == ("23.0.rc3", "23.0.rc2.3")
    assert [(c["card"], c["chip"], c["health"], c["pci"]) for c in found["chips"]] == [
        (1, 0, "OK", "0000:9d:00.0"),
        (1, 1, "OK", "0000:9f:00.0"),
        (4, 0, "Critical", "0000:a1:00.0"),
        (4, 1, "OK", "0000:a3:00.0"),
    ]


def test_a_driver_that_does_not_answer_names_no_chip(facts_module: ModuleType) -> None:
    found = facts_module.npu_table("dcmi model initialized failed, because the device is used. ret is -8005")
    assert found == {"tool": None, "driver": None, "chips": []}


def test_the_map_of_chips_drops_the_mcu(facts_module: ModuleType) -> None:
    assert facts_module.npu_map(sample("npu-smi-info-m.txt")) == {(0, 0): 0, (0, 1): 1}


def test_the_map_of_chips_is_read_by_its_titles(facts_module: ModuleType) -> None:
    assert facts_module.npu_map(MAP_WITHOUT_CHIP) == {(1, 0): 0, (4, 0): 1}
    assert facts_module.npu_map("        NPU ID      Chip Name\n        0      Ascend 310P3\n") == {}


def test_blocks_of_keys_are_told_apart(facts_module: ModuleType) -> None:
    (board,) = facts_module.blocks(BOARD)
    assert (board["Firmware Version"], board["PCIe Bus Info"]) == ("7.8.0.5.216", "0000:81:00.0")
    chip, mcu = facts_module.blocks(USAGES)
    assert (chip["Chip ID"], mcu["Chip Name"]) == ("0", "mcu")


@pytest.mark.parametrize(
    ("text", "state"),
    [("link status: UP", "up"), ("link status: DOWN", "down"), ("link status: ???", "unknown"), ("", "unknown")],
)
def test_the_state_of_a_network_port(facts_module: ModuleType, text: str, state: str) -> None:
    assert facts_module.link_state(text) == state


def test_cnmon_names_versions_and_cards(facts_module: ModuleType) -> None:
    found = facts_module.cnmon_table(sample("cnmon.txt"))
    assert (found["tool"], found["driver"]) == ("5.10.00", "5.10.00")
    expected = {"index": 0, "name": "MLU370-X8", "firmware": "1.1.6", "pci": "0000:1c:00.0", "uncorrected": 0}
    assert found["cards"] == [expected]


def test_cnmon_of_early_releases_and_errors_that_are_not_known(facts_module: ModuleType) -> None:
    found = facts_module.cnmon_table(CNMON_EARLY)
    assert [(card["index"], card["uncorrected"]) for card in found["cards"]] == [(0, None), (1, 3)]


def test_cnmon_4_names_no_driver(facts_module: ModuleType) -> None:
    found = facts_module.cnmon_table("| CNMON v4.20.18 |\n| Card  VF  Name  Firmware | Inited  Driver | Util |\n")
    assert (found["tool"], found["driver"], found["cards"]) == ("4.20.18", None, [])


def test_cnmon_info_tells_health_and_leaves_open_what_it_does_not_say(facts_module: ModuleType) -> None:
    good, bad = facts_module.cnmon_info(CNMON_INFO)
    assert (good["health"], good["driver_state"], good["driver"], good["uncorrected"]) == (
        "Good",
        "Running",
        "6.2.29",
        2,
    )
    assert good["pci"] == "0000:1c:00.0"
    assert (bad["health"], bad["driver_state"], bad["pci"], bad["link"]) == ("Bad", None, None, None)


@pytest.mark.parametrize("text", ["Driver version : 6.2.29", "v6.2.29", "6.2.29"])
def test_a_version_is_found_in_its_text(facts_module: ModuleType, text: str) -> None:
    assert facts_module.version(text) == "6.2.29"


def test_a_package_version_without_epoch_and_revision(facts_module: ModuleType) -> None:
    versions = ["580.95.05-1", "1:4.6.0-1", "25.5.0", None, "none"]
    assert [facts_module.upstream(each) for each in versions] == ["580.95.05", "4.6.0", "25.5.0", None, None]


def test_the_newest_kernel_is_told_by_numbers(facts_module: ModuleType) -> None:
    releases = ["6.1.0-9-amd64", "6.1.0-28-amd64", "5.15.152.ve.10"]
    assert max(releases, key=facts_module.release_key) == "6.1.0-28-amd64"


def parsers(module: ModuleType) -> dict[str, tuple[Callable[[str], Any], str]]:
    """Each parser with a text that it understands."""
    return {
        "nvidia_rows": (lambda text: module.nvidia_rows(text, QUERY), sample("nvidia-query.csv") * 3),
        "nvlinks": (module.nvlinks, NVLINK),
        "xids": (module.xids, XIDS),
        "npu_table": (module.npu_table, sample("npu-smi-info.txt") + A3),
        "npu_map": (module.npu_map, sample("npu-smi-info-m.txt")),
        "blocks": (module.blocks, BOARD + USAGES),
        "link_state": (module.link_state, "link status: UP"),
        "cnmon_table": (module.cnmon_table, sample("cnmon.txt") + CNMON_EARLY),
        "cnmon_info": (module.cnmon_info, CNMON_INFO),
        "pairs": (module.pairs, "Version=25.5.0\ncompatible_version_fw=[7.0.0,8.9.9]\n"),
    }


def mutated(text: str, rng: random.Random) -> str:
    """The text with some of its characters and lines lost, doubled, swapped or replaced by noise."""
    lines = text.splitlines(keepends=True)
    for _ in range(rng.randrange(4)):
        if lines:
            at = rng.randrange(len(lines))
            lines[at : at + 1] = rng.choice(
                [[], [lines[at]] * 2, [rng.choice(lines)], [lines[at][: rng.randrange(20)]]]
            )
    characters = list("".join(lines))
    noise = "\0\ufffd\x1b[|:=,-+ \t\n0123456789Xx/\u202e\U0001f4a3٣²"
    for _ in range(rng.randrange(12)):
        at = rng.randrange(len(characters) + 1)
        characters[at : at + rng.randrange(3)] = rng.choices(noise, k=rng.randrange(4))
    return "".join(characters)


def texts(value: Any) -> Iterator[str]:
    """Every text in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from texts(item)


def test_parsers_never_fail_on_noise_and_invent_nothing(facts_module: ModuleType, seed: int) -> None:
    rng = random.Random(seed)
    own_words = {"up", "down", "unknown", "nvlink"}
    for name, (parse, text) in parsers(facts_module).items():
        for _ in range(200):
            given = mutated(text, rng)
            for found in texts(parse(given)):
                shown = facts_module.BDF.fullmatch(found) is not None or found in own_words
                assert shown or found in " ".join(given.split()) or found in given, f"{name}: {found!r} from {given!r}"


def test_parsers_take_nothing_for_nothing(facts_module: ModuleType) -> None:
    for name, (parse, _) in parsers(facts_module).items():
        for text in ("", "\0", "|" * 5000, ":" * 5000, "= \n" * 500):
            assert list(texts(parse(text))) in ([], ["unknown"]) or name in ("blocks", "pairs")
