"""What a look at a host tells of its accelerators: the common shape of the three vendors' surveys."""

from __future__ import annotations

from dataclasses import dataclass

from .machine import Accelerator


@dataclass(frozen=True, slots=True)
class Device:
    """One accelerator and what is wrong with it; healthy when nothing is."""

    accelerator: Accelerator
    reasons: tuple[str, ...] = ()

    @property
    def index(self) -> int:
        """Its number in slot order."""
        return self.accelerator.index

    @property
    def healthy(self) -> bool:
        """Whether work can be put on it."""
        return not self.reasons


@dataclass(frozen=True, slots=True)
class Survey:
    """The vendor's stack as it is now.

    `driver` is the version of the kernel module in memory, `userspace` that of the files on disk; `problem` is what
    keeps the whole stack from working (empty: it works), and then no device counts as healthy.
    """

    driver: str | None
    userspace: str | None
    problem: str
    devices: tuple[Device, ...]

    @property
    def healthy(self) -> int:
        """How many accelerators can take work."""
        return 0 if self.problem else sum(device.healthy for device in self.devices)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Everything that is wrong, the stack first."""
        head = (self.problem,) if self.problem else ()
        return head + tuple(f"device {d.index}: {reason}" for d in self.devices for reason in d.reasons)
