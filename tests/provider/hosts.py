"""Hosts for tests of the provider alone: a dictionary instead of machines, and faults to order.

What the provider says about hosts is under test here; that hosts are really changed is tested with the sandbox.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from causeway.errors import Retryable
from causeway.provider.model import Call
from causeway.provider.pool_effects import PoolResult, PoolRun
from causeway.provider.pool_outcome import Told
from causeway.provider.values import Values


@dataclass
class FakeHosts:
    """`causeway.provider.pool_effects.PoolEffects`.

    Args:
        faults: state in which a host's next run ends, by name.
        budget: failed hosts that the pool bears.
        runs: the hosts of each run.
        seen: disruption of each run.
        marked: hosts whose node carries a rollout's mark.
        away: why the cluster cannot be asked; empty where it can.
    """

    faults: dict[str, str] = field(default_factory=dict)
    budget: int = 0
    runs: list[list[str]] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    variables: dict[str, dict[str, object]] = field(default_factory=dict)
    forgotten: list[str] = field(default_factory=list)
    marked: set[str] = field(default_factory=set)
    away: str = ""

    def converge(self, call: Call, run: PoolRun) -> PoolResult:
        self.runs.append(list(run.names))
        self.seen.append(run.disruption)
        for number, name in run.pool.hosts.numbered():
            self.variables[name] = run.pool.all_variables(name, number)
        states = {name: self.faults.pop(name, run.desired[name]) for name in run.names}
        call.log(f"{len(states)} hosts", ephemeral=True)
        failed = [name for name, state in states.items() if state.startswith(("failed", "unreachable"))]
        told = [Told(name, state, "mend it" if name in failed else "") for name, state in states.items()]
        return PoolResult(states, told, "", lost=len(failed) > self.budget)

    def look(self, call: Call, run: PoolRun, level: str) -> PoolResult:  # noqa: ARG002 - the protocol's form
        states = {name: self.faults[name] for name in run.names if name in self.faults}
        told = [Told(name, state) for name, state in states.items() if state.startswith("unreachable")]
        return PoolResult({name: states.get(name, run.before[name]) for name in run.names}, told)

    def held(self, call: Call, inputs: Values, names: Sequence[str]) -> Sequence[str]:  # noqa: ARG002
        if self.away:
            raise Retryable("cluster-unreachable", self.away)
        return [name for name in names if name in self.marked]

    def forget(self, call: Call, pool: str, names: Sequence[str]) -> None:  # noqa: ARG002
        self.forgotten.extend(names)
