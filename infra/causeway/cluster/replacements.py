"""Objects that cannot be changed in place: which, and how they are deleted before Helm makes them again."""

from __future__ import annotations

import time
from collections.abc import Mapping

from causeway.cluster import patience
from causeway.cluster.api import Api
from causeway.cluster.compare import compare
from causeway.cluster.immutable import KEPT
from causeway.cluster.model import Object, ObjectChange, Rendered
from causeway.cluster.rehearse import Rehearsed
from causeway.errors import Permanent, Problems, Retryable

_GONE_S = 120.0


def needed(old: Rendered, new: Rendered, rehearsed: tuple[Rehearsed, ...]) -> tuple[ObjectChange, ...]:
    """The objects to delete and make again.

    Raises:
        Problems: one of them holds data.
    """
    there = {each.key for each in rehearsed if each.change is not None and each.change.action != "create"}
    predicted = {each.key: each for each in compare(old.objects, new.objects) if each.action == "replace"}
    told_now = {each.key: each.change for each in rehearsed if each.change and each.change.action == "replace"}
    found = {**{key: each for key, each in predicted.items() if key in there}, **told_now}
    hint = "it holds data, so Causeway does not delete it: change it back, or move the data and delete it yourself"
    kept = tuple(
        Permanent("object-immutable", each.reason, subject=key, hint=hint)
        for key, each in found.items()
        if new.objects[key]["kind"] in KEPT
    )
    if kept:
        raise Problems(kept)
    return tuple(found[key] for key in sorted(found))


def delete(api: Api, key: str, documents: Mapping[str, Object], namespace: str) -> None:
    """Delete an object and wait until it and what it owns are gone."""
    document = documents[key]
    path = api.path_of(document, namespace)
    if path is None:
        return
    api.delete(path, "Foreground")
    deadline = time.monotonic() + _GONE_S + patience.grace(document)
    while api.get(path) is not None:
        if time.monotonic() > deadline:
            hint = "look at its finalizers and at its pods; then run it again"
            raise Retryable(
                "object-not-gone", "it was deleted and is still there", subject=key, where=api.where, hint=hint
            )
        time.sleep(0.5)
