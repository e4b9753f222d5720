"""A pool in memory: hosts with stamps, nodes with cordons. Only for what the rollout decides, never for how it acts."""

# ruff: noqa: ARG002 - the signatures are those of the protocols

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from causeway.cluster.model import Drained, NodeState, PodLeft, RolloutMark
from causeway.errors import Retryable
from causeway.fleet.clusters import Rollout
from causeway.hosts.model import (
    Bundle,
    HostFacts,
    HostSpec,
    PoolOutcome,
    PoolSpec,
    Progress,
    RunEnd,
    Surroundings,
    TaskEvent,
)
from causeway.hosts.rollout import converge
from causeway.hosts.states import fingerprints

POOL = "p"
RESOURCE = "test.example/chip"
EXPECTED = 8
OLD, NEW = "ok old c1", "ok new c1"


class Killed(BaseException):
    """The process ends here, whatever it was doing."""


@dataclass
class FakeHost:
    """A host. `fault` is what happens when it is worked on: `fail`, `die`, `locked`, or nothing."""

    stamp: dict[str, Any] | None
    node: NodeState | None
    pods: dict[str, int] = field(default_factory=dict)
    fault: str = ""
    reachable: bool = True
    stuck: bool = False
    """Whether a budget keeps its pods."""
    runs: int = 0
    """How often its software was installed."""
    asleep: bool = False
    """Whether its vendor's services are stopped."""
    code_changes: str = "none"
    """What check mode predicts."""


@dataclass
class World:
    """The pool, its cluster, and the clock."""

    hosts: dict[str, FakeHost]
    now: datetime = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    api_down_until_call: int = 0
    api_down_from_call: int = 0
    calls: int = 0
    kill_at: int = 0
    """Number of the call at which the process is killed; 0 for never."""
    cancel_at: int = 0
    steps: list[Progress] = field(default_factory=list)
    most_out: int = 0
    waves: list[tuple[str, ...]] = field(default_factory=list)
    played: list[str] = field(default_factory=list)
    """Playbooks in the order in which they ran."""
    slept: float = 0.0
    task_minutes: float = 0.0

    def call(self) -> None:
        """One effect; the process may be killed before it."""
        self.calls += 1
        if self.kill_at and self.calls >= self.kill_at:
            raise Killed

    def out(self) -> set[str]:
        """Hosts that are out of service."""
        return {n for n, h in self.hosts.items() if h.node is None or not h.node.ready or not h.node.schedulable}

    def count(self) -> None:
        self.most_out = max(self.most_out, len(self.out()))

    def sleep(self, seconds: float) -> None:
        self.slept += seconds
        self.now += timedelta(seconds=seconds)

    def cancelled(self) -> bool:
        return bool(self.cancel_at) and self.calls >= self.cancel_at


def stamp(state: str, host: str, phase: str = "verified") -> dict[str, Any]:
    """A stamp as a host has it."""
    intent, code = fingerprints(state) or ("", "")
    verified = phase == "verified"
    return {
        "schema": 1,
        "host": host,
        "intent": intent if verified else "",
        "code": code if verified else "",
        "phase": phase,
        "run": "r0",
        "since": "2026-11-01T00:00:00Z",
    }


def node(name: str, **more: Any) -> NodeState:
    """A node in service."""
    plain = NodeState(
        name=name,
        ready=True,
        schedulable=True,
        operands=True,
        allocatable={RESOURCE: EXPECTED},
        mark=None,
        plugin_expected=True,
        pool=POOL,
    )
    return replace(plain, **more)


def serving(name: str, state: str = OLD) -> FakeHost:
    """A host in service that proves a state."""
    return FakeHost(stamp(state, name), node(name), {"doubao": 1})


