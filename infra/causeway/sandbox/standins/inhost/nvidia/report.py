"""nvidia-smi's reports for people and for XML readers: the table, `-q`, `-q -x`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from xml.sax.saxutils import escape

from .gpu import Gpu, cuda

WIDTH = 89
TIME = "Thu Jan  1 00:00:00 2026"


@dataclass(frozen=True, slots=True)
class Node:
    """One line of `-q`, or an element of the XML: a tag, a label, and either a text or more nodes."""

    tag: str
    label: str
    content: str | tuple[Node, ...]


def table(gpus: tuple[Gpu, ...], driver: str) -> Iterator[str]:
    """The lines of plain `nvidia-smi`."""
    yield TIME
    yield "+" + "-" * WIDTH + "+"
    title = f" NVIDIA-SMI {driver:<22} Driver Version: {driver:<14} CUDA Version: {cuda(driver)}"
    yield f"|{title:<{WIDTH}}|"
    rule = "-" * 41 + "+" + "-" * 24 + "+" + "-" * 22
    yield f"|{rule}+"
    yield "| GPU  Name                 Persistence-M | Bus-Id          Disp.A | Volatile Uncorr. ECC |"
    yield "| Fan  Temp   Perf          Pwr:Usage/Cap |           Memory-Usage | GPU-Util  Compute M. |"
    yield "|                                         |                        |               MIG M. |"
    yield "|" + "=" * 41 + "+" + "=" * 24 + "+" + "=" * 22 + "|"
    for gpu in gpus:
        model = gpu.accelerator.model
        mode = "On" if gpu.persistence else "Off"
        power = f"{gpu.power:.0f}W / {model.cap_w:4.0f}W"
        memory = f"{gpu.memory_used}MiB / {model.memory_mib}MiB"
        yield f"| {gpu.index:3d}  {model.name:<26} {mode:>6}  |   {gpu.bus_id} Off | {gpu.ecc_uncorrected:>20} |"
        yield f"| N/A  {gpu.temperature:3d}C    P0        {power:>16} | {memory:>22} | {'0%':>8} {'Default':>11} |"
        yield f"| {'':39} | {'':22} | {'Disabled':>20} |"
        yield f"+{rule}+"
    yield ""
    yield "+" + "-" * WIDTH + "+"
    yield f"| {'Processes:':<{WIDTH - 1}}|"
    columns = "  GPU   GI   CI              PID   Type   Process name                        GPU Memory"
    yield f"|{columns:<{WIDTH}}|"
    yield "|" + "=" * WIDTH + "|"
    processes = [(gpu.index, pid, command) for gpu in gpus for pid, command in gpu.holders]
    if not processes:
        yield f"|{'  No running processes found':<{WIDTH}}|"
    for index, pid, command in processes:
        line = f"  {index:3d}   N/A  N/A {pid:>16}      C   {command:<33} {'1024MiB':>11}"
        yield f"|{line:<{WIDTH}}|"
    yield "+" + "-" * WIDTH + "+"


def tree(gpu: Gpu) -> tuple[Node, ...]:
    """What `-q` tells of one GPU."""
    model, pci = gpu.accelerator.model, gpu.accelerator.pci
    errors = str(gpu.ecc_uncorrected)
    return (
        Node("product_name", "Product Name", model.name),
        Node("product_architecture", "Product Architecture", model.family),
        Node("persistence_mode", "Persistence Mode", "Enabled" if gpu.persistence else "Disabled"),
        Node("mig_mode", "MIG Mode", (
            Node("current_mig", "Current", "Disabled"),
            Node("pending_mig", "Pending", "Disabled"),
        )),
        Node("serial", "Serial Number", gpu.serial),
        Node("uuid", "GPU UUID", gpu.uuid),
        Node("minor_number", "Minor Number", str(gpu.index)),
        Node("pci", "PCI", (
            Node("pci_bus", "Bus", "0x" + gpu.bus_id[9:11]),
            Node("pci_domain", "Domain", "0x" + gpu.bus_id[4:8]),
            Node("pci_device_id", "Device Id", f"0x{pci.device.upper()}{pci.vendor.upper()}"),
            Node("pci_bus_id", "Bus Id", gpu.bus_id),
        )),
        Node("fb_memory_usage", "FB Memory Usage", (
            Node("total", "Total", f"{model.memory_mib} MiB"),
            Node("used", "Used", f"{gpu.memory_used} MiB"),
            Node("free", "Free", f"{model.memory_mib - gpu.memory_used} MiB"),
        )),
        Node("utilization", "Utilization", (Node("gpu_util", "GPU", "0 %"), Node("memory_util", "Memory", "0 %"))),
        Node("ecc_mode", "ECC Mode", (
            Node("current_ecc", "Current", "Enabled"),
            Node("pending_ecc", "Pending", "Enabled"),
        )),
        Node("ecc_errors", "ECC Errors", (
            Node("volatile", "Volatile", (
                Node("dram_correctable", "DRAM Correctable", "0"),
                Node("dram_uncorrectable", "DRAM Uncorrectable", errors),
            )),
            Node("aggregate", "Aggregate", (
                Node("dram_correctable", "DRAM Correctable", "0"),
                Node("dram_uncorrectable", "DRAM Uncorrectable", errors),
            )),
        )),
        Node("temperature", "Temperature", (Node("gpu_temp", "GPU Current Temp", f"{gpu.temperature} C"),)),
        Node("gpu_power_readings", "GPU Power Readings", (
            Node("power_draw", "Power Draw", f"{gpu.power:.2f} W"),
            Node("current_power_limit", "Current Power Limit", f"{model.cap_w:.2f} W"),
        )),
        Node("fabric", "Fabric", (
            Node("state", "State", gpu.fabric),
            Node("status", "Status", "Success" if gpu.fabric == "Completed" else "N/A"),
        )),
    )  # fmt: skip


def text(gpus: tuple[Gpu, ...], driver: str) -> Iterator[str]:
    """The lines of `nvidia-smi -q`."""
    yield ""
    yield "==============NVSMI LOG=============="
    yield ""
    for label, value in (("Timestamp", TIME), ("Driver Version", driver), ("CUDA Version", cuda(driver))):
        yield f"{label:<42}: {value}"
    yield ""
    yield f"{'Attached GPUs':<42}: {len(gpus)}"
    for gpu in gpus:
        yield f"GPU {gpu.bus_id}"
        yield from _text(tree(gpu), 4)
        yield ""


def _text(nodes: tuple[Node, ...], depth: int) -> Iterator[str]:
    for node in nodes:
        label = " " * depth + node.label
        if isinstance(node.content, str):
            yield f"{label:<42}: {node.content}"
        else:
            yield label
            yield from _text(node.content, depth + 4)


def xml(gpus: tuple[Gpu, ...], driver: str) -> Iterator[str]:
    """The lines of `nvidia-smi -q -x`."""
    yield '<?xml version="1.0" ?>'
    yield "<nvidia_smi_log>"
    for tag, value in (
        ("timestamp", TIME), ("driver_version", driver), ("cuda_version", cuda(driver)),
        ("attached_gpus", str(len(gpus))),
    ):  # fmt: skip
        yield f"\t<{tag}>{escape(value)}</{tag}>"
    for gpu in gpus:
        yield f'\t<gpu id="{gpu.bus_id}">'
        yield from _xml(tree(gpu), 2)
        yield "\t</gpu>"
    yield "</nvidia_smi_log>"


def _xml(nodes: tuple[Node, ...], depth: int) -> Iterator[str]:
    indent = "\t" * depth
    for node in nodes:
        if isinstance(node.content, str):
            yield f"{indent}<{node.tag}>{escape(node.content)}</{node.tag}>"
        else:
            yield f"{indent}<{node.tag}>"
            yield from _xml(node.content, depth + 1)
            yield f"{indent}</{node.tag}>"
