"""Kubernetes objects as files: a stable name for each, and YAML that every reader takes for the same object."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import yaml

from causeway.cluster.model import Object

HEADER = "# Written by causeway render; the declaration is where to change it.\n"
_KEPT_CRD = {
    "argocd.argoproj.io/sync-options": "Prune=false,Delete=false",
    "kustomize.toolkit.fluxcd.io/prune": "disabled",
}
_OWN_GROUPS = re.compile(r"^(?:v1|(?:apps|batch|policy|autoscaling|extensions|[a-z0-9.-]+\.k8s\.io)/.*)$")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
# Read as something else than text by YAML 1.1 readers, of which Kubernetes' is one and PyYAML's is another.
_AMBIGUOUS = re.compile(r"^(?:[-+]?[.0-9].*|[yYnN]|~|=|<<)$")


class _Dumper(yaml.CSafeDumper):
    """Text over lines as blocks, doubtful words in quotes."""


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else "'" if _AMBIGUOUS.match(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def to_yaml(document: Object) -> str:
    """A document as a file's text; keys are sorted, so that the same object is the same text."""
    return HEADER + yaml.dump(
        _plain(document), Dumper=_Dumper, sort_keys=True, width=120, allow_unicode=True, default_flow_style=False
    )


def scalar(text: Any) -> str:
    """A value within a line of YAML, for templates."""
    if isinstance(text, str) and "\n" in text:
        return json.dumps(text)
    dumped = yaml.dump(text, Dumper=_Dumper, width=10_000, allow_unicode=True, default_flow_style=True)
    return dumped.removesuffix("\n").removesuffix("\n...")


def placed(document: Object, key: str) -> dict[str, Any]:
    """An object that names the namespace which its key says; a GitOps controller knows no release to take it from."""
    namespace = key.split("/")[-2]
    if not namespace:
        return dict(document)
    return {**document, "metadata": {**document["metadata"], "namespace": namespace}}


def kept(definition: Object) -> dict[str, Any]:
    """A definition of a kind that no controller deletes with the release that brought it."""
    metadata = definition["metadata"]
    annotations = {**(metadata.get("annotations") or {}), **_KEPT_CRD}
    return {**definition, "metadata": {**metadata, "annotations": annotations}}


def file_names(objects: Mapping[str, Object], namespace: str) -> dict[str, str]:
    """A file's name for each object, by key: `deployment-doubao-h20.yaml`.

    A kind of somebody's own bears its group. An object in another namespace, or with characters that not all file
    systems take, ends in a hash of its key; so does each of several that would have one name.
    """
    plain = {key: _plain_name(key, document, namespace) for key, document in objects.items()}
    counted = Counter(name.lower() for name in plain.values())
    return {
        key: f"{name if counted[name.lower()] == 1 else f'{name}-{_hash(key)}'}.yaml" for key, name in plain.items()
    }


def _plain_name(key: str, document: Object, namespace: str) -> str:
    version, kind, name = document["apiVersion"], document["kind"].lower(), document["metadata"]["name"]
    group = "" if _OWN_GROUPS.match(version) else f".{version.partition('/')[0]}"
    safe = _UNSAFE.sub("_", f"{kind}{group}-{name}")[:200]
    elsewhere = key.split("/")[-2] not in {"", namespace}
    return f"{safe}-{_hash(key)}" if elsewhere or safe != f"{kind}{group}-{name}" else safe


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:8]


def _plain(value: Any) -> Any:
    """Mappings and sequences of any kind as those that YAML writes; whole numbers as such."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value
