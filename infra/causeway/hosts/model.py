"""What a baseline is to this layer: a pool's hosts, their desired states, how a rollout goes, and how it ended.

A host's state is one short string, the same in the engine's state, in previews and here:

| string | meaning |
|---|---|
| `ok INTENT [CODE]` | verified with these fingerprints |
| `out_of_service` | left alone |
| `absent` | never touched |
| `failed CODE: what` | the last run failed on it |
| `unreachable: why` | it did not answer |
| `deferred until WHEN: why` | left for a later run |
| `drifted: what` | it was verified, and a probe says otherwise |
| `pending` | a run ended before its turn came |

What a run could do nothing for keeps what the next one has to know: `; drifted: ...` or `; failed ...`, and
`; was ok INTENT [CODE], needs DISRUPTION` where it was right before (`states.Past`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from causeway.cluster.model import Nodes
from causeway.fleet.clusters import Rollout

OUT_OF_SERVICE = "out_of_service"
ABSENT = "absent"
PENDING = "pending"


class Phase(StrEnum):
    """How far a host is in its rollout."""

    PENDING = "pending"
    CORDONED = "cordoned"
    DRAINED = "drained"
    QUIESCED = "quiesced"
    APPLIED = "applied"
    REBOOTED = "rebooted"
    VERIFIED = "verified"
    RESTORED = "restored"
    DONE = "done"
    FAILED = "failed"
    DEFERRED = "deferred"


@dataclass(frozen=True, slots=True)
class HostSpec:
    """One host as the declaration wants it.

    Args:
        name: the host's name, also its node's.
        desired: `ok INTENT [CODE]` or `out_of_service`.
        variables: all variables of this host for Ansible, connection included; secrets as `{secret: NAME}`.
        joining: declared as joining: nothing runs on it yet.
        rack: failure domain; None when not known.
    """

    name: str
    desired: str
    variables: Mapping[str, Any]
    joining: bool = False
    rack: str | None = None


@dataclass(frozen=True, slots=True)
class PoolSpec:
    """A pool's baseline.

    Args:
        stack: name of the Pulumi stack, for logs and the journal.
        hosts: in declared order, so that waves are the same on each machine.
        resource: extended resource of the pool's accelerator; None without accelerators.
        expected: accelerators that each host has to offer.
        time_zone: IANA name; in it the window's hours are read.
        secrets: values by name for variables `{secret: NAME}`.
        disruption: what the change from the previous inputs may do to a host that was right before:
            `none`, `restart`, `drain` or `reboot`.
        on_drain: `refuse`, `checkpoint`, `shift_traffic` or `wait_for_end` by workload on this pool.
    """

    stack: str
    fleet: str
    cluster: str
    pool: str
    hosts: tuple[HostSpec, ...]
    rollout: Rollout
    time_zone: str
    resource: str | None = None
    expected: int = 0
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    disruption: str = "reboot"
    on_drain: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HostReport:
    """How one host's run ended.

    Args:
        state: the host's state string.
        phase: where it ended.
        hint: what to do, for a host that failed.
        log: where its log lies, relative to the fleet's `.causeway`.
    """

    name: str
    state: str
    phase: Phase
    hint: str = ""
    log: str = ""


@dataclass(frozen=True, slots=True)
class PoolOutcome:
    """How a pool's run ended.

    Args:
        states: state string of every host of the spec.
        reports: hosts that this run touched or tried to.
        stopped: the reason why the rollout stopped before its end; empty when it did not. `failure budget spent: ...`
            makes the resource fail, `cancelled` and deferrals do not lose anything.
        over_budget: whether more hosts failed than the failure budget allows.
    """

    states: Mapping[str, str]
    reports: tuple[HostReport, ...]
    stopped: str = ""
    over_budget: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """One step, told to whoever watches: terminal, engine log, journal.

    Args:
        wave, waves: from 1; 0 when the step belongs to no wave.
        host: empty for a step of the whole pool.
        text: one plain sentence.
    """

    at: datetime
    stack: str
    pool: str
    host: str
    phase: Phase
    wave: int
    waves: int
    text: str


class Observer(Protocol):
    """Watches a run. It must not raise."""

    def __call__(self, step: Progress, /) -> None:
        """Take one step."""
        ...


@dataclass(frozen=True, slots=True)
class Bundle:
    """One Ansible run on some hosts.

    Args:
        stack: name of the stack, whose folder of runs keeps the log.
        run: id, also the name of its folder of artifacts.
        playbook: name below the folder of playbooks, `site.yml`.
        hosts: variables by host name, secrets in place.
        check: predict only.
        forks: hosts at once.
        secrets: values that no log may hold.
    """

    stack: str
    run: str
    playbook: str
    hosts: Mapping[str, Mapping[str, Any]] = field(repr=False)
    check: bool = False
    forks: int = 20
    secrets: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class TaskEvent:
    """What one task did on one host."""

    host: str
    play: str
    task: str
    outcome: str
    """`started`, `ok`, `changed`, `skipped`, `failed` or `unreachable`."""
    message: str = ""
    disruption: str = "none"
    """What the task may do to the host, by its tag or by its own answer: `none`, `restart`, `drain` or `reboot`."""


@dataclass(frozen=True, slots=True)
class RunEnd:
    """How an Ansible run ended.

    Args:
        status: `successful`, `failed`, `cancelled` or `broken` (Ansible itself did not run).
        failed, unreachable: message by host.
        changed: number of changed tasks by host.
        message: why it is broken.
        artifacts: folder with the run's log.
    """

    status: str
    failed: Mapping[str, str]
    unreachable: Mapping[str, str]
    changed: Mapping[str, int]
    message: str = ""
    artifacts: Path | None = None


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What a probe brought back: the document of the facts module, or why there is none."""

    name: str
    facts: Mapping[str, Any] | None
    unreachable: str = ""
    """Why the host did not answer; `host key` errors say so and are never retried."""


