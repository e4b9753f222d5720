"""nvidia-smi's reports on links: `topo -m`, `nvlink -s`, `nvlink -e`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .gpu import Gpu

LINKS = 18
LINK_GB_S = "26.562"


def topology(gpus: tuple[Gpu, ...]) -> Iterator[str]:
    """The lines of `nvidia-smi topo -m`, network cards left out."""
    yield "\t" + "\t".join(f"GPU{gpu.index}" for gpu in gpus) + "\tCPU Affinity\tNUMA Affinity\tGPU NUMA ID"
    for one in gpus:
        numa = str(one.accelerator.pci.numa_node) if one.accelerator.pci.numa_node >= 0 else "N/A"
        cells = [" X " if one is other else _relation(one, other) for other in gpus]
        yield f"GPU{one.index}\t" + "\t".join(cells) + f"\tN/A\t{numa}\tN/A"
    yield ""
    yield "Legend:"
    yield ""
    yield "  X    = Self"
    yield "  SYS  = path over PCIe and the link between NUMA nodes"
    yield "  NODE = path over PCIe within a NUMA node"
    yield "  NV#  = path over a bonded set of # NVLinks"


def _relation(one: Gpu, other: Gpu) -> str:
    if one.accelerator.model.nvswitch:
        return f"NV{LINKS}"
    return "NODE" if one.accelerator.pci.numa_node == other.accelerator.pci.numa_node else "SYS"


def status(gpus: tuple[Gpu, ...], down: Mapping[int, str]) -> Iterator[str]:
    """The lines of `nvidia-smi nvlink -s`. `down` maps a GPU to the link that is down (empty: link 0)."""
    for gpu in gpus:
        yield _title(gpu)
        for link in range(_links(gpu)):
            dead = gpu.index in down and str(link) == (down[gpu.index] or "0")
            yield f"\t Link {link}: {'<inactive>' if dead else f'{LINK_GB_S} GB/s'}"


def errors(gpus: tuple[Gpu, ...], down: Mapping[int, str]) -> Iterator[str]:
    """The lines of `nvidia-smi nvlink -e`: counters per link, non-zero on a link that is down."""
    for gpu in gpus:
        yield _title(gpu)
        for link in range(_links(gpu)):
            count = 7 if gpu.index in down and str(link) == (down[gpu.index] or "0") else 0
            for name in ("Replay Errors", "Recovery Errors", "CRC Errors"):
                yield f"\t Link {link}: {name}: {count}"


def _title(gpu: Gpu) -> str:
    return f"GPU {gpu.index}: {gpu.accelerator.model.name} (UUID: {gpu.uuid})"


def _links(gpu: Gpu) -> int:
    return LINKS if gpu.accelerator.model.nvswitch else 0
