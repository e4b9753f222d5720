"""The mirror's web server: hands out one folder, read-only, inside a sandbox's network.

A script of its own that imports nothing of Causeway.

usage: serve.py FOLDER ADDRESS PORT...
"""

from __future__ import annotations

import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer


class Handler(SimpleHTTPRequestHandler):
    """Keeps connections open, as apt likes it, and logs only what goes wrong."""

    protocol_version = "HTTP/1.1"
    timeout = 60

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing of a request that is served."""


class Server(ThreadingHTTPServer):
    """Takes the calls of many hosts at once."""

    request_queue_size = 128
    daemon_threads = True


def main() -> None:
    """Serve until killed."""
    folder, address, *ports = sys.argv[1:]
    servers = [Server((address, int(port)), partial(Handler, directory=folder)) for port in ports]
    for server in servers[1:]:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    servers[0].serve_forever()


if __name__ == "__main__":
    main()
