"""The stand-in `npu-smi`: the table, `-m`, `-l`, the `KEY : value` blocks of `-t TYPE`, and `set -t reset`.

Layouts of the domain facts, section 3.2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .. import guard, kernel
from ..machine import Accelerator, Machine, complain, say
from ..survey import Device, Survey
from . import firmware
from .survey import survey

NOT_INITIALISED = "dcmi model initialized failed. ret is -8005"
Pairs = list[tuple[str, object]]


@dataclass(frozen=True, slots=True)
class Npu:
    """One die: the card it sits on, its place there, and its number as a device."""

    card: int
    chip: int
    device: Device

    @property
    def accelerator(self) -> Accelerator:
        """The PCI device and its model."""
        return self.device.accelerator

    @property
    def logic_id(self) -> int:
        """The N of /dev/davinciN."""
        return self.device.index


@dataclass(frozen=True, slots=True)
class View:
    """What one call looks at."""

    machine: Machine
    state: Survey
    tool: str
    npus: tuple[Npu, ...]

    def memory_used(self, npu: Npu) -> int:
        """MiB of HBM in use: a little always, more by each process that holds the device."""
        return 2048 + 4096 * len(kernel.holders(self.machine, (f"/dev/davinci{npu.logic_id}",)))

    def health(self, npu: Npu) -> str:
        """OK, or how bad it is."""
        if npu.logic_id in firmware.damaged(self.machine):
            return "Critical"
        if npu.logic_id in self.machine.faults().devices("ecc_errors"):
            return "Alarm"
        return "OK" if npu.device.healthy else "Warning"


def main(arguments: list[str], version: str, machine: Machine) -> int:
    """Answer one call."""
    if arguments[:1] in (["-v"], ["--version"]):
        say(f"npu-smi version: {version}")
        return 0
    state = survey(machine)
    if state.problem:
        complain(NOT_INITIALISED)
        return 1
    view = View(machine, state, version, _npus(machine, state))
    if arguments[:1] == ["set"]:
        return _set(view, _options(arguments[1:]))
    if arguments[:1] != ["info"]:
        complain("Error parameter. Use 'npu-smi info -h' for more information.")
        return 1
    options = _options(arguments[1:])
    if "-t" in options:
        return _typed(view, options)
    if "-m" in options:
        return _print(_map(view))
    return _print(_list(view) if "-l" in options else _table(view))


def _options(words: list[str]) -> dict[str, str]:
    """`-t board -i 0` in any order."""
    found: dict[str, str] = {}
    for at, word in enumerate(words):
        if word.startswith("-"):
            value = words[at + 1] if at + 1 < len(words) else ""
            found[word] = "" if value.startswith("-") else value
    return found


def _npus(machine: Machine, state: Survey) -> tuple[Npu, ...]:
    gone = machine.faults().devices("device_lost")
    found = []
    for device in state.devices:
        dies = device.accelerator.model.dies_per_card
        if device.index not in gone:
            found.append(Npu(device.index // dies, device.index % dies, device))
    return tuple(found)


def _print(lines: Iterator[str]) -> int:
    for line in lines:
        say(line)
    return 0


def _table(view: View) -> Iterator[str]:
    rule = "+" + "-" * 27 + "+" + "-" * 15 + "+" + "-" * 52 + "+"
    double = rule.replace("-", "=")
    yield "+" + "-" * 96 + "+"
    yield f"| {'npu-smi ' + view.tool:<33}{'Version: ' + str(view.state.driver):<62}|"
    yield rule
    yield "| NPU   Name                | Health        | Power(W)    Temp(C)           Hugepages-Usage(page)|"
    yield "| Chip                      | Bus-Id        | AICore(%)   Memory-Usage(MB)  HBM-Usage(MB)        |"
    yield double
    for npu in view.npus:
        model = npu.accelerator.model
        if npu.chip == 0 or not any(other.card == npu.card and other.chip == 0 for other in view.npus):
            power, heat = f"{model.idle_w + npu.card * 0.3:.1f}", str(41 + npu.card % 5)
            yield f"| {npu.card:<5} {model.name:<20}| {view.health(npu):<14}| {power:<12}{heat:<18}{'0    / 0':<21}|"
        used = f"{view.memory_used(npu)} / {model.memory_mib}"
        yield f"| {npu.chip:<26}| {npu.accelerator.pci.slot.upper():<14}| {'7':<12}{'0    / 0':<18}{used:<21}|"
        if npu.chip == model.dies_per_card - 1:
            yield double
    short = "+" + "-" * 27 + "+" + "-" * 15 + "+" + "-" * 52 + "+"
    yield short
    yield "| NPU     Chip              | Process id    | Process name             | Process memory(MB)      |"
    yield double
    for card in sorted({npu.card for npu in view.npus}):
        yield from _processes(view, card)
        yield double


def _processes(view: View, card: int) -> Iterator[str]:
    none = True
    for npu in (each for each in view.npus if each.card == card):
        for holder in kernel.holders(view.machine, (f"/dev/davinci{npu.logic_id}",)):
            none = False
            yield f"| {card:<7} {npu.chip:<18}| {holder.pid:<14}| {holder.command:<25}| {4096:<24}|"
    if none:
        yield f"| {f'No running processes found in NPU {card}':<95}|"


def _map(view: View) -> Iterator[str]:
    titles = ("NPU ID", "Chip ID", "Chip Logic ID", "Chip Name")
    yield _columns(titles)
    for card in sorted({npu.card for npu in view.npus}):
        dies = [npu for npu in view.npus if npu.card == card]
        for npu in dies:
            yield _columns((npu.card, npu.chip, npu.logic_id, _chip_name(npu)))
        yield _columns((card, dies[-1].chip + 1, "-", "Mcu"))


def _columns(cells: tuple[object, ...]) -> str:
    return ("        " + "".join(f"{cell!s:<31}" for cell in cells)).rstrip()


def _chip_name(npu: Npu) -> str:
    name = npu.accelerator.model.name
    return "Ascend 910C" if name == "Ascend910" else f"Ascend {name}"


def _list(view: View) -> Iterator[str]:
    cards = sorted({npu.card for npu in view.npus})
    yield _pair("Card Count", len(cards))
    for card in cards:
        yield ""
        yield _pair("NPU ID", card)
        yield _pair("Chip Count", sum(npu.card == card for npu in view.npus))


def _pair(key: str, value: object) -> str:
    return f"        {key:<31}: {value}"


def _typed(view: View, options: dict[str, str]) -> int:
    if options["-t"] == "topo":
        return _print(_topology(view))
    make = TYPES.get(options["-t"])
    if make is None:
        complain(f"Error parameter of -t: {options['-t'] or 'missing'}")
        return 1
    card, chip = options.get("-i", "0"), options.get("-c")
    chosen = [n for n in view.npus if str(n.card) == card and chip in {None, "", str(n.chip)}]
    if not chosen:
        complain(f"Error parameter of -i: no such NPU {card}" if chip is None else f"Error parameter of -c: {chip}")
        return 1
    blocks = make(view, chosen, chip or "")
    for at, block in enumerate(blocks):
        if at:
            say("")
        for key, value in block:
            say(_pair(key, value))
    return 0


def _board(view: View, chosen: list[Npu], chip: str) -> list[Pairs]:
    npu = chosen[0]
    pci, flashed = npu.accelerator.pci, firmware.active(view.machine)[npu.logic_id]
    ids: Pairs = [
        ("Board ID", "0x02"), ("PCB ID", "A"), ("BOM ID", "1"), ("PCIe Bus Info", pci.slot.upper()),
        ("Slot ID", npu.card),
        ("Class ID", "NA"), ("PCI Vendor ID", f"0x{pci.vendor.upper()}"), ("PCI Device ID", f"0x{pci.device.upper()}"),
        ("Subsystem Vendor ID", f"0x{pci.subsystem_vendor.upper()}"),
        ("Subsystem Device ID", f"0x{pci.subsystem_device.upper()}"),
    ]  # fmt: skip
    if chip:
        head: Pairs = [
            ("NPU ID", npu.card),
            ("Chip ID", npu.chip),
            ("Chip Type", "Ascend"),
            ("Chip Name", npu.accelerator.model.name),
        ]
        return [head + ids]
    sound = npu.logic_id not in firmware.damaged(view.machine)
    head = [
        ("NPU ID", npu.card), ("Software Version", view.state.driver),
        ("Firmware Version", flashed.version if sound else "NA"),
        ("Compatibility", "OK" if sound else "NG"),
    ]  # fmt: skip
    return [[*head, *ids, ("Chip Count", len([n for n in view.npus if n.card == npu.card]))]]


def _usages(view: View, chosen: list[Npu], _chip: str) -> list[Pairs]:
    blocks: list[Pairs] = []
    for at, npu in enumerate(chosen):
        total = npu.accelerator.model.memory_mib
        head: Pairs = [("NPU ID", npu.card), ("Chip Count", len(chosen))] if at == 0 else []
        blocks.append([
            *head, ("HBM Capacity(MB)", total), ("HBM Usage Rate(%)", view.memory_used(npu) * 100 // total),
            ("Aicore Usage Rate(%)", 7), ("Aicpu Usage Rate(%)", 0), ("Ctrlcpu Usage Rate(%)", 2),
            ("HBM Bandwidth Usage Rate(%)", 0), ("Chip ID", npu.chip),
        ])  # fmt: skip
    return [*blocks, [("Chip Name", "mcu")]]


def _common(view: View, chosen: list[Npu], _chip: str) -> list[Pairs]:
    blocks: list[Pairs] = []
    for at, npu in enumerate(chosen):
        model = npu.accelerator.model
        head: Pairs = [("NPU ID", npu.card), ("Chip Count", len(chosen))] if at == 0 else []
        blocks.append([
            *head, ("Chip ID", npu.chip), ("Memory Usage Rate(%)", 0),
            ("HBM Usage Rate(%)", view.memory_used(npu) * 100 // model.memory_mib), ("Aicore Usage Rate(%)", 7),
            ("Aicore Freq(MHZ)", 1800), ("Aicore curFreq(MHZ)", 1000), ("Aicore Count", 20),
            ("Temperature(C)", 41 + npu.card % 5), ("NPU Real-time Power(W)", f"{model.idle_w:.1f}"),
        ])  # fmt: skip
    return [*blocks, [("Chip Name", "mcu"), ("Temperature(C)", 37)]]


def _health(view: View, chosen: list[Npu], _chip: str) -> list[Pairs]:
    return [
        [
            ("Health Status", view.health(npu)),
            ("Error Code", "NA" if npu.device.healthy else "SANDBOX"),
            ("Error Information", "; ".join(npu.device.reasons) or "NA"),
        ]
        for npu in chosen
    ]


def _ecc(view: View, chosen: list[Npu], _chip: str) -> list[Pairs]:
    errors = view.machine.faults().devices("ecc_errors")
    blocks: list[Pairs] = []
    for at, npu in enumerate(chosen):
        count = int(errors[npu.logic_id] or "8") if npu.logic_id in errors else 0
        head: Pairs = [("NPU ID", npu.card), ("Chip Count", len(chosen))] if at == 0 else []
        blocks.append([
            *head, ("HBM Single Bit Error Count", 0), ("HBM Double Bit Error Count", count),
            ("HBM Single Bit Aggregate Total Err Cnt", 0), ("HBM Double Bit Aggregate Total Err Cnt", count),
            ("Chip ID", npu.chip),
        ])  # fmt: skip
    return blocks


TYPES: dict[str, Callable[[View, list[Npu], str], list[Pairs]]] = {
    "board": _board, "usages": _usages, "common": _common, "health": _health, "ecc": _ecc,
}  # fmt: skip


def _topology(view: View) -> Iterator[str]:
    yield "\t   " + "".join(f"{'NPU' + str(n.logic_id):<11}" for n in view.npus)
    for one in view.npus:
        cells = "".join(f"{'X' if one is other else 'HCCS':<11}" for other in view.npus)
        yield f"NPU{one.logic_id}\t   {cells}".rstrip()
    yield ""
    yield "Legend:"
    yield "  X    = Self"
    yield "  HCCS = connection over the chips' own links"


def _set(view: View, options: dict[str, str]) -> int:
    if options.get("-t") != "reset":
        complain(f"Error parameter of -t: the stand-in knows reset, not {options.get('-t') or 'nothing'}")
        return 1
    busy = guard.in_use(view.machine, "huawei")
    say(_pair("Status", "Fail" if busy else "OK"))
    say(_pair("Message", f"in use by {busy}" if busy else f"Reset NPU {options.get('-i', '0')} success"))
    return 1 if busy else 0
