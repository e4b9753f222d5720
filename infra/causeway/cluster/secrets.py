"""Secrets as objects of the cluster, made from declared values under the field manager `causeway`; and their digest.

A value goes from the caller to the API server and nowhere else. What charts, state and previews see is an HMAC under
the stack's key: it changes with the value, and tells nothing about it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Collection, Mapping
from typing import Any

from causeway.cluster.api import APPLY, Api, Refused
from causeway.errors import Permanent

MANAGER = "causeway"
KEY = "value"
MANAGED = "app.kubernetes.io/managed-by"
_RELEASE = "causeway/release"


def digest(key: bytes, secrets: Mapping[str, str]) -> str:
    """HMAC-SHA-256 over the secrets' names and values, 16 hexadecimal digits; empty for none.

    Args:
        key: the stack's own, a secret itself.
    """
    if not secrets:
        return ""
    whole = hmac.new(key, digestmod=hashlib.sha256)
    for name, value in sorted(secrets.items()):
        for part in (name.encode(), value.encode()):
            whole.update(len(part).to_bytes(8, "big") + part)
    return whole.hexdigest()[:16]


def namespace(api: Api, name: str) -> None:
    """Make a namespace that is not there; one that is there stays as it is."""
    if api.get(f"/api/v1/namespaces/{name}") is None:
        body: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": name, "labels": {MANAGED: MANAGER}},
        }
        api.request("PATCH", f"/api/v1/namespaces/{name}", body, kind=APPLY, query={"fieldManager": MANAGER})


def apply(api: Api, release: str, place: str, secrets: Mapping[str, str]) -> None:
    """Make or change a release's Secrets.

    Raises:
        Permanent: a Secret of this name belongs to somebody else.
    """
    for name, value in sorted(secrets.items()):
        path = f"/api/v1/namespaces/{place}/secrets/{name}"
        there = api.get(path)
        if there is not None and (there["metadata"].get("labels") or {}).get(MANAGED) != MANAGER:
            reason = f"the namespace {place} has a Secret of this name that Causeway did not make"
            hint = f"rename one of them, or label it: kubectl -n {place} label secret {name} {MANAGED}={MANAGER}"
            raise Permanent("secret-taken", reason, subject=name, where=api.where, hint=hint)
        body: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "labels": {MANAGED: MANAGER}, "annotations": {_RELEASE: release}},
            "type": "Opaque",
            "data": {KEY: base64.b64encode(value.encode()).decode()},
        }
        try:
            api.request("PATCH", path, body, kind=APPLY, query={"fieldManager": MANAGER, "force": "true"})
        except Refused as error:
            # the server's own words may quote what was sent
            reason = f"the API server refuses it with status {error.status}"
            raise Permanent("secret-refused", reason, subject=name, where=api.where) from None


def remove(api: Api, release: str, place: str, *, keep: Collection[str] = ()) -> None:
    """Delete the Secrets that were made for a release, but those to keep."""
    for each in api.items(f"/api/v1/namespaces/{place}/secrets", {"labelSelector": f"{MANAGED}={MANAGER}"}):
        metadata = each["metadata"]
        if (metadata.get("annotations") or {}).get(_RELEASE) == release and metadata["name"] not in keep:
            api.delete(f"/api/v1/namespaces/{place}/secrets/{metadata['name']}")


def stale(api: Api, place: str, secrets: Mapping[str, str]) -> tuple[str, ...]:
    """Names of the Secrets that are missing or hold another value."""
    found = []
    for name, value in sorted(secrets.items()):
        there = api.get(f"/api/v1/namespaces/{place}/secrets/{name}")
        held = base64.b64decode(((there or {}).get("data") or {}).get(KEY, "")).decode(errors="replace")
        if there is None or not hmac.compare_digest(held.encode(), value.encode()):
            found.append(name)
    return tuple(found)
