"""Whether a pod could run on a node, as the scheduler decides it: selectors, affinity, taints. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from causeway.cluster.model import Object


def fits(pod: Object, labels: Mapping[str, str], taints: Iterable[Object]) -> bool:
    """Whether a pod's spec allows a node with these labels and taints.

    Args:
        pod: the `spec` of a pod or of a pod template.
    """
    selector = pod.get("nodeSelector") or {}
    if any(labels.get(key) != value for key, value in selector.items()):
        return False
    affinity = ((pod.get("affinity") or {}).get("nodeAffinity") or {}).get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    ) or {}
    terms = affinity.get("nodeSelectorTerms") or ()
    if terms and not any(_term(term, labels) for term in terms):
        return False
    tolerations = pod.get("tolerations") or ()
    return all(any(_tolerates(each, taint) for each in tolerations) for taint in taints if _keeps_out(taint))


def _keeps_out(taint: Object) -> bool:
    """A cordon's own taint is not one: DaemonSets' pods tolerate it."""
    return taint.get("effect") in {"NoSchedule", "NoExecute"} and not str(taint["key"]).startswith(
        "node.kubernetes.io/"
    )


def _tolerates(toleration: Object, taint: Object) -> bool:
    if toleration.get("effect") and toleration["effect"] != taint.get("effect"):
        return False
    if not toleration.get("key"):
        return toleration.get("operator") == "Exists"
    if toleration["key"] != taint["key"]:
        return False
    return toleration.get("operator") == "Exists" or (toleration.get("value") or "") == (taint.get("value") or "")


def _term(term: Object, labels: Mapping[str, str]) -> bool:
    expressions = term.get("matchExpressions") or ()
    return bool(expressions) and all(_holds(each, labels) for each in expressions)


def _holds(expression: Object, labels: Mapping[str, str]) -> bool:
    value = labels.get(expression["key"])
    values: list[str] = expression.get("values") or []
    match expression["operator"]:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt":
            return value is not None and value.isdigit() and int(value) > int(values[0])
        case _:  # Lt
            return value is not None and value.isdigit() and int(value) < int(values[0])
