"""Asks the API server what applying a release would do, before anything changes.

Each object is patched server-side with dry run under Helm's field manager, as Helm itself will patch it. Told are: what
admission refuses, fields that others own, objects of another release, kinds that the cluster does not know, changes
that need a replacement, and values that the server makes into others. Hooks, which Helm makes anew each time, are
created with dry run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from causeway.cluster.api import APPLY, Api, Refused
from causeway.cluster.compare import fields_of, same
from causeway.cluster.immutable import KEPT, immutable
from causeway.cluster.model import FieldChange, Object, ObjectChange
from causeway.cluster.objects import HOOK
from causeway.errors import CausewayError, Permanent

HELM = "helm"
"""The field manager that Helm calls itself."""
_BY_HAND = re.compile(r"^(?:kubectl|before-first-apply|k9s|lens|helm|causeway|Mozilla|node-fetch)", re.IGNORECASE)
"""Managers behind which people stand; what they wrote gives way to the declaration. All others are controllers."""
_CONFLICT = re.compile(r'conflict with "(?P<manager>[^"]+)"')
_AT_ONCE = 8
_HOOK_EVENTS = {"pre-install", "post-install", "pre-upgrade", "post-upgrade"}
"""Hooks that run when a release comes up."""
_BOOKKEEPING = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink")


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What the server says of one object.

    Args:
        change: what would change on the cluster; None for nothing.
        refused: why it cannot be applied.
        taken: fields that people changed by hand and that are taken back.
        notes: what else a person should know.
    """

    key: str
    change: ObjectChange | None = None
    refused: CausewayError | None = None
    taken: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Release:
    """Whose objects they are."""

    name: str
    namespace: str

    def marked(self, document: Object) -> dict[str, Any]:
        """An object with the marks by which Helm knows its own."""
        metadata = dict(document["metadata"])
        metadata["labels"] = {**(metadata.get("labels") or {}), "app.kubernetes.io/managed-by": "Helm"}
        metadata["annotations"] = {**(metadata.get("annotations") or {}), **self.marks}
        return {**document, "metadata": metadata}

    @property
    def marks(self) -> dict[str, str]:
        """The annotations by which Helm knows its own."""
        return {"meta.helm.sh/release-name": self.name, "meta.helm.sh/release-namespace": self.namespace}


@dataclass(frozen=True)
class Rehearsal:
    """A rehearsal of one release on one cluster.

    Args:
        coming: kinds that the release's own definitions bring, `<apiVersion>/<Kind>`.
        before: what the release rendered last, to tell which immutable field changes.
    """

    api: Api
    release: Release
    coming: frozenset[str] = frozenset()
    before: Mapping[str, Object] = field(default_factory=dict)

    def all(self, documents: Mapping[str, Object]) -> tuple[Rehearsed, ...]:
        """Every object, in the order of their keys."""
        for document in documents.values():  # asked once, not by every thread
            self.api.kind(str(document["apiVersion"]), str(document["kind"]))
        with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
            return tuple(pool.map(lambda each: self.one(*each), sorted(documents.items())))

    def one(self, key: str, document: Object) -> Rehearsed:
        """One object."""
        path = self.api.path_of(document, self.release.namespace)
        if path is None:
            return self._unknown(key, document)
        live = self.api.get(path)
        if live is not None and (refused := self._of_others(key, live)):
            return Rehearsed(key, refused=refused)
        wanted = self.release.marked(document)
        taken: tuple[str, ...] = ()
        try:
            result = self._patch(path, wanted, force=False)
        except Refused as error:
            if error.status != 409:
                return self._refused(key, live, document, error)
            foreign, taken = _conflicts(error)
            if foreign:
                return Rehearsed(key, refused=_owned(key, foreign))
            try:
                result = self._patch(path, wanted, force=True)
            except Refused as again:
                return self._refused(key, live, document, again)
        notes = tuple(
            f"{key}: the API server makes {each.shown} {each.new!r}, not {each.old!r}"
            for each in _bent(document, result)
        )
        if live is None:
            return Rehearsed(key, ObjectChange(key, "create"), notes=notes)
        fields = tuple(fields_of(_essence(live), _essence(result)))
        return Rehearsed(key, ObjectChange(key, "change", fields) if fields else None, taken=taken, notes=notes)

    def hooks(self, documents: Mapping[str, Object]) -> tuple[CausewayError, ...]:
        """What the server would refuse of the hooks that run when the release comes up."""
        asked = {key: each for key, each in documents.items() if _HOOK_EVENTS & _events(each)}
        found = (self._hook(key, each) for key, each in sorted(asked.items()))
        return tuple(each for each in found if each is not None)

    def _hook(self, key: str, document: Object) -> CausewayError | None:
        kind = self.api.kind(str(document["apiVersion"]), str(document["kind"]))
        if kind is None:
            return self._unknown(key, document).refused
        path = kind.path(document["metadata"].get("namespace") or self.release.namespace)
        query = {"dryRun": "All", "fieldManager": HELM, "fieldValidation": "Warn"}
        try:
            self.api.request("POST", path, document, query=query)
        except Refused as error:
            # one that is left of the last time is asked about last of all, and Helm deletes it first
            return None if error.status == 409 else self._refused(key, None, document, error).refused
        return None

    def _patch(self, path: str, wanted: Object, *, force: bool) -> dict[str, Any]:
        query = {"dryRun": "All", "fieldManager": HELM, "force": str(force).lower(), "fieldValidation": "Warn"}
        return self.api.request("PATCH", path, wanted, kind=APPLY, query=query)

    def _unknown(self, key: str, document: Object) -> Rehearsed:
        kind = f"{document['apiVersion']}/{document['kind']}"
        if kind in self.coming:
            return Rehearsed(key, ObjectChange(key, "create"))
        reason = f"the cluster does not know the kind {document['kind']} of {document['apiVersion']}"
        hint = "install what brings it (its definitions, or the operator), or leave it out by the chart's values"
        return Rehearsed(key, refused=Permanent("kind-unknown", reason, subject=key, where=self.api.where, hint=hint))

    def _of_others(self, key: str, live: Object) -> CausewayError | None:
        annotations = live["metadata"].get("annotations") or {}
        owner = {name: annotations.get(name) for name in self.release.marks}
        if owner == self.release.marks:
            return None
        whose = (
            f"the release {'/'.join(str(each) for each in reversed(owner.values()))}"
            if all(owner.values())
            else "no release"
        )
        reason = f"it is on the cluster already and belongs to {whose}"
        words = " ".join(f"{name}={value}" for name, value in self.release.marks.items())
        hint = f"delete or rename it, or annotate it with {words} and label it app.kubernetes.io/managed-by=Helm"
        return Permanent("object-owned", reason, subject=key, where=self.api.where, hint=hint)

    def _refused(self, key: str, live: Object | None, document: Object, error: Refused) -> Rehearsed:
        """A change of an immutable field is a replacement; all else is said as the server says it."""
        if (
            error.status == 422
            and live is not None
            and ("immutable" in error.reason or "may not be changed" in error.reason or "updates to" in error.reason)
        ):
            known = self.before.get(key) or document
            fields = tuple(fields_of(known, document))
            reason = immutable(known, document, fields) or _immutable_field(error)
            if document["kind"] not in KEPT:
                return Rehearsed(key, ObjectChange(key, "replace", fields, reason))
            hint = (
                "it holds data, so Causeway does not delete it: change it back, or move the data and delete it yourself"
            )
            return Rehearsed(
                key, refused=Permanent("object-immutable", reason, subject=key, where=self.api.where, hint=hint)
            )
        missing = error.status == 404 and "namespaces" in error.reason
        hint = (
            "make the namespace first, or let the chart make it"
            if missing
            else "change the values; the cluster's admission rules say what they want"
        )
        reason = f"the API server refuses it: {error.reason}"
        return Rehearsed(key, refused=Permanent("object-refused", reason, subject=key, where=self.api.where, hint=hint))


