"""Brings a pool's hosts to their desired states, and ends with exactly one state for each of them.

What is right is left alone, what is new is installed, what is in service goes in waves. The truth is the host's stamp
and its node's annotation, over the states of the last run, over the journal. So a run that was killed is gone on with
by the next one, from any machine.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from causeway.errors import CausewayError
from causeway.hosts import states
from causeway.hosts.bring_back import bring_back
from causeway.hosts.carry import carry, note_failure
from causeway.hosts.classify import EMPTYING, Candidate, Need
from causeway.hosts.look import Cluster, candidates, read_nodes
from causeway.hosts.model import OUT_OF_SERVICE, Phase, PoolOutcome, PoolSpec, Surroundings
from causeway.hosts.play import PlayEnd, play
from causeway.hosts.session import NO_WAVE, Session, Wave, open_session
from causeway.hosts.states import NEXT_RUN, past
from causeway.hosts.waking import wake
from causeway.hosts.waves import in_waves, still_cordoned
from causeway.plan.disruption import ORDER

CANCELLED = "cancelled"
BUDGET = "failure budget spent"


def converge(spec: PoolSpec, before: Mapping[str, str], names: Sequence[str], around: Surroundings) -> PoolOutcome:
    """Converge the hosts `names`; `before` holds the state strings of the last run.

    Raises:
        CausewayError: nothing was begun, since a secret has no value or the facts module is missing.
    """
    session = open_session(spec, before, around)
    wanted = [host.name for host in spec.hosts if host.name in set(names)]
    for name in wanted:
        session.variables(name, "none")  # a secret without a value is told before any host is touched
    _tell_damage(session)
    session.journal.append(around.now(), session.run, "begin", target=session.target, hosts=len(wanted))
    session.look_at(len(wanted))
    cluster = read_nodes(session)
    found = candidates(session, wanted, cluster)
    todo = {host.name for host in found}
    for step in (_settle, _restore, _join, _check):
        if _stopped(session):
            break
        found = step(session, found, cluster)
    else:
        in_waves(session, [host for host in found if host.need is Need.CHANGE], stopped=lambda: bool(_stopped(session)))
    return _outcome(session, todo)


def _stopped(session: Session) -> str:
    """Why the rollout ends before its end; empty while it goes on."""
    if session.over_budget:
        budget = session.spec.rollout.failure_budget
        failed = ", ".join(sorted(session.failures))
        return f"{BUDGET}: {failed} failed, and {budget or 'none'} may"
    return CANCELLED if session.around.cancelled() else ""


def _outcome(session: Session, todo: set[str]) -> PoolOutcome:
    for name in todo - session.reports.keys():
        if session.states[name] != session.hosts[name].desired:
            session.pend(name)
    stopped = _stopped(session)
    session.journal.append(session.around.now(), session.run, "end", stopped=stopped)
    if stopped:
        session.say("", Phase.FAILED, stopped)
    return PoolOutcome(dict(session.states), tuple(session.reports.values()), stopped, session.over_budget)


def _tell_damage(session: Session) -> None:
    damaged = session.journal.read().damaged
    if damaged:
        lines = ", ".join(map(str, damaged[:5]))
        session.say(
            "", Phase.PENDING, f"{session.journal.path}: line {lines} cannot be read; the hosts themselves tell"
        )


def _settle(session: Session, hosts: Sequence[Candidate], cluster: Cluster) -> list[Candidate]:
    """Note the hosts on which nothing is done in this run.

    None of them is called right, and none is worked on in service, while the cluster that could tell of a node left
    out of service is away.
    """
    settle: dict[Need, Callable[[Candidate], None]] = {
        Need.LEAVE: lambda host: session.states.update({host.name: OUT_OF_SERVICE}),
        Need.NOTHING: lambda host: _right(session, host.name),
        Need.UNREACHABLE: lambda host: _unreachable(session, host),
        Need.LOCKED: lambda host: _locked(session, host),
        Need.UNKNOWN: lambda host: session.defer(
            host.name, NEXT_RUN, f"nobody can tell what runs on it, since the cluster's API is away: {cluster.away}"
        ),
    }
    doubtful = {Need.NOTHING, Need.CHECK, Need.RESTORE} if cluster.away and session.around.has_cluster else set()
    left = []
    for host in hosts:
        if host.need in doubtful and not host.asleep:
            _untold(session, host, cluster)
        elif host.need in settle:
            settle[host.need](host)
        else:
            left.append(host)
    return left


def _untold(session: Session, host: Candidate, cluster: Cluster) -> None:
    why = "nobody can tell whether its node is in service"
    right = host.host.desired if host.need is not Need.CHECK and not past(session.states[host.name]).found else ""
    session.defer(host.name, NEXT_RUN, f"{why}, since the cluster's API is away: {cluster.away}", proved=right)


def _right(session: Session, name: str) -> None:
    """Nothing is to be done on a host; a run that was killed at its very end may not have given its traffic back."""
    nodes = session.around.nodes
    if nodes is not None and "shift_traffic" in session.spec.on_drain.values():
        with contextlib.suppress(CausewayError):
            nodes.shift_traffic(name, away=False)
    session.done(name, "is right already")


def _unreachable(session: Session, host: Candidate) -> None:
    if session.around.cancelled():
        return
    hint = "see `ssh-keygen -R`, once you know why its key changed" if "host key" in host.why else ""
    session.lose(host.name, host.why, hint, counts=session.spec.rollout.on_unreachable == "stop")


def _locked(session: Session, host: Candidate) -> None:
    if host.lock is not None:
        until = states.at(host.lock.expires)
        session.defer(host.name, until, f"the run {host.lock.run} of {host.lock.owner} holds it")


def _restore(session: Session, hosts: Sequence[Candidate], cluster: Cluster) -> list[Candidate]:
    """Put hosts back into service that are right, and whose run ended before it could."""
    right = [host for host in hosts if host.need is Need.RESTORE]
    unwoken = [host.name for host in right if host.asleep]
    asleep = {name: end for name, end in wake(session, unwoken, NO_WAVE).items() if end.kind != "ok"}
    for name, end in asleep.items():
        if end.kind == "unreachable":
            session.lose(name, f"{end.what}; its node stays cordoned")
        else:
            session.fail(name, end.code or "ansible-ended", f"{end.what}; its node stays cordoned", end.hint)
    awake = [host for host in right if host.name not in asleep]
    if session.around.nodes is not None:
        bring_back(session, session.around.nodes, awake, NO_WAVE)
        return [host for host in hosts if host.need is not Need.RESTORE]
    for host in awake:
        if session.around.has_cluster:
            _untold(session, host, cluster)
        else:
            _right(session, host.name)
    return [host for host in hosts if host.need is not Need.RESTORE]


def _join(session: Session, hosts: Sequence[Candidate], cluster: Cluster) -> list[Candidate]:
    """Install the hosts on which nothing runs yet, all at once."""
    del cluster
    new = [host for host in hosts if host.need is Need.JOIN]
    carry(session, new, Wave(step="join"))
    return [host for host in hosts if host.need is not Need.JOIN]


def _check(session: Session, hosts: Sequence[Candidate], cluster: Cluster) -> list[Candidate]:
    """Let check mode decide what hosts need whose intent is right.

    Those for which it predicts nothing run without leaving service, which stamps them anew; the others go in waves.
    """
    checked = [host for host in hosts if host.need is Need.CHECK]
    if not checked:
        return list(hosts)
    session.say("", Phase.PENDING, f"predicts what changes on {len(checked)} hosts")
    end = play(session, {host.name: "none" for host in checked}, NO_WAVE, check=True)
    waves = [host for host in hosts if host.need is not Need.CHECK]
    same, left = [], []
    for host in checked:
        predicted, one = end.predicted[host.name], end.hosts[host.name]
        if one.kind in ("unreachable", "interrupted") or (one.kind == "failed" and one.untouched):
            left.append(host)
        elif one.kind != "ok":  # what check mode could not evaluate is taken for the worst
            waves.append(host.change(ORDER[-1]))
        elif predicted.tasks or predicted.disruption != "none":
            waves.append(host.change(predicted.disruption))
        else:
            same.append(host.change("none"))
    _leave(session, left, end)
    if _stopped(session):
        return waves
    again = carry(session, same, Wave(step="same"))
    return [*waves, *again] if not cluster.away else _without_cluster(session, [*waves, *again], cluster)


def _leave(session: Session, hosts: Sequence[Candidate], end: PlayEnd) -> None:
    """Leave hosts of which nothing could be predicted as they are, in service, and note why."""
    if not hosts or (end.cancelled and session.around.cancelled()):
        return
    answering = [host for host in hosts if end.hosts[host.name].kind != "unreachable"]
    stays = still_cordoned(session, answering)
    for host in hosts:
        one = end.hosts[host.name]
        what = f"{one.what}; its node stays cordoned" if host.name in stays else one.what
        if one.kind == "interrupted":
            session.defer(host.name, NEXT_RUN, f"nobody can tell what would change on it: {what}")
        else:
            note_failure(session, host.name, replace(one, what=what, untouched=True), NO_WAVE)


def _without_cluster(session: Session, hosts: Sequence[Candidate], cluster: Cluster) -> list[Candidate]:
    """Hosts that may go although the cluster is away; those that have to be emptied may not."""
    for host in hosts:
        if host.disruption in EMPTYING:
            session.defer(host.name, NEXT_RUN, f"it has to be emptied, and the cluster's API is away: {cluster.away}")
    return [host for host in hosts if host.disruption not in EMPTYING]
