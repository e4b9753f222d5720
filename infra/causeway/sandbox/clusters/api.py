"""A small client of the Kubernetes API: what the sandbox needs of it, quick to import and cheap to keep running.

The `kubernetes` package takes most of a second to import, which `sandbox up` and `status` would pay each time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import urllib3
from urllib3.exceptions import HTTPError

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
    """One API server. May be used by several threads."""

    def __init__(self, access: Access, *, timeout: float = 10) -> None:
        self.access = access
        self._pool = urllib3.connection_from_url(
            access.server,
            maxsize=4,
            retries=False,
            timeout=urllib3.Timeout(connect=2, read=timeout),
            ca_certs=str(access.ca),
            cert_file=str(access.certificate),
            key_file=str(access.key),
        )

    def request(self, method: str, path: str, body: Json | None = None, *, kind: str = "application/json") -> Json:
        """Call the server and return its answer.

        Raises:
            Retryable: it cannot be reached, is not ready, or answers that the object has changed meanwhile.
            Permanent: it refuses; `code` is `http-<status>`.
        """
        try:
            answer = self._pool.request(
                method, path, body=None if body is None else json.dumps(body), headers={"Content-Type": kind}
            )
        except HTTPError as error:
            raise Retryable("api-unreachable", str(error), where=self.access.cluster) from error
        if answer.status >= 400:
            raise self._refusal(answer.status, answer.data, path)
        return cast("Json", json.loads(answer.data)) if answer.data[:1] == b"{" else {}

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
            answer = self._pool.request(
                "GET",
                f"{path}{sign}watch=true&timeoutSeconds={seconds}",
                preload_content=False,
                timeout=urllib3.Timeout(connect=2, read=seconds + 10),
            )
            if answer.status >= 400:
                raise self._refusal(answer.status, answer.read(), path)
            yield from _lines(answer)
        except (HTTPError, OSError) as error:
            raise Retryable("watch-lost", str(error), where=self.access.cluster) from error

    def _refusal(self, status: int, data: bytes, path: str) -> Permanent | Retryable:
        try:
            reason = str(json.loads(data).get("message", ""))
        except (ValueError, AttributeError):
            reason = data.decode(errors="replace")[:500]
        family = Retryable if status in {409, 429} or status >= 500 else Permanent
        return family(f"http-{status}", reason or f"status {status}", subject=path, where=self.access.cluster)


def _lines(answer: urllib3.BaseHTTPResponse) -> Iterator[Json]:
    buffer = b""
    for chunk in answer.stream(65536):
        buffer += chunk
        *complete, buffer = buffer.split(b"\n")
        for line in complete:
            yield cast("Json", json.loads(line))
