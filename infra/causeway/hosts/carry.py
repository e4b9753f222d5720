"""Carries one wave through: out of service, Ansible, back into service; each host ends in one state."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from causeway.cluster.model import Nodes
from causeway.hosts.bring_back import bring_back
from causeway.hosts.classify import OF_THE_NODE, Candidate, Need
from causeway.hosts.leave import hush, put_back, take_out
from causeway.hosts.model import Phase
from causeway.hosts.play import QUIESCE, HostEnd, PlayEnd, play
from causeway.hosts.session import Session, Wave
from causeway.hosts.stamp import stamp_of
from causeway.hosts.states import NEXT_RUN, past

NOT_ALLOWED = "disruption-not-allowed"
HOST_LOCKED = "host-locked"
_STAYS = "; its node stays cordoned"


def carry(
    session: Session, hosts: Sequence[Candidate], wave: Wave, may_begin: Callable[[], str] = lambda: ""
) -> list[Candidate]:
    """Bring a wave's hosts to their desired states.

    Args:
        session: the run.
        hosts: the wave.
        wave: its number.
        may_begin: asked when the hosts are empty; why nothing may be changed on them now, empty when it may.

    Returns:
        Hosts that need more disruption than they were allowed: they go again, with more.
    """
    nodes = session.around.nodes
    emptied = [host for host in hosts if host.empties and host.node is not None]
    rest = [host for host in hosts if not (host.empties and host.node is not None)]
    ready = _empty(session, nodes, emptied, wave, may_begin) if nodes is not None else []
    ready = _quiesce(session, nodes, ready, wave) if nodes is not None else []
    if nodes is not None:
        hush(session, nodes, [host for host in rest if host.need is Need.JOIN and host.node is not None])
    work = [*ready, *rest]
    if not work:
        return []
    allow = {host.name: host.disruption for host in work}
    end = play(session, allow, wave)
    ends = _by_stamp(session, end, {host.name: host for host in work})
    again = _note(session, nodes, {host.name: host for host in work}, ends, {host.name for host in ready}, wave)
    _free(session, [name for name, one in end.hosts.items() if one.kind in ("failed", "interrupted")])
    return again


def _empty(
    session: Session, nodes: Nodes, hosts: Sequence[Candidate], wave: Wave, may_begin: Callable[[], str]
) -> list[Candidate]:
    """Those hosts that left service; the others are back in it, and noted."""
    left = take_out(session, nodes, hosts, wave)
    out = [host for host in hosts if not left[host.name].why]
    for host in hosts:
        why, cordoned = left[host.name].why, left[host.name].cordoned
        if why == "cancelled" and not cordoned:
            session.pend(host.name)
        elif why:
            session.defer(host.name, NEXT_RUN, f"{why}{_STAYS} until then" if cordoned else why, wave)
    late = "cancelled" if session.around.cancelled() else may_begin()
    if not late:
        return out
    until, _, why = (NEXT_RUN + ": stopped").partition(": ") if late == "cancelled" else late.partition(": ")
    back = put_back(session, nodes, out, wave)
    for host in out:
        if late == "cancelled" and host.name in back:
            session.pend(host.name)
        else:
            session.defer(host.name, until, why if host.name in back else f"{why}{_STAYS} until then", wave)
    return []


def _quiesce(session: Session, nodes: Nodes, hosts: Sequence[Candidate], wave: Wave) -> list[Candidate]:
    """Those hosts on which nothing holds a device any more."""
    if not hosts or session.spec.resource is None:
        return list(hosts)
    end = play(session, {host.name: host.disruption for host in hosts}, wave, playbook=QUIESCE)
    held = [host for host in hosts if end.hosts[host.name].kind in ("failed", "interrupted")]
    back = put_back(session, nodes, held, wave, quiesced=True)
    for host in hosts:
        one = end.hosts[host.name]
        if one.kind == "unreachable":  # it may be down: its node stays as it is until somebody has looked
            session.lose(host.name, one.what, wave=wave)
        elif one.kind == "interrupted" and end.cancelled and host.name in back:
            session.pend(host.name)
        elif one.kind != "ok":
            what = one.what if host.name in back else f"{one.what}{_STAYS}"
            session.fail(host.name, one.code or "ansible-ended", what, one.hint, wave)
    return [host for host in hosts if end.hosts[host.name].kind == "ok"]


def _by_stamp(session: Session, end: PlayEnd, hosts: Mapping[str, Candidate]) -> dict[str, HostEnd]:
    """Ends of hosts, with what their stamps say where the run itself ended before them.

    The stamp of a host that was worked on although its stamp was right says nothing of this run.
    """
    unsure = [name for name, one in end.hosts.items() if one.kind == "interrupted" and not hosts[name].right]
    if not unsure:
        return dict(end.hosts)
    # asked although the run may be cancelled: it is short, and what happened has to be known
    seen = session.around.transport.probe({name: session.hosts[name].variables for name in unsure}, lambda: False)
    found = dict(end.hosts)
    for name in unsure:
        stamp = stamp_of(seen[name].facts, name) if name in seen else None
        if stamp is not None and stamp.says(session.hosts[name].desired):
            found[name] = HostEnd("ok")
    return found


def _note(
    session: Session,
    nodes: Nodes | None,
    hosts: Mapping[str, Candidate],
    ends: Mapping[str, HostEnd],
    emptied: set[str],
    wave: Wave,
) -> list[Candidate]:
    again: list[Candidate] = []
    ended = {name: one for name, one in ends.items() if one.kind in ("failed", "interrupted") and name in emptied}
    unchanged = [hosts[name] for name, one in ended.items() if one.untouched]
    back = put_back(session, nodes, unchanged, wave, quiesced=True) if nodes is not None else set()
    right = [name for name, one in ends.items() if one.kind == "ok"]
    held = {name for name in right if name in emptied or _is_held(session, hosts[name])}
    waiting = [name for name in right if name in held] if nodes is not None else []
    for name in right:
        if name not in waiting:
            session.done(name, "verified", wave)
    for name, one in ends.items():
        if one.kind == "ok":
            continue
        if one.code == NOT_ALLOWED and not hosts[name].empties and hosts[name].node is not None:
            session.say(name, Phase.PENDING, f"{one.what}: it goes again in a wave that may", wave)
            again.append(hosts[name].change("reboot"))
            continue
        stays = one.untouched and name in emptied and name not in back
        note_failure(session, name, replace(one, what=f"{one.what}{_STAYS}") if stays else one, wave, stays=stays)
    if nodes is not None:
        bring_back(session, nodes, [hosts[name] for name in waiting], wave)
    return again


def note_failure(session: Session, name: str, one: HostEnd, wave: Wave, *, stays: bool = False) -> None:
    """Note how a host ended that did not come to its end. Args: `stays` is whether its node stays cordoned."""
    if one.kind == "unreachable":
        session.lose(name, one.what, wave=wave)
    elif one.kind == "interrupted":
        if session.around.cancelled() and one.untouched and not stays:
            session.pend(name)
        elif session.around.cancelled():
            session.interrupt(name, "interrupted", one.what, wave)
        else:
            session.fail(name, "ansible-ended", one.what, "run the same command again", wave)
    elif one.code == HOST_LOCKED:
        session.defer(name, NEXT_RUN, one.what, wave)
    else:
        session.fail(name, one.code, one.what, one.hint, wave, untouched=one.untouched and not stays)


def _is_held(session: Session, host: Candidate) -> bool:
    """Whether a host's node carries what a rollout does to it, or was not well the last time."""
    if host.node is None:
        return False
    unwell = past(session.states[host.name]).code in OF_THE_NODE
    return unwell or host.need is Need.JOIN or host.node.mark is not None or not host.node.operands


def _free(session: Session, names: Sequence[str]) -> None:
    """Give back the locks of hosts whose run ended early."""
    if names:
        hosts = {name: session.hosts[name].variables for name in names}
        session.around.transport.free_locks(hosts, session.owner)
