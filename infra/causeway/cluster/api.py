"""One cluster's API server over the `kubernetes` package: plain documents in and out, every call bounded in time.

The package reads kubeconfigs in all their forms (tokens, certificates, programs that log in) and is imported when the
first cluster is asked, since that takes a third of a second. Its typed models are not used: a chart may hold any kind.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import yaml

from causeway.cluster.model import Access, Object
from causeway.errors import CausewayError, Permanent, Retryable

JSON = "application/json"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
_CONNECT_S = 5.0
_READ_S = 20.0
_PAGE = 500


class Refused(Permanent):
    """The API server refuses a call.

    Args:
        status: HTTP status.
        causes: `details.causes` of its answer: conflicts of field managers, fields that are not valid.
    """

    def __init__(
        self, status: int, message: str, where: str, subject: str, causes: tuple[Mapping[str, Any], ...]
    ) -> None:
        super().__init__(f"http-{status}", message, subject=subject, where=where)
        self.status = status
        self.causes = causes


@dataclass(frozen=True, slots=True)
class Kind:
    """How a kind is reached."""

    group_version: str
    plural: str
    namespaced: bool

    def path(self, namespace: str, name: str = "") -> str:
        """Path of an object, or of the collection."""
        base = f"/api/{self.group_version}" if "/" not in self.group_version else f"/apis/{self.group_version}"
        place = f"/namespaces/{quote(namespace)}" if self.namespaced and namespace else ""
        return f"{base}{place}/{self.plural}" + (f"/{quote(name)}" if name else "")


@dataclass
class Api:
    """One API server. May be used by several threads.

    Args:
        access: how it is reached.
        environ: where `KUBECONFIG` is looked up.
        read_timeout: seconds that one answer may take.
    """

    access: Access
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    read_timeout: float = _READ_S
    _client: Any = field(default=None, repr=False)
    _kinds: dict[str, dict[str, Kind]] = field(default_factory=dict, repr=False)

    @property
    def where(self) -> str:
        """The cluster as errors name it."""
        return f"cluster {self.access.context}" if self.access.context else "the cluster of the kubeconfig"

    def request(
        self,
        method: str,
        path: str,
        body: Object | None = None,
        *,
        kind: str = JSON,
        query: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Call the server and return its answer.

        Raises:
            Retryable: it cannot be reached, is not ready, or is too busy.
            Refused: it refuses.
            Permanent: the credentials or its certificate are wrong.
        """
        data = None if body is None else json.dumps(body).encode()
        answer = self._exchange(method, path + (f"?{urlencode(query)}" if query else ""), data, kind)
        return dict(json.loads(answer)) if answer[:1] == b"{" else {}

    def get(self, path: str, query: Mapping[str, str] | None = None) -> dict[str, Any] | None:
        """The object at a path; None where there is none."""
        try:
            return self.request("GET", path, query=query)
        except Refused as error:
            if error.status == 404:
                return None
            raise

    def delete(self, path: str, propagation: str = "Background") -> None:
        """Delete an object; one that is gone is fine."""
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
        try:
            self.request("DELETE", path, options)
        except Refused as error:
            if error.status != 404:
                raise

    def items(self, path: str, query: Mapping[str, str] | None = None) -> Iterator[dict[str, Any]]:
        """Every object of a collection, fetched in pages."""
        rest: dict[str, str] = {}
        while True:
            page = self.request("GET", path, query={**(query or {}), "limit": str(_PAGE), **rest})
            yield from page.get("items") or ()
            token = (page.get("metadata") or {}).get("continue")
            if not token:
                return
            rest = {"continue": token}

    def text(self, path: str, query: Mapping[str, str] | None = None) -> str:
        """A plain answer, such as a log."""
        asked = path + (f"?{urlencode(query)}" if query else "")
        return self._exchange("GET", asked, None, JSON).decode(errors="replace")

    def kind(self, api_version: str, kind: str) -> Kind | None:
        """How a kind is reached; None when the cluster does not know it."""
        found = self._kinds.get(api_version, {}).get(kind)
        if found is None:  # also what was not there before may have come
            self._kinds[api_version] = self._discover(api_version)
            found = self._kinds[api_version].get(kind)
        return found

    def path_of(self, document: Object, namespace: str) -> str | None:
        """Path of an object; None when the cluster does not know its kind."""
        kind = self.kind(str(document["apiVersion"]), str(document["kind"]))
        if kind is None:
            return None
        metadata = document["metadata"]
        return kind.path(metadata.get("namespace") or namespace, metadata["name"])

    def _discover(self, api_version: str) -> dict[str, Kind]:
        base = f"/api/{api_version}" if "/" not in api_version else f"/apis/{api_version}"
        listed = self.get(base) or {}
        return {
            each["kind"]: Kind(api_version, each["name"], bool(each["namespaced"]))
            for each in listed.get("resources", ())
            if "/" not in each["name"]
        }

    def _exchange(self, method: str, path: str, data: bytes | None, kind: str) -> bytes:
        import urllib3  # noqa: PLC0415 - comes with `kubernetes`, see the module

        client = self._connected()
        configuration = client.configuration
        headers = {"Accept": "application/json, */*", "User-Agent": "causeway"}
        if data is not None:
            headers["Content-Type"] = kind
        headers |= {each["key"]: each["value"] for each in configuration.auth_settings().values()}
        safe = method in {"GET", "PATCH", "DELETE"}
        try:
            answer = client.rest_client.pool_manager.request(
                method,
                configuration.host + path,
                body=data,
                headers=headers,
                timeout=urllib3.Timeout(connect=_CONNECT_S, read=self.read_timeout),
                retries=urllib3.Retry(total=1, connect=0, read=1 if safe else 0, redirect=0, status=0),
            )
        except urllib3.exceptions.HTTPError as error:
            raise self._away(error) from error
        if answer.status >= 400:
            raise self._refusal(answer.status, answer.data, path)
        return bytes(answer.data)

    def _connected(self) -> Any:
        if self._client is None:
            self._client = _client(self.access, self.environ, self.where)
        return self._client

    def _away(self, error: Exception) -> CausewayError:
        reason = _plain(error)
        if "CERTIFICATE_VERIFY_FAILED" in reason or "certificate" in reason.lower():
            hint = "look whether the kubeconfig belongs to this cluster, and at the server's certificate"
            return Permanent("cluster-certificate", reason, where=self.where, hint=hint)
        hint = "look whether the API server runs and is reached from here (network, proxy, VPN); then run it again"
        return Retryable("cluster-unreachable", reason, where=self.where, hint=hint)

    def _refusal(self, status: int, data: bytes, path: str) -> CausewayError:
        try:
            told = json.loads(data)
            message = str(told.get("message") or "")
            causes = tuple((told.get("details") or {}).get("causes") or ())
        except (ValueError, AttributeError):
            message, causes = data.decode(errors="replace")[:300], ()
        message = message or f"it answers {status}"
        subject = path.partition("?")[0]
        if status == 401:
            hint = "log in again, or look at the kubeconfig of this cluster"
            return Permanent("cluster-credentials", "it does not accept these credentials", where=self.where, hint=hint)
        if status == 403 and "is forbidden: User" in message:
            hint = "ask the cluster's owner for these rights"
            return Permanent("cluster-forbidden", message, where=self.where, hint=hint)
        if status >= 500 or (status == 429 and not path.partition("?")[0].endswith("/eviction")):
            hint = "run it again in a moment"
            return Retryable("cluster-busy", message, subject=subject, where=self.where, hint=hint)
        return Refused(status, message, self.where, subject, causes)


