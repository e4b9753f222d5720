"""What holds in every rollout, whatever hosts, cluster and fate do. On a pool in memory."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from causeway.cluster.model import RolloutMark
from causeway.hosts.model import PoolSpec
from causeway.hosts.states import fingerprints
from tests.hosts.world import NEW, OLD, RESOURCE, FakeHost, Killed, World, go, node, pool, serving, stamp

FAULTS = ("", "", "", "", "fail", "die", "locked")
KINDS = ("serving", "serving", "serving", "right", "new", "half", "cordoned", "down", "off", "stuck", "unstamped")
HELD = ("left", "broken", "begun")
"""Kinds that a run which ended early has left behind."""


def host(name: str, kind: str, fault: str) -> FakeHost:
    """A host of some kind."""
    made = serving(name)
    if kind == "right":
        made = serving(name, NEW)
    elif kind == "new":
        made = FakeHost(None, None)
    elif kind == "half":
        made.stamp = stamp("", name, "applying")
    elif kind == "cordoned":
        made.node = node(name, schedulable=False)
    elif kind == "down":
        made.node = node(name, ready=False)
    elif kind == "off":
        made.reachable = False
    elif kind == "stuck":
        made.stuck = True
    elif kind == "unstamped":
        made.stamp, made.code_changes = None, "reboot"
    elif kind in HELD:
        hold(made, name, kind)
    made.fault = fault
    return made


def hold(made: FakeHost, name: str, kind: str) -> None:
    """Leave a host as a run does that ends in its drain (`begun`), after it, or in the change (`broken`)."""
    phase = "cordoned" if kind == "begun" else "drained"
    mark = RolloutMark("r0", phase, "2026-11-01T00:00:00+00:00", cordoned=True)
    made.node = node(name, schedulable=False, mark=mark)
    if kind != "begun":
        made.asleep = True
        made.node = node(name, schedulable=False, operands=False, mark=mark, allocatable={RESOURCE: 0})
    if kind == "broken":
        made.stamp = stamp("", name, "applying")


@st.composite
def worlds(draw: st.DrawFn) -> tuple[World, PoolSpec]:
    """A pool and how it is to be rolled out."""
    kinds = draw(st.lists(st.tuples(st.sampled_from(KINDS + HELD), st.sampled_from(FAULTS)), min_size=1, max_size=9))
    made = World({f"h{i}": host(f"h{i}", kind, fault) for i, (kind, fault) in enumerate(kinds)})
    rollout: dict[str, Any] = {
        "canary": draw(st.integers(0, 3)),
        "max_unavailable": draw(st.integers(0, 9)),
        "failure_budget": draw(st.integers(0, 3)),
        "on_unreachable": draw(st.sampled_from(["stop", "skip"])),
    }
    if draw(st.booleans()):
        rollout["soak"] = "10m"
    return made, pool(made, **rollout)


def mend(made: World) -> None:
    """Repair every cause of trouble."""
    made.kill_at = made.cancel_at = 0
    for each in made.hosts.values():
        each.fault, each.reachable, each.stuck = "", True, False


def cordoned_by_others(made: World) -> set[str]:
    return {n for n, h in made.hosts.items() if h.node and not h.node.schedulable and not h.node.mark}


def serving_now(made: World) -> set[str]:
    return {n for n, h in made.hosts.items() if h.node is not None and h.node.schedulable}


def down(made: World) -> set[str]:
    return {n for n, h in made.hosts.items() if h.node is None or not h.node.ready}


SETTINGS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)


@SETTINGS
@given(worlds())
def test_limits_hold_and_every_host_ends_in_one_state(case: tuple[World, PoolSpec]) -> None:
    made, spec = case
    out_before, foreign = made.out(), cordoned_by_others(made)
    half = {name for name in out_before if made.hosts[name].stamp == stamp("", name, "applying")}
    with tempfile.TemporaryDirectory() as home:
        outcome = go(made, spec, Path(home))
    note(str(outcome))
    for name, each in made.hosts.items():
        if each.node is not None and each.node.schedulable:
            assert not each.asleep, f"{name} serves without its vendor's services"
            changed = each.stamp is not None and each.stamp["phase"] != "verified"
            assert name not in half or not changed, f"{name} was half changed and serves"
    allowed = spec.rollout.max_unavailable.of(len(spec.hosts))
    assert made.most_out <= max(allowed, len(out_before)), "more hosts were out than allowed"
    assert outcome.states.keys() == made.hosts.keys()
    failed = {r.name for r in outcome.reports if r.state.startswith(("failed", "unreachable"))}
    assert outcome.over_budget <= (len(failed) > spec.rollout.failure_budget)
    for name, each in made.hosts.items():
        state = outcome.states[name]
        if fingerprints(state) == fingerprints(NEW):
            assert each.stamp is not None
            assert each.stamp["phase"] == "verified"
            assert each.node is None or each.node.mark is None
            assert each.node is None or each.node.schedulable or name in foreign
        elif each.stamp is not None and each.stamp["phase"] == "verified" and name not in out_before:
            assert each.node is not None
            assert each.node.schedulable, f"{name} is well and was left cordoned: {state}"


@SETTINGS
@given(worlds(), st.integers(1, 60), st.integers(1, 60))
def test_killed_anywhere_and_cancelled_anywhere_nothing_half_done_is_put_into_service(
    case: tuple[World, PoolSpec], killed: int, cancelled: int
) -> None:
    made, spec = case
    made.kill_at = killed
    with tempfile.TemporaryDirectory() as home, contextlib.suppress(Killed):
        go(made, spec, Path(home))
    out_before, served, runs = made.out(), serving_now(made), {name: each.runs for name, each in made.hosts.items()}
    half = {name for name, each in made.hosts.items() if each.stamp == stamp("", name, "applying")}
    made.kill_at, made.cancel_at, made.most_out = 0, made.calls + cancelled, 0
    with tempfile.TemporaryDirectory() as home:
        outcome = go(made, spec, Path(home))
    note(str(outcome))
    allowed = spec.rollout.max_unavailable.of(len(spec.hosts))
    assert made.most_out <= max(allowed, len(out_before))
    for name in serving_now(made) - served:
        each = made.hosts[name]
        assert not each.asleep, f"{name} serves without its vendor's services"
        proved = each.stamp is not None and each.stamp["phase"] == "verified"
        assert proved or (name not in half and each.runs == runs[name]), f"{name} was half changed and serves"


@SETTINGS
@given(worlds(), st.integers(1, 120))
def test_killed_anywhere_the_next_run_finishes_from_any_machine(case: tuple[World, PoolSpec], at: int) -> None:
    made, spec = case
    foreign = cordoned_by_others(made)
    made.kill_at = at
    with tempfile.TemporaryDirectory() as home:
        try:
            known = dict(go(made, spec, Path(home)).states)
        except Killed:
            known = {each.name: OLD for each in spec.hosts}  # the engine kept what it knew before
    mend(made)
    for each in made.hosts.values():  # a node that was down comes back
        if each.node is not None and not each.node.ready:
            each.node = node(each.node.name, schedulable=each.node.schedulable, mark=each.node.mark)
    allowed = spec.rollout.max_unavailable.of(len(spec.hosts))
    room = allowed > len(
        made.out() - {n for n, h in made.hosts.items() if h.node and h.node.mark and h.node.mark.cordoned}
    )
    with tempfile.TemporaryDirectory() as home:  # another machine has no journal
        outcome = go(made, spec, Path(home), before=known)
    note(str(outcome))
    if room:
        assert {fingerprints(state) for state in outcome.states.values()} == {fingerprints(NEW)}
        assert made.out() <= foreign | down(made)
    assert all(each.runs <= 2 for each in made.hosts.values())
    right = [n for n, each in made.hosts.items() if fingerprints(outcome.states[n]) == fingerprints(NEW)]
    assert all(found.mark is None for n in right if (found := made.hosts[n].node) is not None)