def _events(hook: Object) -> set[str]:
    told = str((hook["metadata"].get("annotations") or {}).get(HOOK, ""))
    return {each.strip() for each in told.split(",")}


def _immutable_field(error: Refused) -> str:
    fields = ", ".join(sorted({str(each.get("field")) for each in error.causes if each.get("field")}))
    return f"{fields or 'a field'} cannot be changed"


def _conflicts(error: Refused) -> tuple[dict[str, list[str]], tuple[str, ...]]:
    """Fields that controllers own, by manager, and fields that people changed by hand."""
    foreign: dict[str, list[str]] = {}
    taken: list[str] = []
    for cause in error.causes:
        match = _CONFLICT.search(str(cause.get("message", "")))
        manager, name = match["manager"] if match else "somebody", str(cause.get("field", "")).lstrip(".")
        if _BY_HAND.match(manager):
            taken.append(f"{name} (by {manager})")
        else:
            foreign.setdefault(manager, []).append(name)
    return foreign, tuple(taken)


def _owned(key: str, foreign: Mapping[str, list[str]]) -> CausewayError:
    told = "; ".join(f"{manager} owns {', '.join(sorted(names))}" for manager, names in sorted(foreign.items()))
    hint = "leave these fields out by the chart's values, or stop that controller from writing them"
    return Permanent("field-owned", f"another controller writes fields of it: {told}", subject=key, hint=hint)


def _essence(document: Object) -> dict[str, Any]:
    """An object without what the server alone writes."""
    metadata = {key: value for key, value in document["metadata"].items() if key not in _BOOKKEEPING}
    return {**{key: value for key, value in document.items() if key != "status"}, "metadata": metadata}


def _bent(wanted: Object, result: Object) -> Iterator[FieldChange]:
    """The fields that were asked for and became something else: defaults and admission, at work."""
    for change in fields_of(wanted, _essence(result)):
        if change.old is None or isinstance(change.old, dict | list) or same(change.old, change.new, change.steps):
            continue
        if change.new is None and change.old in ("", 0, False):
            continue  # an empty value and none are one to the server
        if change.steps[:2] != ("metadata", "labels"):
            yield change


def refusals(rehearsed: tuple[Rehearsed, ...]) -> tuple[CausewayError, ...]:
    """What keeps the release from being applied."""
    return tuple(each.refused for each in rehearsed if each.refused is not None)
