"""One run over a pool's hosts: who it is, what it has found out of each host so far, and who is told."""

from __future__ import annotations

import hashlib
import secrets as random
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from causeway.cluster.model import RolloutMark
from causeway.errors import Permanent
from causeway.hosts import identity, states
from causeway.hosts.classify import EMPTYING
from causeway.hosts.journal import Journal, journal_of
from causeway.hosts.model import ABSENT, HostReport, HostSpec, Phase, PoolSpec, Progress, Surroundings
from causeway.hosts.states import Past, fingerprints, past
from causeway.plan.fingerprint import SECRET_KEY


@dataclass(frozen=True, slots=True)
class Wave:
    """Which wave a step belongs to; 0 of 0 when to none, and then `step` may name it."""

    number: int = 0
    count: int = 0
    step: str = ""


NO_WAVE = Wave()


@dataclass
class Session:
    """State of one run. It is the only thing that changes while a rollout goes on."""

    spec: PoolSpec
    around: Surroundings
    run: str
    owner: str
    journal: Journal
    states: dict[str, str]
    hosts: Mapping[str, HostSpec]
    reports: dict[str, HostReport] = field(default_factory=dict)
    failures: set[str] = field(default_factory=set)
    logs: dict[str, str] = field(default_factory=dict)
    """Where a host's last log lies, relative to the fleet's `.causeway`."""
    _folders: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def folder(self, wanted: str) -> str:
        """The name of a folder that no other Ansible run of this session has: the wanted one, or with a number."""
        with self._lock:
            self._folders[wanted] += 1
            times = self._folders[wanted]
        return wanted if times == 1 else f"{wanted}-{times}"

    @property
    def over_budget(self) -> bool:
        """Whether more hosts have failed than may."""
        return len(self.failures) > self.spec.rollout.failure_budget

    @property
    def target(self) -> str:
        """Digest of what the whole pool should be."""
        text = "\n".join(f"{host.name} {host.desired}" for host in self.spec.hosts)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def say(self, name: str, phase: Phase, text: str, wave: Wave = NO_WAVE) -> None:
        """Tell whoever watches. `name` is empty for the whole pool."""
        now, spec = self.around.now(), self.spec
        self.around.observer(
            Progress(now, spec.stack, spec.pool, name, phase, wave.number, wave.count, text),
        )

    def look_at(self, count: int) -> None:
        """Tell that so many hosts are looked at."""
        self.say("", Phase.PENDING, f"looks at {count} host{'s' if count != 1 else ''}")

    def mark(self, phase: Phase, *, cordoned: bool) -> RolloutMark:
        """The annotation of a node in a phase."""
        return RolloutMark(self.run, str(phase), self.around.now().isoformat(timespec="seconds"), cordoned)

    def done(self, name: str, text: str, wave: Wave = NO_WAVE) -> None:
        """A host is what it should be."""
        self._end(name, self.hosts[name].desired, Phase.DONE, text, wave)

    def fail(
        self, name: str, code: str, what: str, hint: str = "", wave: Wave = NO_WAVE, *, untouched: bool = False
    ) -> None:
        """A host failed, and counts against the budget. Args: `untouched` is whether nothing on it was changed."""
        self.failures.add(name)
        state = states.failed(code, what, self._past(name) if untouched else None)
        self._end(name, state, Phase.FAILED, f"{code}: {what}", wave, hint)

    def lose(self, name: str, why: str, hint: str = "", wave: Wave = NO_WAVE, *, counts: bool = True) -> None:
        """A host does not answer."""
        if counts:
            self.failures.add(name)
        state = states.unreachable(why, self._past(name))
        self._end(name, state, Phase.FAILED, f"does not answer: {why}", wave, hint)

    def interrupt(self, name: str, code: str, what: str, wave: Wave = NO_WAVE) -> None:
        """A host was left in the middle because the run ended, and not for a fault of its own."""
        self._end(name, states.failed(code, what), Phase.FAILED, what, wave, "run the same command again")

    def defer(self, name: str, until: str, why: str, wave: Wave = NO_WAVE, *, proved: str = "") -> None:
        """A host is left for a later run. Args: `proved` is what its stamp says, when only its node is in doubt."""
        kept = Past(proved=proved) if proved else self._past(name)
        self._end(name, states.deferred(until, why, kept), Phase.DEFERRED, f"until {until}: {why}", wave)

    def pend(self, name: str) -> None:
        """The run ends before a host's turn comes; what was known of it stays known."""
        self.states[name] = states.unfinished(self.states[name], self._past(name))

    def _past(self, name: str) -> Past:
        """What the next run has to know of a host for which this one can do nothing."""
        return past(self.states[name]).and_needs(self.hosts[name].desired, self.spec.disruption)

    def _end(self, name: str, state: str, phase: Phase, text: str, wave: Wave, hint: str = "") -> None:
        self.states[name] = state
        log = self.logs.get(name, "")
        self.reports[name] = HostReport(name, state, phase, hint, log)
        self.journal.append(self.around.now(), self.run, "host", host=name, state=state)
        self.say(name, phase, text, wave)

    def variables(self, name: str, allow: str) -> dict[str, Any]:
        """All variables of a host for Ansible, secrets in place.

        Args:
            name: the host.
            allow: the most that this run may do to it.
        """
        host = self.hosts[name]
        intent, code = fingerprints(host.desired) or ("", "")
        own = {
            "causeway__intent": intent,
            "causeway__code": code,
            "causeway__desired": host.desired,
            "causeway__run": self.run,
            "causeway__owner": self.owner,
            "causeway__allow_disruption": allow,
            "causeway__keep_verified": allow not in EMPTYING,  # what is emptied counts as right when it is proved anew
        }
        return {**{k: _in_place(v, self.spec.secrets, name) for k, v in host.variables.items()}, **own}

    def expected(self, name: str) -> int:
        """Accelerators that a host has to offer."""
        variables = self.hosts[name].variables
        own = variables.get(f"{variables.get('causeway__driver_role')}__expected_accelerators")
        return own if isinstance(own, int) else self.spec.expected


def open_session(spec: PoolSpec, before: Mapping[str, str], around: Surroundings) -> Session:
    """A fresh run over a pool; hosts of which nothing is known are `absent`."""
    return Session(
        spec=spec,
        around=around,
        run=run_id(around.now()),
        owner=identity.owner(),
        journal=journal_of(around.home, spec.stack, spec.pool),
        states={host.name: before.get(host.name, ABSENT) for host in spec.hosts},
        hosts={host.name: host for host in spec.hosts},
    )


def run_id(now: datetime) -> str:
    """A run's name: when it began, and something that no other has."""
    return f"{now:%Y%m%dT%H%M%SZ}-{random.token_hex(3)}"


def _in_place(value: Any, secrets: Mapping[str, str], host: str) -> Any:
    if isinstance(value, Mapping):
        if len(value) == 1 and isinstance(value.get(SECRET_KEY), str):
            return _secret(value[SECRET_KEY], secrets, host)
        return {key: _in_place(item, secrets, host) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_in_place(item, secrets, host) for item in value]
    return value


def _secret(name: str, secrets: Mapping[str, str], host: str) -> str:
    if name not in secrets:
        raise Permanent(
            "secret-missing",
            f"the secret {name} has no value",
            where=host,
            hint="give it one where the declaration says it comes from, under `secrets`",
        )
    return secrets[name]
