"""Of Causeway's own charts too, what a preview says is what the API server holds before and after, for drawn changes.

Each seed draws changes of one chart's values; the charts take turns. `make test` runs three of them.
"""

from __future__ import annotations

import os
import random
from itertools import pairwise
from typing import Any

import pytest

from causeway.cluster.api import Api
from causeway.cluster.compare import compare
from causeway.cluster.model import Access, ChartRef, ReleaseSpec
from causeway.cluster.releases import Releases, preview
from causeway.cluster.render import Renderer, Request
from tests.charts.harness import CHARTS, KUBERNETES, ChartCluster, Release, load
from tests.cluster.harness import Live
from tests.cluster.test_agreement import held_objects, told

pytestmark = [pytest.mark.tools, pytest.mark.slow(soak=40)]
CHANGES = 2
Values = dict[str, Any]
NO_CLASSES = {"causeway-serving": None, "causeway-training": None}
CASES = {
    "inference": "vllm-ascend",
    "gateway": "split",
    "training": "nccl",
    "accelerator-platform": "own-chip",
}
SHIFTED = [{"release": "doubao-ascend", "weight": weight, "port": 8000} for weight in (70, 30)]
CHOICES: dict[str, dict[str, list[Any]]] = {
    "inference": {
        "replicas": [1, 2],
        "extraArgs": [[], ["--max-model-len=4096"], ["--seed=0x10", "--note=a: b"]],
        "extraEnv": [[], [{"name": "A", "value": "1"}], [{"name": "B", "value": "~"}, {"name": "A", "value": "yes"}]],
        "onDrain": ["shift_traffic", "refuse", "wait_for_end"],
        "podLabels": [{}, {"team": "0644"}],
        "priorityClassName": ["", "causeway-serving"],
        "networkPolicy": [{"enabled": True}, {"enabled": False}, {"enabled": True, "egress": []}],
        "perAccelerator": [
            {"cpu": "1", "memory": "1Gi"},
            {"cpu": "1", "memory": "1024Mi"},
            {"cpu": "2", "memory": "2Gi"},
        ],
        "topologySpread": [{"keys": []}, {"keys": ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]}],
    },
    "gateway": {
        "replicas": [1, 2, 3],
        "retries": [0, 2, 5],
        "backends": [SHIFTED[:1], SHIFTED[1:], [*SHIFTED[:1], {"release": "doubao-h20", "weight": 30}]],
        "host": ["", "a.test", "b.test"],
        "networkPolicy": [{"enabled": True}, {"enabled": False}],
        "maxRequestsPerBackend": [65536, 2_000_000],
        "podAnnotations": [{}, {"note": "1e3"}],
    },
    "training": {
        "env": [{}, {"RATE": "0.1"}, {"RATE": "1e-3", "SEED": "0x10"}],
        "backoffLimit": [5, 20],
        "endsOn": ["2027-06-30", "2027-08-14"],
        "onDrain": ["checkpoint", "refuse"],
        "suspend": [None, True, False],
        "run": [1, 2],
        "priorityClassName": ["", "causeway-training"],
    },
    "accelerator-platform": {
        "podLabels": [{}, {"team": "yes"}],
        "podAnnotations": [{}, {"note": "a: b"}],
        "operandsPriorityClass": ["system-node-critical", "system-cluster-critical"],
        "imageRegistry": ["", "registry.one.test", "registry.two.test:5000"],
        "updateStrategy": [{"type": "OnDelete"}, {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 2}}],
    },
}


def drawn(chart: str, seed: int) -> list[Values]:
    """Values to begin with, then those after each change."""
    dice = random.Random(seed)
    states = [load(CHARTS / chart / "ci" / f"{CASES[chart]}-values.yaml")]
    if chart == "accelerator-platform":
        states[0]["priorityClasses"] = NO_CLASSES  # the session's platform made them
    if chart == "training":
        states[0]["podAnnotations"] = {"causeway.sandbox/run-for": "forever"}
    for _ in range(CHANGES):
        names = dice.sample(sorted(CHOICES[chart]), dice.randint(2, 4))
        states.append({**states[-1], **{name: dice.choice(CHOICES[chart][name]) for name in names}})
    return states


@pytest.fixture
def live(chart_cluster: ChartCluster, platform: Release, monkeypatch: pytest.MonkeyPatch) -> Live:
    """The charts' cluster as the cluster layer sees it."""
    helm = chart_cluster.helm
    assert helm.kubeconfig is not None
    monkeypatch.setenv("KUBECONFIG", str(helm.kubeconfig))
    environ = dict(os.environ)
    access = Access(context=chart_cluster.context)
    home = helm.home / "agreement"
    releases, renderer = Releases.here(None, home, environ), Renderer.here(None, home, environ)
    return Live(helm.kubeconfig, Api(access, environ), releases, renderer, chart_cluster.kubectl_program)


def test_the_preview_of_a_changed_chart_of_ours_is_what_the_server_holds(live: Live, seed: int) -> None:
    chart = sorted(CASES)[seed % len(CASES)]
    states = drawn(chart, seed)
    name = f"agree-{seed}"
    renderer = live.renderer
    rendered = renderer.render([Request(ChartRef(chart), name, name, values, KUBERNETES) for values in states])

    def spec(number: int) -> ReleaseSpec:
        access = Access(context=live.api.access.context)
        return ReleaseSpec(access, name, name, ChartRef(chart), states[number], KUBERNETES, rendered[number])

    try:
        first = live.releases.install_or_upgrade(spec(0))
        assert first.failure is None, first.failure
        for old, new in pairwise(range(len(states))):
            both = (rendered[old], rendered[new])
            held = held_objects(live, *both)
            outcome = live.releases.install_or_upgrade(spec(new))
            assert outcome.failure is None, (states[new], outcome.failure)
            actual = tuple(compare(held, held_objects(live, *both)))
            assert told(preview(*both).objects) == told(actual), (chart, states[old], states[new])
            assert live.releases.observe(spec(new)).changes == ()
    finally:
        live.releases.uninstall(spec(0))


@pytest.mark.parametrize("chart", sorted(CASES))
def test_the_drawn_changes_reach_every_value_and_are_changes(chart: str) -> None:
    drawings = [drawn(chart, seed) for seed in range(20)]
    assert {name for states in drawings for state in states[1:] for name in state} >= CHOICES[chart].keys()
    assert all(states[0] != states[-1] for states in drawings)
