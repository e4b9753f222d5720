"""A registry for charts on this machine: as much of the OCI distribution API, over TLS, as `helm push` and `pull` use.

Protocol: https://github.com/opencontainers/distribution-spec (end-1 to end-7). It keeps what it gets in memory.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


@dataclass
class Registry:
    """What lies in the registry, and what was asked.

    Args:
        address: host and port.
        certificate: file of the authority that vouches for it.
    """

    address: str
    certificate: Path
    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    """Type and bytes by digest, and by `NAME:TAG`."""
    asked: list[str] = field(default_factory=list)

    def digest_of(self, name: str, tag: str) -> str:
        """Digest of what a tag names."""
        return _digest(self.manifests[f"{name}:{tag}"][1])


@contextmanager
def running(folder: Path) -> Iterator[Registry]:
    """A registry on a free port."""
    certificate, key = _certificate(folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        registry = Registry(f"127.0.0.1:{server.server_port}", certificate)
        server.registry = registry  # type: ignore[attr-defined] # the handler knows its server only
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield registry
        server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def registry(self) -> Registry:
        found: Registry = self.server.registry  # type: ignore[attr-defined] # see `running`
        return found

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.registry.asked.append(f"{self.command} {path}")
        name, _, rest = path.removeprefix("/v2/").rpartition("/")
        if path == "/v2/":
            return self._answer(200)
        if name.endswith("/manifests"):
            key = rest if rest.startswith("sha256:") else f"{name.removesuffix('/manifests')}:{rest}"
            if key in self.registry.manifests:
                kind, data = self.registry.manifests[key]
                return self._answer(200, data, kind, {"Docker-Content-Digest": _digest(data)})
        if name.endswith("/blobs") and rest in self.registry.blobs:
            return self._answer(200, self.registry.blobs[rest], headers={"Docker-Content-Digest": rest})
        return self._answer(404, json.dumps({"errors": [{"code": "MANIFEST_UNKNOWN", "message": "unknown"}]}).encode())

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        self._body()
        self._answer(202, headers={"Location": f"{self.path.partition('?')[0].rstrip('/')}/one"})

    def do_PUT(self) -> None:
        data = self._body()
        digest = _digest(data)
        name, _, rest = self.path.partition("?")[0].removeprefix("/v2/").rpartition("/")
        if name.endswith("/manifests"):
            kept = (self.headers["Content-Type"], data)
            self.registry.manifests |= {digest: kept, f"{name.removesuffix('/manifests')}:{rest}": kept}
        else:
            self.registry.blobs[digest] = data
        self._answer(201, headers={"Location": self.path, "Docker-Content-Digest": digest})

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _answer(
        self, status: int, data: bytes = b"", kind: str = "application/json", headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Nothing: tests look at `asked`."""


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that vouches for itself, and its key, good for a day."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "registry of the tests")])
    began = datetime.now(UTC) - timedelta(minutes=5)
    addresses = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(began)
        .not_valid_after(began + timedelta(days=1))
        .add_extension(addresses, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / "registry.crt", folder / "registry.key"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pkcs8, bare = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, pkcs8, bare))
    return files
