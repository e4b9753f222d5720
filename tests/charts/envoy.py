"""The proxy of the gateway chart, run here with the configuration that the chart renders, and servers behind it."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from tests.charts.harness import Helm, Values

PROGRAM = Path(sys.prefix) / "bin" / "envoy"


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@dataclass
class Server:
    """A server that tells its name and what it was asked. It can be made unwell, and stopped."""

    name: str
    port: int = 0
    healthy: bool = True
    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    connections: list[socket.socket] = field(default_factory=list, repr=False)

    def start(self) -> None:
        """Listen, on the same port as before when there was one."""
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # an answer leaves in one piece; in two, the second waits 40 ms for the first's receipt

            def do_GET(self) -> None:
                status = 200
                if self.path == "/health":
                    status = 200 if server.healthy else 500
                else:
                    server.asked.append((self.path, {key.lower(): value for key, value in self.headers.items()}))
                self.rfile.read(int(self.headers.get("content-length", 0)))
                answer = server.name.encode()
                self.send_response(status)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_POST = do_GET  # noqa: N815 - the name that the library asks for

            def log_message(self, *_: Any) -> None:
                """Nothing is printed."""

        class Listening(ThreadingHTTPServer):
            daemon_threads = True

            def process_request(self, request: Any, client_address: Any) -> None:
                server.connections.append(request)
                super().process_request(request, client_address)

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that goes away is no news."""

        self._listening = Listening(("127.0.0.1", self.port), Handler)
        self.port = self._listening.server_address[1]
        threading.Thread(target=self._listening.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Go away, as a killed pod does."""
        self._listening.shutdown()
        self._listening.server_close()
        for connection in self.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.connections.clear()


@dataclass(frozen=True)
class Answer:
    """What the proxy answered."""

    status: int
    text: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Proxy:
    """A running proxy, and the folder that stands for its ConfigMap of shifted weights."""

    port: int
    operations: int
    shifts: Path
    key: Path
    log: Path

    def ask(self, path: str = "/v1/models", method: str = "GET", **headers: str) -> Answer:
        """One request, over a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, headers={key.replace("_", "-"): value for key, value in headers.items()})
            answer = connection.getresponse()
            return Answer(answer.status, answer.read().decode(), dict(answer.getheaders()))
        finally:
            connection.close()

    def counted(self, requests: int) -> Counter[str]:
        """Who answered how many requests; a refusal counts under its status."""
        answers = [self.ask() for _ in range(requests)]
        return Counter(answer.text if answer.status == 200 else str(answer.status) for answer in answers)

    def shift(self, weights: Mapping[str, int]) -> None:
        """Put keys into the ConfigMap, as a kubelet shows it: a new folder, and a link that is moved."""
        fresh = self.shifts / f"..{time.monotonic_ns()}"
        fresh.mkdir()
        for name, weight in weights.items():
            (fresh / f"weight.{name}").write_text(str(weight))
        link = self.shifts / "..data_tmp"
        link.symlink_to(fresh.name)
        link.replace(self.shifts / "..data")

    def operation(self, path: str) -> Answer:
        """What the second port answers."""
        return Proxy(self.operations, 0, self.shifts, self.key, self.log).ask(path)


@contextmanager
def running(helm: Helm, values: Values, folder: Path, *, key: str = "") -> Iterator[Proxy]:
    """The proxy with the chart's configuration for these values; only places and ports are this machine's."""
    rendered = helm.render("gateway", values, name="gw", namespace="gw", template="configmap.yaml")
    files = rendered.one("ConfigMap", "gw-envoy")["data"]
    proxy = Proxy(free_port(), free_port(), folder / "shift", folder / "key", folder / "envoy.log")
    admin = free_port()
    for place in (proxy.shifts, proxy.key):
        place.mkdir(parents=True)
    (proxy.key / "value").write_text(key)
    proxy.shift({})
    places = {"/etc/envoy/shift": proxy.shifts, "/etc/envoy/key": proxy.key, "/etc/envoy/config": folder}
    for name, text in files.items():
        (folder / name).write_text(_moved(text, places))
    config = yaml.safe_load((folder / "envoy.yaml").read_text())
    config["admin"]["address"]["socket_address"]["port_value"] = admin
    for listener, port in zip(config["static_resources"]["listeners"], (proxy.port, proxy.operations), strict=True):
        listener["address"]["socket_address"] = {"address": "127.0.0.1", "port_value": port}
    (own,) = (each for each in config["static_resources"]["clusters"] if each["name"] == "admin")
    own["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]["socket_address"]["port_value"] = (
        admin
    )
    file = folder / "envoy.json"
    file.write_text(json.dumps(config))
    with proxy.log.open("wb") as log:
        command = [str(PROGRAM), "--config-path", str(file), "--concurrency", "1", "--disable-hot-restart"]
        process = subprocess.Popen(command, stdout=log, stderr=log, env={"PATH": os.defpath, "HOME": str(folder)})
    try:
        _wait_ready(proxy, process)
        yield proxy
    finally:
        process.terminate()
        process.wait(10)


def _moved(text: str, places: Mapping[str, Path]) -> str:
    for place, here in places.items():
        text = text.replace(place, str(here))
    return text


def _wait_ready(proxy: Proxy, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while True:
        assert process.poll() is None, proxy.log.read_text("utf-8", "replace")[-3000:]
        try:
            if proxy.operation("/ready").status == 200:
                return
        except OSError:
            pass
        assert time.monotonic() < deadline, "the proxy did not become ready in 20 s"
        time.sleep(0.1)
