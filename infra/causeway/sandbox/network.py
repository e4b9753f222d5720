"""The network of a sandbox: a namespace of its own with one bridge. Nothing in it reaches the machine or beyond."""

from __future__ import annotations

import hashlib
from pathlib import Path

from causeway.sandbox.command import run
from causeway.sandbox.layout import Layout
from causeway.sandbox.spec import MIRROR_ADDRESS, NETWORK

BRIDGE = "br0"
NEIGHBOURS = "base_reachable 1000 delay_probe 200 retrans 200 ucast_probes 1 mcast_probes 2"
NETNS = Path("/run/netns")


def is_up(layout: Layout) -> bool:
    """Whether the namespace and, in it, the bridge are there."""
    if not (NETNS / layout.netns).exists():
        return False
    links = run(["ip", "-netns", layout.netns, "-brief", "address", "show"], where=layout.netns)
    return any(line.split()[0] == BRIDGE and str(MIRROR_ADDRESS) in line for line in links.splitlines())


def up(layout: Layout) -> bool:
    """Make the namespace and its bridge. Returns whether there was anything to do."""
    if is_up(layout):
        return False
    down(layout)  # a half-made one
    name = layout.netns
    run(["ip", "netns", "add", name], where=name)
    # With no address of its own a bridge takes the lowest of its ports', and each booting host would change it.
    mac = "02:" + ":".join(f"{byte:02x}" for byte in hashlib.sha256(layout.fleet.encode()).digest()[:5])
    steps = "\n".join(
        (
            "link set lo up",
            f"link add {BRIDGE} address {mac} type bridge forward_delay 0 stp_state 0",
            f"address add {MIRROR_ADDRESS}/{NETWORK.prefixlen} dev {BRIDGE}",
            f"link set {BRIDGE} up",
            # So that a host that is off is missed within a second, and not after the usual half a minute.
            f"ntable change name arp_cache dev {BRIDGE} {NEIGHBOURS}",
        )
    )
    run(["ip", "-netns", name, "-batch", "-"], stdin=steps + "\n", where=name)
    return True


def down(layout: Layout) -> None:
    """Remove the namespace. The kernel frees it when its last process and socket are gone."""
    if (NETNS / layout.netns).exists():
        run(["ip", "netns", "delete", layout.netns], where=layout.netns)