class FakeNodes:
    """`causeway.cluster.model.Nodes` over a world."""

    def __init__(self, world: World) -> None:
        self._world = world

    def _call(self) -> None:
        self._world.call()
        gone = 0 < self._world.api_down_from_call <= self._world.calls
        if gone or self._world.calls <= self._world.api_down_until_call:
            raise Retryable("cluster-away", "connection refused")

    def _set(self, name: str, **more: Any) -> None:
        host = self._world.hosts[name]
        assert host.node is not None, f"{name} has no node"
        host.node = replace(host.node, **more)
        self._world.count()

    def read(self, names: Sequence[str]) -> Mapping[str, NodeState]:
        self._call()
        return {name: found for name in names if (found := self._world.hosts[name].node) is not None}

    def pods(self, names: Sequence[str]) -> Mapping[str, Mapping[str, int]]:
        self._call()
        return {name: dict(self._world.hosts[name].pods) for name in names if self._world.hosts[name].pods}

    def cordon(self, name: str, mark: RolloutMark) -> None:
        self._call()
        self._set(name, schedulable=False, mark=mark)

    def mark(self, name: str, mark: RolloutMark) -> None:
        self._call()
        self._set(name, mark=mark)

    def restore(self, name: str) -> None:
        self._call()
        found = self._world.hosts[name].node
        assert found is not None
        ours = found.mark is not None and found.mark.cordoned
        self._set(name, mark=None, schedulable=ours or found.schedulable)

    def operands(self, name: str, *, on: bool) -> None:
        self._call()
        self._set(name, operands=on, allocatable={RESOURCE: EXPECTED if on and self._whole(name) else 0})

    def join_pool(self, name: str, pool: str) -> None:
        self._call()
        self._set(name, pool=pool)

    def _whole(self, name: str) -> bool:
        found = self._world.hosts[name].stamp
        return found is not None and found["phase"] == "verified"

    def wait_operands_gone(self, name: str, seconds: float, cancelled: Callable[[], bool]) -> tuple[PodLeft, ...]:
        self._call()
        return ()

    def wait_allocatable(
        self, name: str, resource: str, number: int, seconds: float, cancelled: Callable[[], bool]
    ) -> int:
        self._call()
        found = self._world.hosts[name].node
        assert found is not None
        return number if found.operands and self._whole(name) else 0

    def drain(self, name: str, seconds: float, cancelled: Callable[[], bool]) -> Drained:
        self._call()
        host = self._world.hosts[name]
        self._world.now += timedelta(minutes=self._world.task_minutes)
        if host.stuck:
            return Drained((PodLeft("doubao", "p", "the budget doubao allows no disruption"),), 0)
        evicted, host.pods = sum(host.pods.values()), {}
        return Drained((), evicted)

    def shift_traffic(self, node: str, *, away: bool) -> tuple[str, ...]:
        self._call()
        return ()

    def ask_checkpoint(self, name: str, seconds: float, cancelled: Callable[[], bool]) -> tuple[str, ...]:
        self._call()
        return ()


