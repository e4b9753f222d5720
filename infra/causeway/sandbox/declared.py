"""From a fleet's declaration and the catalog to what its sandbox holds."""

from __future__ import annotations

import platform
import re
from ipaddress import ip_interface
from urllib.parse import urlsplit

from causeway.catalog import Catalog
from causeway.errors import CausewayError, Permanent, Problems
from causeway.fleet.catalog_entries import AcceleratorEntry, VendorEntry
from causeway.fleet.clusters import Cluster, Pool
from causeway.fleet.load import LoadedFleet
from causeway.fleet.sites import Site
from causeway.sandbox.image import OS
from causeway.sandbox.spec import (
    NETWORK,
    ClusterSpec,
    Fabric,
    HostSpec,
    NodeSpec,
    PciDevice,
    SandboxSpec,
    addresses,
)

DEFAULT_USER = "ops"
PROCESSING_ACCELERATOR = "1200"
FABRIC_ON_CHIP = frozenset({"huawei"})  # Ascend's RoCE ports are on the accelerators, not on cards
CONNECTX_7 = ("15b3", "1021")
INFINIBAND_CONTROLLER, ETHERNET_CONTROLLER = "020700", "020000"
FIRST_ACCELERATOR_BUS, FIRST_CARD_BUS = 0x10, 0x90
SOCKETS = 2


def sandbox_of(loaded: LoadedFleet, catalog: Catalog) -> SandboxSpec:
    """What the sandbox of this fleet holds.

    Raises:
        Problems: the fleet has pools that the sandbox cannot imitate; all of them are told.
    """
    fleet = loaded.fleet
    errors = tuple(_unfit(loaded))
    if errors:
        raise Problems(errors)
    ip = addresses(tuple(name for c, p, _ in _pools(loaded) for name in loaded.hosts.pool(c, p).names))
    hosts: list[HostSpec] = []
    clusters: list[ClusterSpec] = []
    for key, cluster in fleet.clusters.items():
        nodes: list[NodeSpec] = []
        for pool_name, pool in cluster.pools.items():
            made = tuple(
                _host(loaded, catalog, ip[name], key, pool_name, name)
                for name in loaded.hosts.pool(key, pool_name).names
            )
            hosts += made
            nodes += _nodes(catalog, key, pool_name, pool, made)
        clusters.append(ClusterSpec(key, cluster.kubernetes.version, tuple(nodes)))
    mirrors = {_mirror(site) for site in fleet.sites.values() if site.mirrors.packages}
    return SandboxSpec(fleet.name, tuple(hosts), tuple(clusters), tuple(sorted(mirrors)))


def _pools(loaded: LoadedFleet) -> list[tuple[str, str, Pool]]:
    return [(key, name, pool) for key, cluster in loaded.fleet.clusters.items() for name, pool in cluster.pools.items()]


def _unfit(loaded: LoadedFleet) -> list[CausewayError]:
    """What the declaration asks of hosts that the sandbox has no means for."""
    errors: list[CausewayError] = []
    for key, name, pool in _pools(loaded):
        place = ("clusters", key, "pools", name)
        os = pool.os
        if os and f"{os.id} {os.version}" != OS:
            errors.append(
                Permanent(
                    "sandbox-os",
                    f"the sandbox's hosts are {OS}, this pool declares {os.id} {os.version}",
                    subject=f"{key}.{name}",
                    where=loaded.marks.at((*place, "os")),
                    hint="declare debian 12 in the fleet that you bring up as a sandbox",
                )
            )
        if os and os.architecture != platform.machine():
            errors.append(
                Permanent(
                    "sandbox-architecture",
                    f"this machine is {platform.machine()}, the pool declares {os.architecture}",
                    subject=f"{key}.{name}",
                    where=loaded.marks.at((*place, "os")),
                    hint="bring this fleet's sandbox up on a machine of the declared architecture",
                )
            )
        addresses_text = (pool.fabric.addresses if pool.fabric else None) or ""
        if _in_sandbox_network(addresses_text):
            errors.append(
                Permanent(
                    "address-range-in-use",
                    f"the fabric's addresses {addresses_text} lie in {NETWORK}, which the sandbox gives to its hosts",
                    subject=f"{key}.{name}",
                    where=loaded.marks.at((*place, "fabric", "addresses")),
                    hint=f"declare addresses outside {NETWORK} (RFC 2544 keeps it for test equipment)",
                )
            )
    for key, site in loaded.fleet.sites.items():
        url = urlsplit(site.mirrors.packages or "http://none")
        if url.scheme != "http" or url.path not in ("", "/") or not url.hostname:
            errors.append(
                Permanent(
                    "sandbox-mirror",
                    f"the sandbox serves mirrors over plain http and from the root only, not {site.mirrors.packages}",
                    subject=key,
                    where=loaded.marks.at(("sites", key, "mirrors", "packages")),
                    hint="use http://NAME[:PORT] in the fleet that you bring up as a sandbox",
                )
            )
    return errors


