"""Kubernetes objects as documents: their keys, and the YAML that Helm prints read as Helm itself reads it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from causeway.cluster.model import Object, Rendered
from causeway.errors import Permanent

HOOK = "helm.sh/hook"
_SOURCE = re.compile(r"^# Source: (\S+)", re.MULTILINE)
_DOCUMENT = re.compile(r"(?:^|\n)---[ \t]*(?:\n|$)")
_CLUSTER_WIDE = frozenset(
    {
        *("Namespace", "Node", "PersistentVolume", "CustomResourceDefinition", "APIService", "RuntimeClass"),
        *("PriorityClass", "StorageClass", "VolumeAttachment", "CSIDriver", "CSINode", "IngressClass", "DeviceClass"),
        *("ClusterRole", "ClusterRoleBinding", "CertificateSigningRequest", "FlowSchema", "ResourceSlice"),
        *("PriorityLevelConfiguration", "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"),
        *("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "MutatingAdmissionPolicy"),
        *("GatewayClass", "NodeFeatureRule", "NodeFeatureGroup", "ClusterIssuer", "ClusterPolicy"),
        *("ClusterQueue", "ResourceFlavor", "WorkloadPriorityClass", "ClusterSecretStore", "ClusterExternalSecret"),
    }
)
"""Kinds without a namespace: Kubernetes' own, and those of components that clusters of accelerators have."""


class _Loader(yaml.CSafeLoader):
    """YAML as go-yaml reads it into JSON: no dates, no base 60, numbers such as `1e3`."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"^(?:y|Y|yes|Yes|YES|on|On|ON|true|True|TRUE|n|N|no|No|NO|off|Off|OFF|false|False|FALSE)$", "yYnNtTfFoO"),
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("int", r"^[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|(?:0|[1-9][0-9_]*))$", "-+0123456789"),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?$", "-+.0123456789"),
    ("merge", r"^<<$", "<"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))


def _word(loader: _Loader, node: yaml.ScalarNode) -> str:
    return str(loader.construct_scalar(node))


def _bool(loader: _Loader, node: yaml.ScalarNode) -> bool:
    return str(loader.construct_scalar(node)).lower() in {"y", "yes", "on", "true"}


def _int(loader: _Loader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node)).replace("_", "")
    digits = text.lstrip("+-")
    base = 10 if digits == "0" or not digits.startswith("0") else 0
    found = int(digits, 8) if base == 0 and digits[1].isdigit() else int(digits, base)
    return -found if text.startswith("-") else found


def _float(loader: _Loader, node: yaml.ScalarNode) -> float | int:
    found = float(str(loader.construct_scalar(node)).replace("_", ""))
    return int(found) if found.is_integer() and abs(found) < 2**53 else found


_Loader.add_constructor("tag:yaml.org,2002:merge", _word)
_Loader.add_constructor("tag:yaml.org,2002:bool", _bool)
_Loader.add_constructor("tag:yaml.org,2002:int", _int)
_Loader.add_constructor("tag:yaml.org,2002:float", _float)


@dataclass(frozen=True, slots=True)
class Part:
    """One document of a rendered chart, with the template that it came from."""

    source: str
    document: Any


def documents(text: str) -> Iterator[Part]:
    """The documents that `helm template` printed, those that hold nothing left out.

    Raises:
        Permanent: one is no YAML.
    """
    for piece in _DOCUMENT.split(text):
        source = _SOURCE.search(piece)
        name = source[1] if source else ""
        try:
            document = yaml.load(piece, Loader=_Loader)  # noqa: S506 - a safe loader's subclass
        except yaml.YAMLError as error:
            problem = str(getattr(error, "problem", error))
            raise Permanent("bad-manifest", f"the chart rendered no YAML: {problem}", subject=name) from error
        if document is not None:
            yield Part(name, document)


def key_of(document: Object, namespace: str) -> str:
    """An object's key. An object that names no namespace lies in the release's, unless its kind has none."""
    metadata = document.get("metadata") or {}
    wide = document.get("kind") in _CLUSTER_WIDE
    place = "" if wide else metadata.get("namespace") or namespace
    return f"{document['apiVersion']}/{document['kind']}/{place}/{metadata['name']}"


def rendered(parts: Iterable[Part], namespace: str) -> Rendered:
    """The parts by key, hooks and definitions apart.

    Raises:
        Permanent: a document is no object, or two are the same object.
    """
    objects: dict[str, Object] = {}
    hooks: dict[str, Object] = {}
    crds: dict[str, Object] = {}
    for part in parts:
        for document in _items(part):
            key = key_of(document, namespace)
            group = crds if _is_definition(part.source) else hooks if HOOK in _annotations(document) else objects
            if key in group:
                reason = "the chart renders this object twice"
                raise Permanent("duplicate-object", reason, subject=key, where=part.source or None)
            group[key] = _ordered(document)
    return Rendered(*(dict(sorted(group.items())) for group in (objects, hooks, crds)))


def _ordered(value: Any) -> Any:
    """The same with its keys in order, so that equal objects are equal bytes."""
    if isinstance(value, Mapping):
        return {key: _ordered(value[key]) for key in sorted(value)}
    return [_ordered(each) for each in value] if isinstance(value, list) else value


def _items(part: Part) -> Iterator[Object]:
    document = part.document
    if isinstance(document, Mapping) and document.get("kind") == "List" and isinstance(document.get("items"), list):
        for item in document["items"]:
            yield from _items(Part(part.source, item))
        return
    metadata = document.get("metadata") if isinstance(document, Mapping) else None
    named = isinstance(metadata, Mapping) and isinstance(metadata.get("name"), str)
    if not named or not all(isinstance(document.get(word), str) for word in ("apiVersion", "kind")):
        reason = "the chart rendered a document without apiVersion, kind or metadata.name"
        raise Permanent("bad-manifest", reason, subject=part.source, hint="helm template shows it")
    yield document


def _is_definition(source: str) -> bool:
    """Whether a part came from a `crds` folder of a chart or of a chart below it."""
    return re.search(r"(?:^|/)[^/]+/crds/", source) is not None and "/templates/" not in source


def _annotations(document: Object) -> Mapping[str, Any]:
    return (document.get("metadata") or {}).get("annotations") or {}
