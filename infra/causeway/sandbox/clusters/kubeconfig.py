"""The kubeconfig that the user gets: every cluster of the sandbox, contexts named as the clusters."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from causeway.sandbox import ssh
from causeway.sandbox.clusters.api import Access


def document(accesses: Sequence[Access]) -> dict[str, Any]:
    """The kubeconfig of `accesses`, certificates inside, so that the file alone can be copied."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": accesses[0].cluster if accesses else "",
        "clusters": [
            {"name": a.cluster, "cluster": {"server": a.server, "certificate-authority-data": _inline(a.ca)}}
            for a in accesses
        ],
        "users": [
            {
                "name": a.cluster,
                "user": {"client-certificate-data": _inline(a.certificate), "client-key-data": _inline(a.key)},
            }
            for a in accesses
        ],
        "contexts": [{"name": a.cluster, "context": {"cluster": a.cluster, "user": a.cluster}} for a in accesses],
    }


def write(path: Path, accesses: Sequence[Access]) -> bool:
    """Write the kubeconfig for the owner alone, whole or not at all. Returns whether anything changed.

    A namespace or a current context that the user has set is kept.
    """
    wanted = document(accesses)
    existing = _existing(path)
    names = {access.cluster for access in accesses}
    if existing.get("current-context") in names:
        wanted["current-context"] = existing["current-context"]
    namespaces = {
        entry["name"]: entry["context"]["namespace"]
        for entry in existing.get("contexts") or []
        if "namespace" in entry.get("context", {})
    }
    for entry in wanted["contexts"]:
        if entry["name"] in namespaces:
            entry["context"]["namespace"] = namespaces[entry["name"]]
    if existing == wanted and path.stat().st_mode & 0o777 == 0o600:
        return False
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.touch(mode=0o600)
    aside.write_text(yaml.safe_dump(wanted, sort_keys=False))
    ssh.give_to_user(aside)
    aside.rename(path)
    return True


def _inline(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def _existing(path: Path) -> dict[str, Any]:
    try:
        found = yaml.safe_load(path.read_text())
    except (FileNotFoundError, yaml.YAMLError):
        return {}
    return found if isinstance(found, dict) else {}