class FakeTransport:
    """`causeway.hosts.model.Transport` over a world."""

    def __init__(self, world: World) -> None:
        self._world = world

    def probe(self, hosts: Mapping[str, Mapping[str, Any]], cancelled: Callable[[], bool]) -> Mapping[str, HostFacts]:
        self._world.call()
        return {
            name: HostFacts(name, {"stamp": host.stamp, "lock": None, "quiesced": host.asleep})
            if host.reachable
            else HostFacts(name, None, "off")
            for name in hosts
            for host in (self._world.hosts[name],)
        }

    def run(self, bundle: Bundle, on_event: Callable[[TaskEvent], None], cancelled: Callable[[], bool]) -> RunEnd:
        self._world.call()
        self._world.played.append(bundle.playbook)
        if bundle.playbook in ("quiesce.yml", "wake.yml"):
            for name in bundle.hosts:
                self._world.hosts[name].asleep = bundle.playbook == "quiesce.yml"
            return RunEnd("successful", {}, {}, dict.fromkeys(bundle.hosts, 0))
        if bundle.check:
            for name in bundle.hosts:
                kind = self._world.hosts[name].code_changes
                if kind != "none":
                    on_event(TaskEvent(name, "Drivers", "t", "changed", "", kind))
            return RunEnd("successful", {}, {}, dict.fromkeys(bundle.hosts, 0))
        self._world.waves.append(tuple(sorted(bundle.hosts)))
        return self._site(bundle, on_event, cancelled)

    def _site(self, bundle: Bundle, on_event: Callable[[TaskEvent], None], cancelled: Callable[[], bool]) -> RunEnd:
        failed: dict[str, str] = {}
        dark: dict[str, str] = {}
        alive = list(bundle.hosts)
        for play in ("Lock", "Drivers", "Verify", "Finish"):
            if cancelled():
                return RunEnd("cancelled", failed, dark, {}, "stopped")
            on_event(TaskEvent("", play, "t", "started"))
            for name in list(alive):
                self._world.call()
                bad = self._one(name, play, bundle.hosts[name])
                outcome = "ok"
                if bad is not None:
                    alive.remove(name)
                    outcome, told = ("unreachable", dark) if bad == "" else ("failed", failed)
                    told[name] = bad
                on_event(TaskEvent(name, play, "t", outcome, bad or ""))
        return RunEnd("failed" if failed or dark else "successful", failed, dark, dict.fromkeys(bundle.hosts, 1))

    def _one(self, name: str, play: str, variables: Mapping[str, Any]) -> str | None:
        """What went wrong: None for nothing, empty for a host that is gone."""
        host = self._world.hosts[name]
        if not host.reachable:
            return ""
        if play == "Lock":
            if host.fault == "locked":
                return "host-locked: another run holds it; to do: wait"
            right = host.stamp and host.stamp["phase"] == "verified" and _says(host.stamp, variables)
            if not (right and variables["causeway__keep_verified"]):
                host.stamp = stamp("", name, "applying")
        elif play == "Drivers":
            if host.fault == "die":
                host.reachable = False
                return ""
            if host.fault == "fail":
                return "installer-failed: it said no; to do: mend it"
            busy = bool(host.pods) and variables["causeway__allow_disruption"] in ("drain", "reboot")
            assert not busy, f"{name} was disturbed while {host.pods} ran on it"
            host.runs += 1
        elif play == "Finish":
            host.stamp = stamp(str(variables["causeway__desired"]), name)
            host.asleep = False
        return None

    def free_locks(self, hosts: Mapping[str, Mapping[str, Any]], owner: str) -> None:
        self._world.call()


def _says(found: Mapping[str, Any], variables: Mapping[str, Any]) -> bool:
    return (found["intent"], found["code"]) == (variables["causeway__intent"], variables["causeway__code"])


def pool(world: World, desired: str = NEW, **rollout: Any) -> PoolSpec:
    """The pool's declaration."""
    hosts = tuple(HostSpec(name, desired, {"causeway__driver_role": "chip_driver"}) for name in world.hosts)
    return spec_of(hosts, **rollout)


def spec_of(hosts: tuple[HostSpec, ...], **rollout: Any) -> PoolSpec:
    more = {key: rollout.pop(key) for key in ("on_drain", "disruption", "secrets") if key in rollout}
    return PoolSpec(
        stack="f.c",
        fleet="f",
        cluster="c",
        pool=POOL,
        hosts=hosts,
        rollout=Rollout.model_validate(rollout),
        time_zone="Asia/Shanghai",
        resource=RESOURCE,
        expected=EXPECTED,
        **more,
    )


def go(
    world: World, spec: PoolSpec, home: Path, before: Mapping[str, str] | None = None, names: Sequence[str] = ()
) -> PoolOutcome:
    """Converge a pool of a world."""
    known = {host.name: OLD for host in spec.hosts} if before is None else before
    around = Surroundings(
        transport=FakeTransport(world),
        nodes=FakeNodes(world),
        now=lambda: world.now,
        sleep=world.sleep,
        cancelled=world.cancelled,
        observer=world.steps.append,
        home=home,
    )
    return converge(spec, known, list(names) or [host.name for host in spec.hosts], around)
