"""Counts the packets of SSH in a sandbox's network, from inside its namespace: of every connection, old or new."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SNIFFER = """
import select, socket, sys

PORT = (22).to_bytes(2, "big")
TCP, EVERY, IPV4, IPV6 = 6, 3, 0x0800, 0x86DD  # if_ether.h
FORCE, PACKETS, STATISTICS = 33, 263, 6  # socket.h: SO_RCVBUFFORCE, SOL_PACKET; if_packet.h
seen = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(EVERY))
seen.setsockopt(socket.SOL_SOCKET, FORCE, 1 << 24)
print("ready", flush=True)
count, over = 0, False
while True:
    ready, _, _ = select.select([seen] if over else [seen, sys.stdin], [], [], 0 if over else None)
    if seen in ready:
        packet, (_, protocol, *_) = seen.recvfrom(128)
        at, kind = {IPV4: ((packet[0] & 15) * 4, 9), IPV6: (40, 6)}.get(protocol, (0, None))
        count += kind is not None and packet[kind] == TCP and PORT in (packet[at : at + 2], packet[at + 2 : at + 4])
    elif over:
        break
    over = over or sys.stdin in ready
lost = int.from_bytes(seen.getsockopt(PACKETS, STATISTICS, 8)[4:], sys.byteorder)
print(count, lost)
"""


@contextmanager
def ssh_packets(namespace: str) -> Iterator[Callable[[], int]]:
    """Count the packets from and to port 22 meanwhile; the answer is there when the block is over.

    Args:
        namespace: a network namespace; a packet that passes several of its interfaces counts for each.
    """
    told: list[int] = []

    def count() -> int:
        assert told, "still counting"
        return told[0]

    with subprocess.Popen(
        ["ip", "netns", "exec", namespace, sys.executable, "-I", "-S", "-c", SNIFFER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as sniffer:
        assert sniffer.stdin is not None
        assert sniffer.stdout is not None
        assert sniffer.stdout.readline() == "ready\n"
        try:
            yield count
        finally:
            sniffer.stdin.close()
            found, lost = map(int, sniffer.stdout.readline().split())
            assert not lost, f"{lost} packets were not looked at"
            told.append(found)
