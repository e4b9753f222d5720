"""Definitions of kinds (CRDs) from the charts' `crds` folders: applied before the release, waited for, never deleted.

Helm installs these once and never updates them. Causeway applies them itself, server-side under the field manager
`causeway`, so that a preview that shows their change is true.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from causeway.cluster.api import APPLY, Api
from causeway.cluster.compare import fields_of
from causeway.cluster.model import Object
from causeway.cluster.secrets import MANAGER
from causeway.errors import Retryable

_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_READY_S = 60.0


def kinds(definitions: Mapping[str, Object]) -> frozenset[str]:
    """The kinds that definitions bring, `<apiVersion>/<Kind>`."""
    return frozenset(
        f"{each['spec']['group']}/{version['name']}/{each['spec']['names']['kind']}"
        for each in definitions.values()
        for version in each["spec"]["versions"]
    )


def stale(api: Api, definitions: Mapping[str, Object]) -> bool:
    """Whether applying would change anything."""
    return any(_differs(api, each) for each in definitions.values())


def apply(api: Api, definitions: Mapping[str, Object]) -> None:
    """Apply what differs, and wait until the cluster knows the kinds.

    Raises:
        Retryable: the cluster does not take them within a minute.
    """
    changed = [each for each in definitions.values() if _differs(api, each)]
    for each in changed:
        api.request("PATCH", _path(each), each, kind=APPLY, query={"fieldManager": MANAGER, "force": "true"})
    deadline = time.monotonic() + _READY_S
    for each in changed:
        while not _established(api.get(_path(each)) or {}):
            if time.monotonic() > deadline:
                name = each["metadata"]["name"]
                raise Retryable("kind-not-ready", "the cluster does not serve it yet", subject=name, where=api.where)
            time.sleep(0.2)


def _differs(api: Api, definition: Object) -> bool:
    live = api.get(_path(definition))
    if live is None:
        return True
    query = {"fieldManager": MANAGER, "force": "true", "dryRun": "All"}
    result = api.request("PATCH", _path(definition), definition, kind=APPLY, query=query)
    return any(fields_of({"metadata": {}, "spec": live["spec"]}, {"metadata": {}, "spec": result["spec"]}))


def _path(definition: Object) -> str:
    return f"{_PATH}/{definition['metadata']['name']}"


def _established(live: Object) -> bool:
    conditions = (live.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)
