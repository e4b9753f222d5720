"""Gives a cluster the kinds that charts use and Kubernetes does not bring; what is there is left as it is."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from causeway.assets import definitions_below
from causeway.sandbox.clusters.api import Api, Json
from causeway.sandbox.clusters.processes import wait_until

PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_TIMEOUT_S = 20


def ensure(api: Api) -> int:
    """Make the definitions that a cluster lacks, and wait until it serves them; returns how many those were."""
    folder = definitions_below(Path(sys.prefix)) / "sandbox"
    if not folder.is_dir():
        return 0
    there = {_name(document) for document in api.request("GET", PATH)["items"]}
    made = [document for document in _documents(folder) if _name(document) not in there]
    for document in made:
        api.request("POST", PATH, document)
    for document in made:
        name = _name(document)
        wait_until(partial(_served, api, name), _TIMEOUT_S, f"the cluster to serve {name}", poll=0.1)
    return len(made)


def _documents(folder: Path) -> Iterator[Json]:
    for file in sorted(folder.glob("*.json")):
        yield from json.loads(file.read_bytes())["items"]


def _name(document: Json) -> str:
    return str(document["metadata"]["name"])


def _served(api: Api, name: str) -> bool:
    conditions = api.request("GET", f"{PATH}/{name}").get("status", {}).get("conditions") or []
    return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)
