"""One GPU's readings, as nvidia-smi gets them from the library: identity, load, health."""

from __future__ import annotations

from dataclasses import dataclass

from .. import kernel
from ..machine import Accelerator, Machine
from ..survey import Device, Survey
from .procfs import uuid
from .survey import fabric_ready, lost

PERSISTENCE = "nvidia/persistence"
IDLE_MEMORY_MIB = 4
BUSY_MEMORY_MIB = 1024
# The CUDA version that a driver branch brings (figures of the catalog).
CUDA_BY_BRANCH = {"535": "12.2", "570": "12.8", "580": "13.0", "595": "13.2"}


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU that answers."""

    accelerator: Accelerator
    driver: str
    count: int
    persistence: bool
    ecc_uncorrected: int
    fabric: str
    holders: tuple[tuple[int, str], ...]

    @property
    def index(self) -> int:
        """Its number in slot order."""
        return self.accelerator.index

    @property
    def bus_id(self) -> str:
        """The bus id with NVIDIA's eight-digit domain."""
        return "0000" + self.accelerator.pci.slot.upper()

    @property
    def uuid(self) -> str:
        """`GPU-` and a UUID."""
        return uuid(self.accelerator)

    @property
    def memory_used(self) -> int:
        """MiB in use: a little by the driver, more by each process that holds the GPU."""
        return IDLE_MEMORY_MIB + BUSY_MEMORY_MIB * len(self.holders)

    @property
    def power(self) -> float:
        """Watts."""
        return self.accelerator.model.idle_w + self.index * 0.37

    @property
    def temperature(self) -> int:
        """Degrees Celsius."""
        return 33 + self.index % 4

    @property
    def serial(self) -> str:
        """A board's serial number, made from its place."""
        return f"16500{int(self.accelerator.pci.slot.replace(':', '').replace('.', ''), 16) % 10**8:08d}"


def cuda(driver: str) -> str:
    """The CUDA version of a driver, `N/A` for a branch that is not in the catalog."""
    return CUDA_BY_BRANCH.get(driver.partition(".")[0], "N/A")


def gpus(machine: Machine, survey: Survey) -> tuple[Gpu, ...]:
    """The GPUs that answer: all that are plugged in but the lost ones."""
    gone = lost(machine.faults())
    return tuple(_read(machine, survey, device) for device in survey.devices if device.index not in gone)


def _read(machine: Machine, survey: Survey, device: Device) -> Gpu:
    accelerator = device.accelerator
    errors = machine.faults().devices("ecc_errors").get(device.index)
    held = kernel.holders(machine, (f"/dev/nvidia{device.index}",))
    return Gpu(
        accelerator=accelerator,
        driver=survey.driver or "",
        count=len(survey.devices),
        persistence=persistence(machine, device.index),
        ecc_uncorrected=0 if errors is None else int(errors or "8"),
        fabric=_fabric(machine, accelerator),
        holders=tuple((holder.pid, holder.command) for holder in held if not holder.command.startswith("nv")),
    )


def _fabric(machine: Machine, accelerator: Accelerator) -> str:
    if not accelerator.model.nvswitch:
        return "N/A"
    return "Completed" if fabric_ready(machine) else "In Progress"


def persistence(machine: Machine, index: int) -> bool:
    """Whether persistence mode is on for a GPU; a reboot turns it off."""
    return machine.state(f"{PERSISTENCE}/{index}").exists()


def set_persistence(machine: Machine, index: int, *, on: bool) -> None:
    """Turn persistence mode of a GPU on or off."""
    path = machine.state(f"{PERSISTENCE}/{index}")
    if on:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    else:
        path.unlink(missing_ok=True)
