"""The way of hosts through a stack: bare, declared, unchanged, the next stack, and back; one run for both vendors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from causeway.sandbox.standins.state import AcceleratorState
from tests.roles.fleet import HERE, RoleFleet, Run

NVIDIA = ("h20-01", "l20-01", "b200-01")
CAMBRICON = ("mlu-01",)
HOSTS = (*NVIDIA, *CAMBRICON)
NEXT: dict[str, Any] = {
    "nvidia_driver__driver_version": "595.91.07",
    "cambricon_driver__driver_version": "6.2.29",
    "cambricon_driver__toolkit_version": "4.6.2-1",
    "cambricon_driver__libraries": {"cncl": "1.30.8-1"},
}


@dataclass(frozen=True)
class Stop:
    """A run on the way, and what it left: the accelerators as their cluster sees them, and answers of the hosts."""

    run: Run
    states: dict[str, AcceleratorState]
    answers: dict[str, str]


class Journey:
    """Each stop is made once, when a test first asks for it, and those before it first."""

    def __init__(self, fleet: RoleFleet) -> None:
        self.fleet = fleet
        self.touched = False
        fleet.reset(*HOSTS)
        # one with a container runtime, as a node of a cluster has it
        fleet.does(HOSTS[0], "apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install containerd")

    def _stop(self, run: Callable[[], Run]) -> Stop:
        done = run().worked()
        return Stop(
            done,
            {host: self.fleet.state(host) for host in HOSTS},
            {host: self.fleet.does(host, LOOK) for host in HOSTS},
        )

    def ready(self) -> None:
        """All stops have been made, and the hosts are as declared again."""
        assert self.back
        if self.touched:
            self.fleet.play(HERE / "stack.yml", *HOSTS).worked()
            self.touched = False

    @cached_property
    def predicted(self) -> Stop:
        """A bare host, in check mode."""
        return self._stop(lambda: self.fleet.play("drivers.yml", *HOSTS, check=True))

    @cached_property
    def first(self) -> Stop:
        """From bare to what is declared."""
        assert self.predicted
        return self._stop(lambda: self.fleet.play(HERE / "stack.yml", *HOSTS))

    @cached_property
    def second(self) -> Stop:
        """The same once more."""
        assert self.first
        return self._stop(lambda: self.fleet.play(HERE / "stack.yml", *HOSTS))

    @cached_property
    def upgraded(self) -> Stop:
        """To the next stack."""
        assert self.second
        return self._stop(lambda: self.fleet.play(HERE / "stack.yml", *HOSTS, **NEXT))

    @cached_property
    def back(self) -> Stop:
        """To the stack before, as the hosts have noted it."""
        assert self.upgraded
        return self._stop(lambda: self.fleet.play(HERE / "back.yml", *HOSTS))


# What is looked at on each host after each stop; it changes nothing.
LOOK = r"""
grep -rHs . /etc/apt/apt.conf.d/10sandbox /etc/apt/preferences.d/ | head -3
ls /var/lib/dpkg/lock
apt-mark showhold | grep -E "nvidia|cambricon|cntoolkit" | tr "\n" " "
systemctl is-active nvidia-persistenced nvidia-fabricmanager nvidia-dcgm | tr "\n" " "
dpkg-query -W -f "\${Package}=\${Version} " "nvidia-*" "libnvsdm" "nvlsm" "cuda-toolkit*" "cn*" 2>/dev/null
cat /etc/containerd/conf.d/99-nvidia.toml 2>/dev/null
exit 0
"""
