"""The dialer: runs inside a sandbox's network and hands out connections to its hosts over a Unix socket.

So OpenSSH, Ansible and tests reach the hosts from the ordinary namespace, and only the dialer needed root to get in.
A script of its own that imports nothing of Causeway.

usage: dialer.py SOCKET UID GID
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from pathlib import Path

REQUEST_LIMIT = 256


def answer(line: socket.socket) -> None:
    """Serve one request, `ADDRESS PORT TIMEOUT`: send the connection, or say why there is none."""
    with line:
        try:
            address, port, timeout = line.recv(REQUEST_LIMIT).decode().split()
            with socket.create_connection((address, int(port)), timeout=float(timeout)) as connection:
                connection.settimeout(None)  # else the handle stays non-blocking for whoever gets it
                socket.send_fds(line, [b"\0"], [connection.fileno()])
        except (OSError, ValueError) as error:
            try:
                line.send(str(getattr(error, "strerror", None) or error).encode()[:REQUEST_LIMIT])
            except OSError:  # who asked has gone
                return


def main() -> None:
    """Listen until killed."""
    path, uid, gid = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
        fresh = path.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        door.bind(str(fresh))
        os.chown(fresh, uid, gid)
        fresh.chmod(0o600)
        door.listen(128)
        fresh.rename(path)
        while True:
            line, _ = door.accept()
            threading.Thread(target=answer, args=(line,), daemon=True).start()


if __name__ == "__main__":
    main()
