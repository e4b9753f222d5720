"""What a preview of a release says is what the API server holds before and after, for generated changes of values.

`make test` runs nine changes (three seeds of three), `make soak` forty-two.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest

from causeway.cluster.compare import compare
from causeway.cluster.model import Object, ObjectChange, Rendered
from causeway.cluster.releases import preview
from tests.cluster.harness import Live, Sample

pytestmark = [pytest.mark.tools, pytest.mark.slow(soak=14)]
CHANGES = 3

SERVER_SET = {
    "bookkeeping": ("metadata.uid", "metadata.resourceVersion", "metadata.generation", "metadata.creationTimestamp"),
    "field managers": ("metadata.managedFields",),
    "status": ("status",),
    "marks of Helm": ("metadata.labels.app.kubernetes.io/managed-by", "metadata.annotations.meta.helm.sh/"),
    "marks of controllers": (
        "metadata.annotations.deployment.kubernetes.io/revision",
        "metadata.annotations.deprecated.daemonset.template.generation",
    ),
}
"""Fields that only the server, Helm and the controllers write; they change with every change of an object."""


def drawn(seed: int) -> list[dict[str, Any]]:
    """Values to begin with, then those after each change."""
    dice = random.Random(seed)
    states = [_step({}, dice, 6)]
    for _ in range(CHANGES):
        states.append(_step(states[-1], dice, dice.randint(1, 4)))
    return states


def _step(values: Mapping[str, Any], dice: random.Random, count: int) -> dict[str, Any]:
    made = dict(values)
    for name in dice.sample(sorted(CHOICES), count):
        made[name] = dice.choice(CHOICES[name])
    return made


CHOICES: dict[str, list[Any]] = {
    "replicas": [0, 1, 2],
    "image": ["registry.test/sample:1", "registry.test/sample:2", "registry.test/sample@sha256:" + "0" * 64],
    "labels": [{}, {"team": "a"}, {"team": "b", "tier": "x"}],
    "env": [{}, {"A": "1"}, {"A": "2", "B": "yes"}, {"B": "0644"}],
    "limits": [{}, {"cpu": "1"}, {"cpu": "1000m", "memory": "1Gi"}, {"cpu": 2, "memory": "1024Mi"}],
    "probe": [True, False],
    "sidecar": [True, False],
    "podAnnotations": [{}, {"note": "a: b"}, {"note": "1e3", "other": "~"}],
    "config": [{}, {"key": "one\ntwo\n"}, {"key": "one", "file.yaml": "a: {b: [1, 2]}"}],
    "extra": [[], ["one"], ["one", "two"], ["two"]],
    "ports": [{"http": 80}, {"http": 8080}, {"http": 80, "metrics": 9090}],
    "budget": [None, 1, 2],
    "job": [None, "a", "b"],
    "hook": [True, False],
}


def test_the_preview_of_changed_values_is_what_the_server_holds_before_and_after(
    live: Live, sample: Sample, seed: int
) -> None:
    states = drawn(seed)
    assert sample.up(states[0]).action == "installed"
    for old, new in pairwise(states):
        before, after = sample.rendered(old), sample.rendered(new)
        predicted = preview(before, after)
        held = held_objects(live, before, after)
        outcome = sample.up(new)
        assert outcome.failure is None, outcome.failure
        actual = compare(held, held_objects(live, before, after))
        assert told(predicted.objects) == told(tuple(actual)), (old, new)
        assert sample.observe(new).changes == ()
        replaced = {each.key for each in predicted.objects if each.action == "replace"}
        assert all(live.object(key) is not None for key in replaced)


def told(changes: tuple[ObjectChange, ...]) -> dict[str, set[str]]:
    """The changed fields by object, server-set ones left out; an object that was replaced is one that was changed."""
    found = {}
    for each in changes:
        fields = {field.shown for field in each.fields if not server_set(field.shown)}
        if fields or each.action in {"create", "delete"}:
            found[f"{'change' if each.fields else each.action} {each.key}"] = fields
    return found


def server_set(shown: str) -> bool:
    plain = shown.replace('["', ".").replace('"]', "")
    return any(plain.startswith(name) for names in SERVER_SET.values() for name in names)


def held_objects(live: Live, *states: Rendered) -> dict[str, Object]:
    """The live objects of these states."""
    keys = {key for state in states for key in state.objects}
    return {key: found for key in sorted(keys) if (found := live.object(key)) is not None}


def test_the_server_sets_five_kinds_of_fields_at_most() -> None:
    assert len(SERVER_SET) <= 5


def test_the_generated_changes_reach_every_value_and_each_kind_of_change() -> None:
    reached = {name for seed in range(20) for state in drawn(seed) for name in state}
    assert reached == CHOICES.keys()
