"""Kinds that the charts use and Kubernetes does not bring: the tests' cluster gets them before anything else."""

from __future__ import annotations

from typing import Any

TEXT = {"type": "string"}
TEXTS = {"type": "object", "additionalProperties": TEXT}


def documents() -> list[dict[str, Any]]:
    """The definitions that are applied to the cluster."""
    return [node_feature_rule()]


def node_feature_rule() -> dict[str, Any]:
    """Node Feature Discovery's NodeFeatureRule, with the fields that the chart uses and no others.

    NFD's own definition takes more; what passes here passes there. Fields and operators:
    https://kubernetes-sigs.github.io/node-feature-discovery/stable/usage/customization-guide
    """
    operators = ["In", "NotIn", "InRegexp", "Exists", "DoesNotExist", "Gt", "Lt", "GtLt", "IsTrue", "IsFalse"]
    expression = _object({"op": {"type": "string", "enum": operators}, "value": _list(TEXT)}, "op")
    term = _object(
        {"feature": TEXT, "matchExpressions": {"type": "object", "additionalProperties": expression}}, "feature"
    )
    rule = _object({"name": TEXT, "labels": TEXTS, "matchFeatures": _list(term)}, "name")
    return _definition("nfd.k8s-sigs.io", "v1alpha1", "NodeFeatureRule", _object({"rules": _list(rule)}, "rules"))


def _object(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _definition(group: str, version: str, kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    plural = f"{kind.lower()}s"
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "names": {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()},
            "scope": "Cluster",
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": _object({"spec": spec}, "spec")},
                }
            ],
        },
    }
