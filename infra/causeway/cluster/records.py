"""Helm's own records of a release: Secrets in its namespace, one a revision, a gzipped document inside.

Their form: helm.sh/helm/v4, pkg/storage/driver (labels, `encodeRelease`).
"""

from __future__ import annotations

import base64
import binascii
import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from causeway.cluster import objects
from causeway.cluster.api import MERGE, Api
from causeway.cluster.model import Rendered
from causeway.errors import Permanent

MACHINE = "causeway-machine"
"""Label of a record: the machine that ran the Helm which made it."""
_PENDING = "pending-"


@dataclass(frozen=True, slots=True)
class Record:
    """One revision of a release."""

    secret: str
    labels: Mapping[str, str]
    document: Mapping[str, Any] = field(repr=False)

    @property
    def revision(self) -> int:
        """Number of the revision."""
        return int(self.document["version"])

    @property
    def status(self) -> str:
        """`deployed`, `failed`, `superseded`, `uninstalled`, `pending-install`, ..."""
        return str(self.document["info"]["status"])

    @property
    def pending(self) -> bool:
        """Whether a Helm says that it is at work on it."""
        return self.status.startswith(_PENDING)

    @property
    def values(self) -> Mapping[str, Any]:
        """The values that it was given."""
        return self.document.get("config") or {}

    @property
    def began(self) -> datetime | None:
        """When it was begun."""
        try:
            return datetime.fromisoformat(str(self.document["info"]["last_deployed"]))
        except (KeyError, ValueError):
            return None

    def rendered(self) -> Rendered:
        """Its objects and hooks; the definitions of a chart's `crds` folder are not kept in a record."""
        namespace = str(self.document["namespace"])
        parts = [*objects.documents(str(self.document.get("manifest") or ""))]
        for hook in self.document.get("hooks") or ():
            parts += [
                objects.Part(str(hook.get("path")), part.document) for part in objects.documents(hook["manifest"])
            ]
        return objects.rendered(parts, namespace)


def history(api: Api, namespace: str, name: str) -> tuple[Record, ...]:
    """Every revision that is kept, the latest first.

    Raises:
        Permanent: a record cannot be read.
    """
    path = f"/api/v1/namespaces/{namespace}/secrets"
    found = [_record(each, api) for each in api.items(path, {"labelSelector": f"owner=helm,name={name}"})]
    return tuple(sorted(found, key=lambda each: -each.revision))


def unlock(api: Api, record: Record) -> None:
    """Say of a revision whose Helm was killed that it failed, so that the next one may go on from what is there."""
    info = {**record.document["info"], "status": "failed", "description": "its Helm was killed; noted by causeway"}
    data = json.dumps({**record.document, "info": info}, separators=(",", ":")).encode()
    packed = base64.b64encode(base64.b64encode(gzip.compress(data, mtime=0))).decode()
    path = f"/api/v1/namespaces/{record.document['namespace']}/secrets/{record.secret}"
    api.request("PATCH", path, {"metadata": {"labels": {"status": "failed"}}, "data": {"release": packed}}, kind=MERGE)


def _record(secret: Mapping[str, Any], api: Api) -> Record:
    metadata = secret["metadata"]
    try:
        packed = base64.b64decode(base64.b64decode(secret["data"]["release"]))
        document = json.loads(gzip.decompress(packed) if packed[:2] == b"\x1f\x8b" else packed)
        return Record(metadata["name"], metadata.get("labels") or {}, document)
    except (KeyError, ValueError, binascii.Error, OSError) as error:
        reason = f"Helm's record {metadata['name']} cannot be read"
        hint = f"kubectl -n {metadata['namespace']} get secret {metadata['name']}; delete it if an older one is good"
        raise Permanent("release-record", reason, subject=metadata["name"], where=api.where, hint=hint) from error
