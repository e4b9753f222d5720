"""A small client of the Kubernetes API: what the sandbox needs of it, quick to import and cheap to keep running.

The `kubernetes` package takes most of a second to import, which `sandbox up` and `status` would pay each time.
"""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from causeway.errors import Permanent, Retryable

Json = dict[str, Any]
STRATEGIC = "application/strategic-merge-patch+json"
MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"
FIELD_MANAGER = "causeway-sandbox"


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach one API server. `ca`, `certificate` and `key` are files."""

    cluster: str
    server: str
    ca: Path
    certificate: Path
    key: Path


class Api:
    """One API server. May be used by several threads; each has a connection of its own, kept open."""

    def __init__(self, access: Access, *, timeout: float = 10) -> None:
        self.access = access
        self._address = urlsplit(access.server)
        self._timeout = timeout
        self._context = ssl.create_default_context(cafile=str(access.ca))
        self._context.load_cert_chain(access.certificate, access.key)
        self._own = threading.local()

    def request(self, method: str, path: str, body: Json | None = None, *, kind: str = "application/json") -> Json:
        """Call the server and return its answer.

        Raises:
            Retryable: it cannot be reached, is not ready, or answers that the object has changed meanwhile.
            Permanent: it refuses; `code` is `http-<status>`.
        """
        data = None if body is None else json.dumps(body).encode()
        try:
            status, answer = self._exchange(method, path, data, kind)
        except (HTTPException, OSError) as error:
            raise Retryable("api-unreachable", str(error), where=self.access.cluster) from error
        if status >= 400:
            raise self._refusal(status, answer, path)
        return cast("Json", json.loads(answer)) if answer[:1] == b"{" else {}

    def _exchange(self, method: str, path: str, data: bytes | None, kind: str) -> tuple[int, bytes]:
        """One request and its answer. A server ends idle connections, so one that was kept may fail once."""
        kept: HTTPSConnection | None = getattr(self._own, "connection", None)
        if kept is not None:
            try:
                return _send(kept, method, path, data, kind)
            except (HTTPException, OSError):
                kept.close()
                self._own.connection = None
        fresh = self._connect(self._timeout)
        try:
            answer = _send(fresh, method, path, data, kind)
        except (HTTPException, OSError):
            fresh.close()
            raise
        self._own.connection = fresh
        return answer

    def _connect(self, timeout: float) -> HTTPSConnection:
        return HTTPSConnection(self._address.hostname or "", self._address.port, timeout=timeout, context=self._context)

    def get(self, path: str) -> Json | None:
        """The object at `path`, or None where there is none."""
        try:
            return self.request("GET", path)
        except Permanent as error:
            if error.code == "http-404":
                return None
            raise

    def ready(self) -> bool:
        """Whether the server says that it is ready to serve."""
        try:
            self.request("GET", "/readyz")
        except (Permanent, Retryable):
            return False
        return True

    def watch(self, path: str, *, seconds: int = 300) -> Iterator[Json]:
        """Events of a collection: first every object as ADDED, then each change, for at most `seconds`.

        Without a resource version the server begins with what exists, so list and watch are one call.

        Raises:
            Retryable: the connection was lost, or the server was not there.
        """
        sign = "&" if "?" in path else "?"
        try:
            with closing(self._connect(seconds + 10)) as connection:
                connection.request("GET", f"{path}{sign}watch=true&timeoutSeconds={seconds}")
                answer = connection.getresponse()
                if answer.status >= 400:
                    raise self._refusal(answer.status, answer.read(), path)
                while line := answer.readline():
                    yield cast("Json", json.loads(line))
        except (HTTPException, OSError) as error:
            raise Retryable("watch-lost", str(error), where=self.access.cluster) from error

    def _refusal(self, status: int, data: bytes, path: str) -> Permanent | Retryable:
        try:
            reason = str(json.loads(data).get("message", ""))
        except (ValueError, AttributeError):
            reason = data.decode(errors="replace")[:500]
        family = Retryable if status in {409, 429} or status >= 500 else Permanent
        return family(f"http-{status}", reason or f"status {status}", subject=path, where=self.access.cluster)


def _send(connection: HTTPSConnection, method: str, path: str, data: bytes | None, kind: str) -> tuple[int, bytes]:
    connection.request(method, path, data, {"Content-Type": kind})
    answer = connection.getresponse()
    return answer.status, answer.read()
