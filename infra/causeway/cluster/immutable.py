"""Which fields Kubernetes does not let anybody change: what changes them is deleted and made again. Pure.

From the validation of Kubernetes 1.34 (pkg/apis/*/validation, the functions Validate*Update).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from causeway.cluster.model import FieldChange, Object

_FIELDS: Mapping[str, tuple[str, ...]] = {
    "Deployment": ("spec.selector",),
    "ReplicaSet": ("spec.selector",),
    "DaemonSet": ("spec.selector",),
    "Job": (
        "spec.template",
        "spec.selector",
        "spec.completionMode",
        "spec.podFailurePolicy",
        "spec.successPolicy",
        "spec.backoffLimitPerIndex",
        "spec.managedBy",
        "spec.podReplacementPolicy",
    ),
    "PersistentVolumeClaim": (
        "spec.accessModes",
        "spec.storageClassName",
        "spec.volumeName",
        "spec.volumeMode",
        "spec.selector",
        "spec.dataSource",
    ),
    "RoleBinding": ("roleRef",),
    "ClusterRoleBinding": ("roleRef",),
    "StorageClass": ("provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"),
    "RuntimeClass": ("handler",),
    "PriorityClass": ("value", "preemptionPolicy"),
    "IngressClass": ("spec.controller",),
    "Secret": ("type",),
    "Pod": ("spec",),
    "CustomResourceDefinition": ("spec.group", "spec.scope", "spec.names.kind", "spec.names.plural"),
}
_STATEFUL_SET = (
    "spec.replicas",
    "spec.ordinals",
    "spec.template",
    "spec.updateStrategy",
    "spec.revisionHistoryLimit",
    "spec.persistentVolumeClaimRetentionPolicy",
    "spec.minReadySeconds",
)
"""What of a StatefulSet may be changed; the rest of its spec may not."""
KEPT = ("PersistentVolumeClaim", "PersistentVolume", "Namespace", "CustomResourceDefinition")
"""Kinds that hold data: Causeway never deletes one to make it again."""


def immutable(old: Object, new: Object, fields: Iterable[FieldChange]) -> str:
    """Why a change cannot be made in place; empty when it can."""
    kind = str(new["kind"])
    names = [".".join(str(step) for step in field.steps) for field in fields]
    if kind == "StatefulSet":
        locked = [name for name in names if name.startswith("spec.") and not _below(name, _STATEFUL_SET)]
    elif kind == "Job":
        # completions may change together with parallelism, both to the same number, when the Job is indexed
        counts = ["spec.completions"] if "spec.completions" in names and not _scaled(new) else []
        locked = [name for name in names if _below(name, (*_FIELDS[kind], *counts))]
    elif kind in {"ConfigMap", "Secret"} and old.get("immutable") is True:
        locked = [name for name in names if not name.startswith("metadata.")]
    else:
        locked = [name for name in names if _below(name, _FIELDS.get(kind, ()))]
    return f"{_top(locked[0], kind)} of a {kind} cannot be changed" if locked else ""


def _scaled(new: Object) -> bool:
    spec = new.get("spec") or {}
    return spec.get("completionMode") == "Indexed" and spec.get("completions") == spec.get("parallelism")


def _below(name: str, tops: Iterable[str]) -> bool:
    return any(name == top or name.startswith(f"{top}.") for top in tops)


def _top(name: str, kind: str) -> str:
    return next((top for top in _FIELDS.get(kind, ()) if _below(name, (top,))), name)
