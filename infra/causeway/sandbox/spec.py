"""What the sandbox of a fleet holds: hosts with their PCI devices, clusters with their nodes. Pure data, no effects."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from ipaddress import IPv4Network
from typing import Any
from zlib import crc32

# RFC 2544 sets this range aside for test equipment: no real network, so no declared fabric, uses it.
NETWORK = IPv4Network("198.18.0.0/15")
MIRROR_ADDRESS = NETWORK[1]
FIRST_HOST_OFFSET = 256


@dataclass(frozen=True, slots=True)
class PciDevice:
    """One device as `lspci` shows it. `slot` is `0000:17:00.0`; all other text fields are hexadecimal without `0x`."""

    slot: str
    vendor: str
    device: str
    class_code: str
    subsystem_vendor: str
    subsystem_device: str
    numa_node: int


@dataclass(frozen=True, slots=True)
class Fabric:
    """The host's scale-out ports. `kind` is `infiniband` or `roce`."""

    kind: str
    ports: int
    speed_gbps: int


@dataclass(frozen=True, slots=True)
class HostSpec:
    """One host. `address` is its address inside the sandbox's network; `aliases` are other words it is reached by.

    `vendor`, `accelerator` and `tool_name` are None on a host without accelerators; `expected` is the number of
    accelerators that the declaration promises, `devices` what is plugged in (accelerators and network cards).
    """

    name: str
    address: str
    cluster: str
    pool: str
    site: str
    user: str
    os: str
    mirror: str
    port: int = 22
    aliases: tuple[str, ...] = ()
    vendor: str | None = None
    accelerator: str | None = None
    tool_name: str | None = None
    memory_mib: int | None = None
    expected: int = 0
    devices: tuple[PciDevice, ...] = ()
    fabric: Fabric | None = None

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> HostSpec:
        """The host that `dataclasses.asdict` has taken apart."""
        made = dict(values, aliases=tuple(values["aliases"]))
        made["devices"] = tuple(PciDevice(**device) for device in values["devices"])
        made["fabric"] = Fabric(**values["fabric"]) if values["fabric"] else None
        return cls(**made)

    @property
    def accelerators(self) -> tuple[PciDevice, ...]:
        """The accelerators among the devices, in slot order (the rest are network cards)."""
        return tuple(device for device in self.devices if not device.class_code.startswith("02"))

    @property
    def network_cards(self) -> tuple[PciDevice, ...]:
        """The network cards among the devices."""
        return tuple(device for device in self.devices if device.class_code.startswith("02"))

    def digest(self) -> str:
        """Changes whenever the host would have to be made anew."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """One Kubernetes node; `host` is None where the cloud provider keeps the hosts.

    `resource` is the extended resource that a device plugin of `vendor` offers `count` times.
    """

    name: str
    host: str | None
    labels: tuple[tuple[str, str], ...] = ()
    taints: tuple[tuple[str, str, str], ...] = ()
    resource: str | None = None
    count: int = 0
    vendor: str | None = None


@dataclass(frozen=True, slots=True)
class ClusterSpec:
    """One control plane with its nodes."""

    name: str
    kubernetes_version: str
    nodes: tuple[NodeSpec, ...]


@dataclass(frozen=True, slots=True)
class SandboxSpec:
    """All of a fleet's sandbox. `mirrors` are the (name, port) pairs that the hosts call the mirror by."""

    fleet: str
    hosts: tuple[HostSpec, ...] = ()
    clusters: tuple[ClusterSpec, ...] = ()
    mirrors: tuple[tuple[str, int], ...] = ()

    def host(self, name: str) -> HostSpec | None:
        """The host of that name, if declared."""
        return next((host for host in self.hosts if host.name == name), None)


def addresses(names: tuple[str, ...]) -> dict[str, str]:
    """An address per host that depends on its name alone, so that adding a host moves no other.

    Two names that fall on one address (one chance in thousands for a sandbox's few hosts) are told apart in the
    order of the names.
    """
    room = NETWORK.num_addresses - FIRST_HOST_OFFSET - 1
    taken: dict[int, str] = {}
    for name in sorted(names):
        offset = crc32(name.encode()) % room
        while offset in taken:
            offset = (offset + 1) % room
        taken[offset] = name
    return {name: str(NETWORK[FIRST_HOST_OFFSET + offset]) for offset, name in taken.items()}
