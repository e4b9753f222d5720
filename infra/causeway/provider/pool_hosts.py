"""A Baseline's effects on real hosts: a rollout, a probe, a tombstone, through `causeway.hosts` and `.cluster`."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from causeway.assets import playbooks_of
from causeway.cluster.api import Api
from causeway.cluster.model import Access, Nodes
from causeway.cluster.nodes import ClusterNodes
from causeway.errors import CausewayError
from causeway.fleet.clusters import Rollout
from causeway.hosts.drift import look
from causeway.hosts.journal import forget
from causeway.hosts.model import HostSpec, PoolOutcome, PoolSpec, Progress, Surroundings
from causeway.hosts.observe import EVENTS_VARIABLE, EventsFile, all_of
from causeway.hosts.rollout import CANCELLED, converge
from causeway.hosts.transport import OpenSshTransport
from causeway.provider.model import Call
from causeway.provider.pool_effects import PoolResult, PoolRun
from causeway.provider.pool_inputs import PoolInputs
from causeway.provider.pool_outcome import Told
from causeway.provider.values import Values, plain


class RealHosts:
    """`causeway.provider.pool_effects.PoolEffects` on real hosts."""

    def converge(self, call: Call, run: PoolRun) -> PoolResult:
        """Bring hosts to their desired states by a rollout."""
        return _result(converge(_spec(call, run), run.before, run.names, _around(call, run)), run)

    def look(self, call: Call, run: PoolRun, level: str) -> PoolResult:
        """What a probe, and with `check` a run in check mode, says of hosts."""
        around = _around(call, run)
        states = look(_spec(call, run), run.before, run.names, around, "check" if level == "check" else "facts")
        return PoolResult(states, tuple(Told(name, state) for name, state in states.items()))

    def held(self, call: Call, inputs: Values, names: Sequence[str]) -> Sequence[str]:
        """Those hosts whose node carries a rollout's mark."""
        del call
        access: Mapping[str, Any] = plain(inputs.get("access") or {})
        if not access:
            return ()
        found = ClusterNodes(Api(Access(access.get("context"), access.get("kubeconfig")))).read(names)
        return sorted(name for name, node in found.items() if node.mark is not None)

    def forget(self, call: Call, pool: str, names: Sequence[str]) -> None:
        """Leave a tombstone in the pool's journal."""
        forget(call.home, call.stack, pool, names, call.now())


def _around(call: Call, run: PoolRun) -> Surroundings:
    nodes, away = _nodes(run.pool)
    return Surroundings(
        transport=OpenSshTransport(call.home, playbooks_of(call.fleet_dir), call.environ),
        nodes=nodes,
        now=call.now,
        sleep=time.sleep,
        cancelled=call.cancelled,
        observer=_observer(call, run),
        home=call.home,
        nodes_away=away,
    )


def _spec(call: Call, run: PoolRun) -> PoolSpec:
    values: Mapping[str, Any] = plain(run.pool.values)
    return PoolSpec(
        stack=call.stack,
        fleet=str(values["fleet"]),
        cluster=str(values["cluster"]),
        pool=str(values["pool"]),
        hosts=tuple(_hosts(run)),
        rollout=Rollout.model_validate(values.get("rollout") or {}),
        time_zone=str(values.get("timeZone") or "UTC"),
        resource=values.get("resource"),
        expected=int(values.get("accelerators") or 0),
        secrets=run.pool.secrets,
        disruption=run.disruption,
        on_drain=dict(values.get("onDrain") or {}),
    )


def _hosts(run: PoolRun) -> list[HostSpec]:
    hosts = run.pool.hosts
    return [
        HostSpec(
            name=name,
            desired=run.desired[name],
            variables=run.pool.all_variables(name, number),
            joining=name in hosts.records and hosts.records[name].state == "joining",
            rack=hosts.records[name].rack if name in hosts.records else None,
        )
        for number, name in hosts.numbered()
    ]


def _nodes(pool: PoolInputs) -> tuple[Nodes | None, str]:
    """The cluster's nodes, or why they cannot be asked; neither where no access to a cluster is declared."""
    access: Mapping[str, Any] = plain(pool.values.get("access") or {})
    if not access:
        return None, ""
    try:
        return ClusterNodes(Api(Access(access.get("context"), access.get("kubeconfig")))), ""
    except CausewayError as error:
        return None, str(error)


def _observer(call: Call, run: PoolRun) -> Any:
    total = len(run.names)
    ended: set[str] = set()

    def tell(step: Progress) -> None:
        if step.host and step.phase in ("done", "failed", "deferred"):
            ended.add(step.host)
        wave = f"wave {step.wave} of {step.waves}, " if step.wave else ""
        about = f"{step.host} {step.phase}: " if step.host else ""
        call.log(f"{wave}{len(ended)} of {total} hosts; {about}{step.text}", ephemeral=True)

    events = call.environ.get(EVENTS_VARIABLE)
    return all_of(tell, EventsFile(Path(events))) if events else all_of(tell)


def _result(outcome: PoolOutcome, run: PoolRun) -> PoolResult:
    told = tuple(Told(each.name, each.state, each.hint, each.log) for each in outcome.reports)
    states = {name: outcome.states[name] for name in run.names if name in outcome.states}
    return PoolResult(states, told, outcome.stopped, outcome.over_budget or outcome.stopped == CANCELLED)
