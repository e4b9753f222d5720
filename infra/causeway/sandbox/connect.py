"""Opens connections into a sandbox's network: asks the dialer for one over its Unix socket.

Run by OpenSSH as a ProxyCommand with ProxyUseFdpass, once per connection: so it is a script of its own that imports
nothing of Causeway, and no process stays between the two ends.

usage: connect.py SOCKET ADDRESS PORT
"""

from __future__ import annotations

import socket
import sys

REPLY_LIMIT = 512


def dial(dialer: str, address: str, port: int, timeout: float = 15) -> socket.socket:
    """A TCP connection to `address` inside the sandbox.

    Raises:
        OSError: the dialer is not there, or it could not connect.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as line:
        line.settimeout(timeout)
        line.connect(dialer)
        line.send(f"{address} {port} {timeout}".encode())
        reply, handles, _, _ = socket.recv_fds(line, REPLY_LIMIT, 1)
    if not handles:
        raise ConnectionError(reply.decode() or "the dialer ended")
    return socket.socket(fileno=handles[0])


def main() -> int:
    """Hand the connection to OpenSSH, which waits for it on our standard output."""
    dialer, address, port = sys.argv[1:4]
    try:
        connection = dial(dialer, address, int(port))
    except (FileNotFoundError, ConnectionRefusedError):
        sys.stderr.write("the sandbox is not up, or its dialer ended: run `causeway sandbox up`\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"sandbox address {address} port {port}: {error}\n")
        return 1
    with socket.socket(fileno=1) as openssh:
        socket.send_fds(openssh, [b"\0"], [connection.fileno()])
    return 0


if __name__ == "__main__":
    sys.exit(main())
