"""The resource Baseline: a pool's hosts, kept at their desired states. One resource a pool, one short string a host."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from causeway.errors import CausewayError, Permanent
from causeway.hosts.states import fingerprints, past, untold
from causeway.plan.ranges import summary as ranges
from causeway.provider import approvals
from causeway.provider.model import Call, Change, Checked, Done
from causeway.provider.pool_diff import changes, pending
from causeway.provider.pool_disruption import WORST, disruption
from causeway.provider.pool_effects import PoolEffects, PoolResult, PoolRun
from causeway.provider.pool_inputs import REQUIRED, PoolInputs
from causeway.provider.pool_outcome import OUT_OF_SERVICE, UNWELL, deferrals, kinds, reasons
from causeway.provider.pool_rollout import wrong_settings
from causeway.provider.pool_summary import summary
from causeway.provider.state_schema import FIELD, SCHEMA, Upgrade, upgraded
from causeway.provider.values import UNKNOWN, Unknown, Values

TYPE = "causeway:index:Baseline"
UPGRADES: Mapping[int, Upgrade] = {}
DRIFT = "CAUSEWAY_DRIFT"


class Baseline:
    """The desired state of a pool's hosts.

    Args:
        effects: gives the hosts layer; called when hosts are worked on, never in a preview.
    """

    def __init__(self, effects: Callable[[], PoolEffects]) -> None:
        self._effects = effects

    def check(self, call: Call, old: Values | None, new: Values) -> Checked:
        """Compute each host's desired state and the summary of what changes."""
        failures = [(name, f"`{name}` is missing") for name in REQUIRED if new.get(name) is None]
        if failures:
            return Checked(failures=tuple(failures))
        if any(isinstance(new[name], Unknown) for name in REQUIRED):
            return Checked({"state": UNKNOWN, FIELD: SCHEMA})
        try:
            inputs = PoolInputs.of(new)
        except Permanent as error:
            return Checked(failures=(("", str(error)),))
        before = upgraded(TYPE, old or {}, UPGRADES)
        wrong = wrong_settings(before, new)
        if wrong:
            return Checked(failures=tuple(("", each) for each in wrong))
        states = inputs.states(call.settings.key)
        told = summary(before, new, _states(before), states)
        return Checked({"state": states, "summary": told, FIELD: SCHEMA})

    def diff(self, call: Call, old_inputs: Values, outputs: Values, new: Values) -> Sequence[Change]:
        """Hosts that are not what they should be, and what is declared otherwise than before."""
        old = upgraded(TYPE, old_inputs, UPGRADES)
        found = changes(old, upgraded(TYPE, outputs, UPGRADES), new, _order(new))
        if any(change.replaces for change in found):
            approvals.require(old, "replace", call.today, _words(old))
        return found

    def create(self, call: Call, new: Values, *, preview: bool) -> Done:
        """Bring every host to its desired state; those whose stamp says that they are right are adopted."""
        return self._converged(call, {}, {}, new, preview=preview)

    def update(self, call: Call, old_inputs: Values, outputs: Values, new: Values, *, preview: bool) -> Done:
        """Bring the hosts that are not what they should be to their desired states."""
        old = upgraded(TYPE, old_inputs, UPGRADES)
        actual = _states(upgraded(TYPE, outputs, UPGRADES))
        return self._converged(call, old, actual, new, preview=preview)

    def _converged(self, call: Call, old: Values, actual: Mapping[str, Any], new: Values, *, preview: bool) -> Done:
        if isinstance(new.get("state"), Unknown):
            return Done({FIELD: SCHEMA, "state": UNKNOWN})
        inputs = PoolInputs.of(new)
        desired = {name: _states(new).get(name) for name in inputs.hosts.names}
        waiting = pending(actual, desired)
        names = [name for name in waiting if desired[name] != OUT_OF_SERVICE]
        kept = {name: actual.get(name, desired[name]) for name in desired if name not in waiting}
        left_alone = {name: OUT_OF_SERVICE for name in waiting if desired[name] == OUT_OF_SERVICE}
        if preview:
            _predict(call, actual, desired)
            return Done({FIELD: SCHEMA, "state": {**kept, **left_alone, **dict.fromkeys(names, UNKNOWN)}})
        self._left(call, new, {name: state for name, state in actual.items() if name not in desired})
        if not names:
            return Done({FIELD: SCHEMA, "state": _in_order(desired, {**kept, **left_alone})})
        before = {name: str(state) for name, state in actual.items()}
        worst = WORST if _elsewhere(_states(old), actual, names) else disruption(old, new)
        run = PoolRun(inputs, before, {n: str(d) for n, d in desired.items()}, names, worst)
        result = self._effects().converge(call, run)
        states = _in_order(desired, {**kept, **left_alone, **result.states})
        return Done({FIELD: SCHEMA, "state": states}, _told(call, result))

    def read(self, call: Call, inputs: Values, outputs: Values) -> Done:
        """The hosts as the last run left them; with `CAUSEWAY_DRIFT` as a probe finds them.

        A pool that cannot be asked is told, and planned again: an error would end the refresh of the whole stack.
        """
        level = call.environ.get(DRIFT) or "none"
        if level == "none":
            return Done(outputs)
        if level not in ("facts", "check"):
            raise Permanent("bad-drift-level", f"{DRIFT} is {level!r}", hint="write none, facts or check")
        pool = PoolInputs.of(upgraded(TYPE, inputs, UPGRADES))
        actual = {name: str(state) for name, state in _states(upgraded(TYPE, outputs, UPGRADES)).items()}
        desired = {name: str(state) for name, state in _states(inputs).items()}
        names = [name for name in pool.hosts.names if name in actual and actual[name] != OUT_OF_SERVICE]
        try:
            result = self._effects().look(call, PoolRun(pool, actual, desired, names, WORST), level)
        except CausewayError as error:
            what = f"it is right: [{error.code}]"
            unasked = {name: untold(what, actual[name]) for name in names if fingerprints(actual[name]) is not None}
            states = _in_order(desired, {**actual, **unasked})
            return Done({FIELD: SCHEMA, "state": states}, (f"[{error.code}] its hosts could not be asked: {error}",))
        states = _in_order(desired, {**actual, **result.states})
        return Done(
            {FIELD: SCHEMA, "state": states}, reasons(each for each in result.told if each.state == states[each.name])
        )

    def delete(self, call: Call, inputs: Values, outputs: Values) -> None:
        """Forget the hosts; they stay as they are. Leased and reserved capacity needs an approval."""
        approvals.require(inputs, "destroy", call.today, _words(inputs))
        states = _states(outputs)
        self._effects().forget(call, str(inputs.get("pool")), sorted(states))
        self._left(call, inputs, states)

    def _left(self, call: Call, inputs: Values, states: Mapping[str, Any]) -> None:
        """Tell of hosts that are no longer kept and that a run did not bring to its end, whatever the state says."""
        if not states:
            return
        unwell = {name: str(state) for name, state in states.items() if str(state).startswith(UNWELL)}
        try:
            held = self._effects().held(call, inputs, sorted(states))
        except CausewayError as error:
            call.log(f"whether a rollout has left nodes cordoned could not be asked: {error}", warning=True)
            held = ()
        unwell = dict.fromkeys(held, "a rollout has left its node out of service") | unwell
        if unwell:
            told = "; ".join(f"{name}: {state}" for name, state in sorted(unwell.items()))
            call.log(
                f"left as they are; look whether their nodes are cordoned (kubectl get nodes): {told}", warning=True
            )


