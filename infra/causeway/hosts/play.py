"""One Ansible run over some hosts of a rollout, and what it means for each of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from causeway.errors import CausewayError
from causeway.hosts import openssh, states
from causeway.hosts.artifacts import LOG
from causeway.hosts.model import Bundle, Phase, RunEnd, TaskEvent
from causeway.hosts.session import Session, Wave
from causeway.plan.disruption import worst

SITE = "site.yml"
QUIESCE = "quiesce.yml"
WAKE = "wake.yml"
FORKS = 50
_PHASES = {
    "Lock": (Phase.QUIESCED, "takes the host's lock"),
    "Quiesce": (Phase.DRAINED, "frees its devices"),
    "Wake": (Phase.DRAINED, "starts its services again"),
    "Baseline": (Phase.QUIESCED, "prepares the operating system"),
    "Drivers": (Phase.QUIESCED, "installs the driver stack"),
    "Container runtime": (Phase.QUIESCED, "sets up the container runtime"),
    "Reboot": (Phase.APPLIED, "reboots where it is needed"),
    "Verify": (Phase.REBOOTED, "proves the result"),
    "Finish": (Phase.VERIFIED, "notes the result"),
}
_BEFORE_CHANGE = ("Validate", "Lock", "Quiesce", "")
_NO_CHANGE = ("Lock", "Finish")
"""Plays whose changes are the stamp's alone."""


@dataclass(frozen=True, slots=True)
class HostEnd:
    """How a run ended for one host.

    Args:
        kind: `interrupted` means that the run ended before the host did.
        untouched: whether it failed before anything on it was changed.
    """

    kind: Literal["ok", "failed", "unreachable", "interrupted"]
    code: str = ""
    what: str = ""
    hint: str = ""
    untouched: bool = False


@dataclass
class Prediction:
    """What a run in check mode says of one host."""

    tasks: list[str] = field(default_factory=list)
    """Tasks that would change something."""
    disruption: str = "none"


@dataclass
class PlayEnd:
    """How a run ended."""

    hosts: Mapping[str, HostEnd]
    cancelled: bool = False
    predicted: Mapping[str, Prediction] = field(default_factory=dict)


class _Watch:
    """Follows a run's events: phases for whoever watches, where each host is, what is predicted."""

    def __init__(self, session: Session, names: Iterable[str], wave: Wave, *, check: bool) -> None:
        self._session, self._wave, self._check = session, wave, check
        self._alive = dict.fromkeys(names, "")
        self._play = ""
        self.predicted = {name: Prediction() for name in self._alive}

    def at(self, host: str) -> str:
        """The play in which a host was last."""
        return self._alive.get(host, "")

    def take(self, event: TaskEvent) -> None:
        if not event.host:
            self._next(event.play)
            return
        self._alive[event.host] = event.play
        if event.host in self.predicted and event.play not in _NO_CHANGE:
            found = self.predicted[event.host]
            found.tasks += [event.task] if event.outcome == "changed" else []
            found.disruption = worst((found.disruption, event.disruption))  # type: ignore[arg-type] # words of one set

    def _next(self, play: str) -> None:
        if play == self._play or self._check:
            return
        self._play = play
        phase, text = _PHASES.get(play, (None, ""))
        if phase is not None:
            for name in self._alive:
                self._session.say(name, phase, text, self._wave)


def play(
    session: Session,
    allow: Mapping[str, str],
    wave: Wave,
    *,
    playbook: str = SITE,
    check: bool = False,
    to_the_end: bool = False,
) -> PlayEnd:
    """Run a playbook on hosts.

    Args:
        session: the run.
        allow: the most that may be done to each host, by its name.
        wave: for whoever watches.
        playbook: which one.
        check: predict only.
        to_the_end: run it although the rollout is cancelled.
    """
    watch = _Watch(session, allow, wave, check=check)
    bundle = Bundle(
        stack=session.spec.stack,
        run=session.folder(_folder(session, wave, playbook, check=check)),
        playbook=playbook,
        hosts={name: session.variables(name, kind) for name, kind in allow.items()},
        check=check,
        forks=min(FORKS, len(allow)),
        secrets=tuple(session.spec.secrets.values()),
    )
    try:
        cancelled = (lambda: False) if to_the_end else session.around.cancelled
        end = session.around.transport.run(bundle, watch.take, cancelled)
    except CausewayError as error:
        refused = HostEnd("failed", error.code, error.reason, error.hint, untouched=True)
        return PlayEnd(dict.fromkeys(allow, refused), predicted=watch.predicted)
    except OSError as error:  # how far it came, the hosts tell
        lost = HostEnd("interrupted", what=f"this machine could not follow the run: {error.strerror or error}")
        return PlayEnd(dict.fromkeys(allow, lost), predicted=watch.predicted)
    hosts = {name: _host_end(name, end, watch.at(name), playbook) for name in allow}
    if end.artifacts is not None:
        _note_log(session, hosts, playbook, _relative(end.artifacts / LOG, session.around.home))
    return PlayEnd(hosts, end.status == "cancelled", watch.predicted)


def _note_log(session: Session, hosts: Mapping[str, HostEnd], playbook: str, log: str) -> None:
    """Note the log in which the reason stands, should a host fail.

    Services are started again after something else had failed: that log says why, unless starting them is what failed.
    """
    for name, end in hosts.items():
        if playbook != WAKE:
            session.logs[name] = log
        elif end.kind != "ok":
            session.logs.setdefault(name, log)


def _folder(session: Session, wave: Wave, playbook: str, *, check: bool) -> str:
    parts = [session.run, session.spec.pool]
    parts += [f"wave-{wave.number}"] if wave.number else []
    parts += [wave.step] if wave.step else []
    parts += [] if playbook == SITE else [playbook.removesuffix(".yml")]
    return "-".join([*parts, *(["check"] if check else [])])


def _relative(path: Path, home: Path) -> str:
    return str(path.relative_to(home)) if path.is_relative_to(home) else str(path)


def _host_end(name: str, end: RunEnd, where: str, playbook: str) -> HostEnd:
    untouched = where in _BEFORE_CHANGE
    if name in end.unreachable:
        return HostEnd(
            "unreachable",
            what=f"lost in {where or 'the first task'}: {openssh.why(255, end.unreachable[name])}",
            untouched=untouched,
        )
    if name in end.failed:
        code, what, hint = states.failure(end.failed[name], "task-failed")
        return HostEnd("failed", code, what, hint, untouched=untouched)
    if name in end.changed:
        return HostEnd("ok")
    if end.status in ("cancelled", "broken"):
        ended = "stopped" if end.status == "cancelled" else f"Ansible ended early ({end.message})"
        return HostEnd("interrupted", what=f"{ended} in {where or 'its first task'}", untouched=untouched)
    return HostEnd(
        "failed",
        "host-not-in-play",
        f"{playbook} has no play for this host",
        "see which groups its plays name",
        untouched=True,
    )