class Transport(Protocol):
    """How hosts are reached: local OpenSSH with ansible-runner, or one day an execution node in another site."""

    def probe(self, hosts: Mapping[str, Mapping[str, Any]], cancelled: Callable[[], bool]) -> Mapping[str, HostFacts]:
        """Facts, stamp and lock of hosts, many at once. Args: connection variables by host name."""
        ...

    def run(self, bundle: Bundle, on_event: Callable[[TaskEvent], None], cancelled: Callable[[], bool]) -> RunEnd:
        """Run a playbook to its end, or to the next safe point once cancelled."""
        ...

    def free_locks(self, hosts: Mapping[str, Mapping[str, Any]], owner: str) -> None:
        """Free the locks that this owner still holds on hosts; silent about hosts that do not answer."""
        ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a rollout works with, all of it handed in.

    Args:
        nodes: the cluster's nodes; None when the pool's cluster cannot be asked.
        now: the clock.
        sleep: waits; tests hand in their own.
        cancelled: whether to stop at the next safe point.
        home: the fleet's `.causeway`, for runs and journals.
        nodes_away: why `nodes` is None; empty when the pool's cluster has no access declared.
    """

    transport: Transport
    nodes: Nodes | None
    now: Callable[[], datetime]
    sleep: Callable[[float], None]
    cancelled: Callable[[], bool]
    observer: Observer
    home: Path
    nodes_away: str = ""

    @property
    def has_cluster(self) -> bool:
        """Whether the pool's hosts are nodes of a cluster that is declared, be it away or not."""
        return self.nodes is not None or bool(self.nodes_away)


class Converge(Protocol):
    """`causeway.hosts.rollout.converge`: bring a pool's hosts to their desired states."""

    def __call__(
        self, spec: PoolSpec, before: Mapping[str, str], names: Sequence[str], around: Surroundings
    ) -> PoolOutcome:
        """Converge the hosts `names`; `before` holds the state strings of the last run."""
        ...