def _in_sandbox_network(pattern: str) -> bool:
    """Whether an address pattern such as `10.21.{host}.{port}/16` falls into the sandbox's network."""
    try:
        return ip_interface(re.sub(r"\{\w+\}", "0", pattern)).network.overlaps(NETWORK)
    except ValueError:  # no address pattern: the declaration's own checks judge it
        return False


def _mirror(site: Site) -> tuple[str, int]:
    url = urlsplit(site.mirrors.packages or "")
    return (url.hostname or "", url.port or 80)


def _host(loaded: LoadedFleet, catalog: Catalog, address: str, key: str, pool_name: str, name: str) -> HostSpec:
    cluster: Cluster = loaded.fleet.clusters[key]
    pool, site = cluster.pools[pool_name], loaded.fleet.sites[cluster.site]
    record = loaded.hosts.host(name)
    chip = catalog.accelerators[pool.accelerator] if pool.accelerator else None
    expected = record.expected_accelerators
    count = (pool.accelerators_per_host if expected is None else expected) if chip else 0
    vendor = catalog.vendors[chip.vendor] if chip else None
    accelerators = _accelerators(chip, vendor, count) if chip and vendor else ()
    fabric = _fabric(pool)
    return HostSpec(
        name=name,
        address=address,
        cluster=key,
        pool=pool_name,
        site=cluster.site,
        user=site.ssh.user or DEFAULT_USER,
        os=OS,
        mirror=(site.mirrors.packages or "").rstrip("/"),
        port=site.ssh.port or 22,
        aliases=(record.address,) if record.address != name else (),
        vendor=chip.vendor if chip else None,
        accelerator=pool.accelerator,
        tool_name=next(iter(chip.tool_names), None) if chip else None,
        memory_mib=int(chip.memory_mib_reported.value) if chip and chip.memory_mib_reported.value else None,
        expected=count,
        devices=accelerators + (_cards(fabric) if fabric and chip and chip.vendor not in FABRIC_ON_CHIP else ()),
        fabric=fabric,
    )


def _accelerators(chip: AcceleratorEntry, vendor: VendorEntry, count: int) -> tuple[PciDevice, ...]:
    """The chips as PCI devices; none where the catalog does not know their ids."""
    if not (vendor.pci_vendor and chip.pci_devices):
        return ()
    code = next(iter(vendor.pci_classes), PROCESSING_ACCELERATOR) + "00"
    subsystem = (chip.pci_subsystem or f"{vendor.pci_vendor}:0000").split(":")
    return tuple(
        PciDevice(
            slot=f"0000:{FIRST_ACCELERATOR_BUS + index:02x}:00.0",
            vendor=vendor.pci_vendor,
            device=chip.pci_devices[0],
            class_code=code,
            subsystem_vendor=subsystem[0],
            subsystem_device=subsystem[1],
            numa_node=index * SOCKETS // count,
        )
        for index in range(count)
    )


def _fabric(pool: Pool) -> Fabric | None:
    if pool.fabric is None or pool.fabric.kind not in ("infiniband", "roce") or not pool.fabric.ports_per_host:
        return None
    return Fabric(pool.fabric.kind, pool.fabric.ports_per_host, int(pool.fabric.speed_gbps or 0))


def _cards(fabric: Fabric) -> tuple[PciDevice, ...]:
    """ConnectX-7 cards, one per port."""
    vendor, device = CONNECTX_7
    return tuple(
        PciDevice(
            slot=f"0000:{FIRST_CARD_BUS + index:02x}:00.0",
            vendor=vendor,
            device=device,
            class_code=INFINIBAND_CONTROLLER if fabric.kind == "infiniband" else ETHERNET_CONTROLLER,
            subsystem_vendor=vendor,
            subsystem_device="0000",
            numa_node=index * SOCKETS // fabric.ports,
        )
        for index in range(fabric.ports)
    )


def _nodes(
    catalog: Catalog, cluster: str, pool_name: str, pool: Pool, hosts: tuple[HostSpec, ...]
) -> tuple[NodeSpec, ...]:
    chip = catalog.accelerators[pool.accelerator] if pool.accelerator else None
    resource, vendor = (chip.resource, chip.vendor) if chip else (None, None)
    labels = tuple(sorted(pool.labels.items()))
    if pool.nodes:
        # The provider's nodes have no host here: only what the chart's node rules read is on their labels.
        known = {"causeway/pool": pool_name, "causeway/accelerator": pool.accelerator or ""}
        own = tuple(sorted({**pool.labels, **known}.items()))
        return tuple(
            NodeSpec(f"{cluster}-{pool_name}-{index:02d}", None, own, (), resource, pool.accelerators_per_host, vendor)
            for index in range(1, pool.nodes + 1)
        )
    return tuple(NodeSpec(host.name, host.name, labels, (), resource, host.expected, vendor) for host in hosts)