def _states(values: Values) -> Mapping[str, Any]:
    found = values.get("state")
    return found if isinstance(found, Mapping) else {}


def _elsewhere(old: Values, actual: Values, names: Sequence[str]) -> bool:
    """Whether a run that did not go through brought hosts to what the old inputs, which the engine kept, do not say."""
    kept = {name: past(str(actual.get(name))) for name in names}
    return any(each.proved and not each.needs and each.proved != old.get(name) for name, each in kept.items())


def _order(new: Values) -> tuple[str, ...]:
    return () if isinstance(new.get("state"), Unknown) else PoolInputs.of(new).hosts.names


def _in_order(desired: Mapping[str, Any], states: Mapping[str, Any]) -> dict[str, Any]:
    return {name: states[name] for name in desired if name in states}


def _words(inputs: Values) -> str:
    return f"pool {inputs.get('cluster')}/{inputs.get('pool')}"


def _told(call: Call, result: PoolResult) -> tuple[str, ...]:
    """Tell failures and deferrals; those that the resource fails for are returned."""
    failures = reasons(result.told)
    for line in deferrals(result.states):
        call.log(line)
    if result.lost:
        return (*((result.stopped,) if result.stopped else ()), *failures) or ("the run ended before its end",)
    if result.stopped:
        call.log(result.stopped)
    for line in failures:
        call.log(f"within the failure budget, and planned again by the next run: {line}", warning=True)
    return ()


def _predict(call: Call, actual: Mapping[str, Any], desired: Mapping[str, Any]) -> None:
    """Tell what a preview says of the hosts, in one line, when not all of them are alike."""
    found = {kind: names for kind, names in kinds(actual, desired).items() if kind not in ("same", "new")}
    if not found or set(found) == {"will change"}:
        return
    call.log("; ".join(f"{kind}: {ranges(names)}" for kind, names in sorted(found.items())))
