"""The provider's package schema, for `pulumi package get-schema` and for programs in other languages.

Shape: https://www.pulumi.com/docs/iac/extending-pulumi/schema/
"""

from __future__ import annotations

import json
from typing import Any

_TEXT: dict[str, Any] = {"type": "string"}
_NUMBER: dict[str, Any] = {"type": "integer"}
_ANY = {"$ref": "pulumi.json#/Any"}
_MAP: dict[str, Any] = {"type": "object", "additionalProperties": _ANY}
_TEXTS: dict[str, Any] = {"type": "object", "additionalProperties": _TEXT}
_SECRETS = {**_TEXTS, "secret": True}
_LIST: dict[str, Any] = {"type": "array", "items": _TEXT}

_LEASE = {
    **dict.fromkeys(("lease", "site", "accelerator", "start", "end", "price", "noticeBy"), _TEXT),
    **dict.fromkeys(("quantity", "share"), _NUMBER),
    "protection": _MAP,
}
_BASELINE = {
    **dict.fromkeys(("fleet", "cluster", "pool", "role", "address", "code", "timeZone", "resource"), _TEXT),
    **dict.fromkeys(("context", "connection", "variables", "overrides", "rollout", "protection"), _MAP),
    **dict.fromkeys(("disruption", "onDrain", "access"), _TEXTS),
    **dict.fromkeys(("room", "accelerators"), _NUMBER),
    "codeDisruption": _TEXT,
    "hosts": _LIST,
    "secrets": _SECRETS,
}
_RELEASE = {
    **dict.fromkeys(("release", "namespace", "chart", "version", "digest", "kubernetes"), _TEXT),
    **dict.fromkeys(("values", "objects", "hooks", "crds"), _MAP),
    "access": _TEXTS,
    "secrets": _SECRETS,
}


def _resource(text: str, inputs: dict[str, Any], required: tuple[str, ...], outputs: dict[str, Any]) -> dict[str, Any]:
    return {
        "description": text,
        "inputProperties": inputs,
        "requiredInputs": list(required),
        "properties": outputs,
        "required": list(outputs),
    }


def package_schema(version: str) -> str:
    """The schema as JSON. `docs/program.md` tells what each property means."""
    lease = ("lease", "site", "accelerator", "quantity", "share", "start", "end")
    resources = {
        "causeway:index:Baseline": _resource(
            "A pool's hosts, kept at their desired states.",
            _BASELINE,
            ("fleet", "cluster", "pool", "hosts"),
            {"state": _TEXTS},
        ),
        "causeway:index:Release": _resource(
            "A Helm release, shown object by object.",
            _RELEASE,
            ("release", "namespace", "chart", "access"),
            {"status": _TEXT},
        ),
        "causeway:index:Lease": _resource(
            "A lease, and this stack's share of it.", _LEASE, lease, {name: _LEASE[name] for name in lease}
        ),
    }
    variables = {
        "hmacKey": {**_TEXT, "secret": True, "description": "Key with which secrets enter fingerprints."},
        "asOf": {**_TEXT, "description": "The day on which approvals are read; default today."},
    }
    whole = {
        "name": "causeway",
        "version": version,
        "description": "Hybrid AI datacenters from one declaration.",
        "license": "Apache-2.0",
        "config": {"variables": variables},
        "provider": {"inputProperties": variables},
        "resources": resources,
    }
    return json.dumps(whole)
