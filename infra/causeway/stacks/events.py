"""Turns the engine's events into what people are told: resources with their changes, warnings and errors."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from pulumi.automation.events import EngineEvent, StepEventMetadata

from causeway.hosts.model import OUT_OF_SERVICE
from causeway.stacks.model import Change, Standing, Told

OWN = "causeway:index:"
QUIET = {"same", "read", "refresh", "discard"}
_COLOUR = re.compile(r"<\{%.*?%\}>|\x1b\[[0-9;]*m")
_LONGEST = 100
SUMMARY = "summary"
PROTECTED = (
    "it is leased capacity, and no approval to give it up counts; to do: put it back into the declaration as it was, "
    "if it has gone from there, and add {operation: destroy, subject: LEASE, approved_by: ..., expires: ...} to "
    "policy.approvals; run `causeway up` on this stack; then take it away again"
)


class Gathered:
    """Takes a run's events, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._changes: dict[str, Change] = {}
        self._told: dict[Told, None] = {}
        self._failed: set[str] = set()
        self._standing: dict[str, tuple[str, tuple[str, ...]]] = {}
        self.same = 0
        self.finished: set[str] = set()

    def __call__(self, event: EngineEvent) -> None:
        """Take one event."""
        with self._lock:
            if event.resource_pre_event is not None:
                self._step(event.resource_pre_event.metadata)
            elif event.res_outputs_event is not None:
                self.finished.add(event.res_outputs_event.metadata.urn)
                self._stands(event.res_outputs_event.metadata)
            elif event.res_op_failed_event is not None:
                self._failed.add(event.res_op_failed_event.metadata.urn)
            elif event.diagnostic_event is not None and not event.diagnostic_event.ephemeral:
                said = event.diagnostic_event
                text = _in_own_words(_COLOUR.sub("", said.message).strip())
                if said.severity in ("warning", "error") and text:
                    self._told.setdefault(Told(said.severity, name_of(said.urn or ""), text))

    @property
    def changes(self) -> tuple[Change, ...]:
        """What changes, in the order of the engine."""
        with self._lock:
            return tuple(self._changes.values())

    @property
    def told(self) -> tuple[Told, ...]:
        """Warnings and errors, each once."""
        with self._lock:
            return tuple(self._told)

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the resources that failed."""
        with self._lock:
            return tuple(sorted(name_of(urn) for urn in self._failed))

    @property
    def standing(self) -> Standing:
        """What the stack holds."""
        with self._lock:
            return _standing(self._standing.values())

    @property
    def whole(self) -> bool:
        """Whether every host is as it should be, or is declared to be left alone."""
        with self._lock:
            states = [state for kind, hosts in self._standing.values() if kind == "Baseline" for state in hosts]
        return all(state.startswith("ok ") or state == OUT_OF_SERVICE for state in states)

    def _stands(self, step: StepEventMetadata) -> None:
        """Keep what a resource last said it holds; what is gone holds nothing."""
        state = step.new or step.old
        if state is None or not step.type.startswith(OWN) or not state.custom:
            return
        if step.new is None:
            self._standing.pop(step.urn, None)
            return
        outputs = step.new.outputs or (step.old.outputs if step.old else None) or {}
        self._standing[step.urn] = _held(step.type, outputs)

    def _step(self, step: StepEventMetadata) -> None:
        operation = str(getattr(step.op, "value", step.op))
        state = step.new or step.old
        if not step.type.startswith(OWN) or (state is not None and not state.custom):
            return  # components group what is theirs, and do nothing
        self._stands(step)
        if operation in QUIET:
            self.same += 1
            return
        kept = self._changes.get(step.urn)
        if kept is not None and operation.endswith("-replaced"):
            return
        self._changes[step.urn] = Change(
            step.type.rsplit(":", 1)[-1], name_of(step.urn), operation.removesuffix("-replacement"), _details(step)
        )


def standing(deployment: Mapping[str, Any]) -> Standing:
    """What a stack holds by its state, also after a run that failed: the events of that do not tell how hosts ended.

    Args:
        deployment: the state, as `pulumi stack export` tells it under `deployment`.
    """
    kept = [each for each in deployment.get("resources") or () if each.get("custom") and not each.get("delete")]
    own = [(str(each["type"]), each.get("outputs") or {}) for each in kept if str(each["type"]).startswith(OWN)]
    return _standing(_held(kind, outputs) for kind, outputs in own)


def _held(kind: str, outputs: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """A resource's kind, and the states of its hosts."""
    hosts = outputs.get("state")
    return kind.rsplit(":", 1)[-1], tuple(map(str, hosts.values())) if isinstance(hosts, Mapping) else ()


def _standing(held: Iterable[tuple[str, tuple[str, ...]]]) -> Standing:
    every = list(held)
    kinds = [kind for kind, _ in every]
    states = [state for kind, hosts in every if kind == "Baseline" for state in hosts]
    verified = sum(state.startswith("ok ") for state in states)
    return Standing(verified, len(states), kinds.count("Release"), kinds.count("Lease"))


def _in_own_words(text: str) -> str:
    """The engine's text, or what Causeway says instead of advice that would go round an approval."""
    return PROTECTED if "cannot be deleted" in text and "because it is protected" in text else text


def name_of(urn: str) -> str:
    """The resource's name in a URN."""
    return urn.rsplit("::", 1)[-1]


def _details(step: StepEventMetadata) -> Mapping[str, str]:
    old = dict(step.old.inputs or {}) if step.old else {}
    old_outputs = dict(step.old.outputs or {}) if step.old else {}
    new = dict(step.new.inputs or {}) if step.new else {}
    found: dict[str, str] = {}
    for path, difference in (step.detailed_diff or {}).items():
        before = at(old if difference.input_diff else old_outputs, path)
        found[path] = f"{_short(before)} => {_short(at(new, path))}"
    if new.get(SUMMARY) and (step.old is None or SUMMARY in found):
        found[SUMMARY] = str(new[SUMMARY])  # it says itself what changes; a new pool has nothing else to show
    return found


_STEP = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.\[\]]+)')


def at(document: Any, path: str) -> Any:
    """The value at a property path such as `state["cn-asc-01"]`; None when nothing is there."""
    value = document
    for quoted, index, bare in _STEP.findall(path):
        key = quoted or bare
        if index and isinstance(value, list) and int(index) < len(value):
            value = value[int(index)]
        elif isinstance(value, dict) and key in value:
            value = value[key]
        else:
            return None
    return value


def _short(value: Any) -> str:
    if value is None:
        return "nothing"
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
