"""Free ports on the loopback address."""

from __future__ import annotations

import socket
from contextlib import ExitStack

LOOPBACK = "127.0.0.1"


def free_ports(count: int) -> tuple[int, ...]:
    """`count` different ports that were free a moment ago.

    All are held open until the last is found, so the kernel cannot give one twice. Another program may still take one
    before its component listens; making the cluster then fails and is tried again with other ports.
    """
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for candidate in sockets:
            candidate.bind((LOOPBACK, 0))
        return tuple(int(candidate.getsockname()[1]) for candidate in sockets)