def _client(access: Access, environ: Mapping[str, str], where: str) -> Any:
    from kubernetes import config  # noqa: PLC0415 - see the module

    hint = "look at KUBECONFIG, at the context's name, and at `kubectl config get-contexts`"
    try:
        if access.kubeconfig is not None:
            document = yaml.safe_load(access.kubeconfig)
            if not isinstance(document, dict):
                raise Permanent("kubeconfig", "the secret holds no kubeconfig", where=where)
            from_text: Callable[..., Any] = config.new_client_from_config_dict
            return from_text(document, persist_config=False)
        from_files: Callable[..., Any] = config.new_client_from_config
        # the package reads the variable once, when it is imported
        return from_files(config_file=environ.get("KUBECONFIG") or None, context=access.context, persist_config=False)
    except (config.ConfigException, yaml.YAMLError, OSError) as error:
        secret = access.kubeconfig is not None
        reason = "the secret holds no kubeconfig that can be read" if secret else str(error)
        raise Permanent("kubeconfig", reason, where=where, hint=hint) from (None if secret else error)


def _plain(error: Exception) -> str:
    """What went wrong with a connection, without the objects that urllib3 prints."""
    reason: object = getattr(error, "reason", None) or error
    text = str(reason)
    if "Connection refused" in text:
        return "nobody listens there (connection refused)"
    if "timed out" in text.lower():
        return "no answer in time"
    if "Name or service not known" in text or "getaddrinfo" in text or "NameResolution" in type(reason).__name__:
        return "its name cannot be resolved"
    return text.rsplit(": ", 1)[-1] if "object at 0x" in text else text
