"""The waves of a rollout over hosts in service: when the next one may begin, who is in it, and when it all stops."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from causeway.cluster.model import NodeState
from causeway.errors import CausewayError
from causeway.hosts import states
from causeway.hosts.batches import Growth, growth, ordered, repairs, take, wave_time, waves_left
from causeway.hosts.carry import carry
from causeway.hosts.classify import CANARY_UNWELL, Candidate
from causeway.hosts.journal import Behind, behind
from causeway.hosts.leave import put_back
from causeway.hosts.look import Cluster, out_now, read_nodes, refreshed
from causeway.hosts.model import Phase
from causeway.hosts.patience import patiently, wait_until
from causeway.hosts.session import NO_WAVE, Session, Wave
from causeway.hosts.states import NEXT_RUN
from causeway.hosts.windows import has_room, next_opening, open_until
from causeway.plan.durations import default_durations

_NO_NODE = (
    "it has to be emptied, and its cluster has no node of this name: see whether its context is that of the right "
    "cluster; a host on which nothing runs yet is declared as joining"
)


@dataclass
class _Line:
    """Hosts that wait for their turn, and how far the rollout is."""

    waiting: list[Candidate]
    growth: Growth
    before: Behind
    done: int = 0
    """Waves that are over."""
    watched: bool = False
    """Whether the canary was watched for its time, and found well after it."""


def in_waves(session: Session, hosts: Sequence[Candidate], stopped: Callable[[], bool]) -> None:
    """Change hosts in service, wave by wave.

    Args:
        session: the run.
        hosts: the hosts, in declared order.
        stopped: whether the rollout ends now; hosts whose turn did not come keep waiting for a later run.
    """
    if not hosts:
        return
    rollout = session.spec.rollout
    before = behind(session.journal.read(), session.target)
    line = _Line(ordered(session.spec, hosts), growth(rollout.canary, len(before.hosts), len(session.hosts)), before)
    while line.waiting and not stopped():
        cluster = read_nodes(session)
        if cluster.away and any(host.empties for host in line.waiting):
            _defer(session, line.waiting, NEXT_RUN, f"the cluster's API is away: {cluster.away}")
            return
        line.waiting = _known(session, refreshed(line.waiting, cluster)) if not cluster.away else line.waiting
        if not line.waiting or not _one(session, line, cluster):
            return


def _known(session: Session, hosts: Sequence[Candidate]) -> list[Candidate]:
    """Hosts whose nodes can be emptied; those that would have to be and that the cluster does not know are deferred."""
    _defer(session, [host for host in hosts if host.empties and host.node is None], NEXT_RUN, _NO_NODE)
    return [host for host in hosts if host.node is not None or not host.empties]


def _one(session: Session, line: _Line, cluster: Cluster) -> bool:
    """Carry one wave through, or watch the canary. False when no other wave can begin in this run."""
    mending = repairs(line.waiting, line.growth.size)
    if mending:
        _carry(session, line, mending, lambda: "", "repair")
        return True
    watched = _watching(session, line)
    if watched is not None:  # its nodes were read before it
        return watched
    room = max(0, session.spec.rollout.max_unavailable.of(len(session.hosts)) - out_now(session, cluster))
    chosen = take(_willing(session, line), line.growth.size, room)
    if not line.waiting:
        return False
    if not chosen:
        _leave_in_service(session, line.waiting, NEXT_RUN, _no_room(session, cluster))
        return False
    closed = _closed(session, len(chosen))
    if closed:
        _leave_in_service(session, line.waiting, *closed)
        return False
    failed, canary = len(session.failures), line.growth.canary
    right = _carry(session, line, chosen, lambda: _ended(session), "wave", canary=canary)
    line.before = line.before.and_then(right, session.around.now(), canary=canary)
    line.growth = line.growth.after(len(right), clean=len(session.failures) == failed)
    return True


def _carry(
    session: Session,
    line: _Line,
    chosen: Sequence[Candidate],
    may_begin: Callable[[], str],
    kind: str,
    **noted: bool,
) -> frozenset[str]:
    """Those hosts of a wave that came to their target; the journal keeps them as an entry of this kind."""
    names = {host.name for host in chosen}
    rest = [host for host in line.waiting if host.name not in names]
    room = session.spec.rollout.max_unavailable.of(len(session.hosts))
    wave = Wave(line.done + 1, line.done + 1 + waves_left(len(rest), line.growth.size * 2, room))
    session.say("", Phase.PENDING, f"wave {wave.number} of {wave.count}: {', '.join(sorted(names))}", wave)
    line.waiting = [*rest, *carry(session, chosen, wave, may_begin)]
    line.done += 1
    right = frozenset(name for name in names if session.states[name] == session.hosts[name].desired)
    session.journal.append(session.around.now(), session.run, kind, target=session.target, hosts=sorted(right), **noted)
    return right


def _watching(session: Session, line: _Line) -> bool | None:
    """Watch the canary for its time, also one of an earlier run.

    False when the rollout ends with it, None when there is nothing to watch.
    """
    rollout, around = session.spec.rollout, session.around
    if line.watched or not rollout.canary or not rollout.soak or line.before.canary_at is None or line.growth.canary:
        return None
    until = line.before.canary_at + rollout.soak
    before = Cluster({})
    if around.now() < until:
        end = open_until(rollout.window, around.now(), session.spec.time_zone) if rollout.window else until
        if rollout.window is not None and (end is None or end <= until):
            why = "the canary is watched beyond the end of the window"
            _leave_in_service(session, line.waiting, *_next(session, why))
            return False
        before = read_nodes(session)
        session.say("", Phase.PENDING, f"watches the canary until {states.at(until)}", Wave(line.done, line.done))
        if not wait_until(until, around):
            return False
    line.watched = True
    cluster = read_nodes(session)
    if cluster.away and around.has_cluster:
        _leave_in_service(session, line.waiting, NEXT_RUN, f"nobody can look at the canary: {cluster.away}")
        return False
    unwell = _unwell(session, line.before.canary, before, cluster)
    if unwell:
        _leave_in_service(session, line.waiting, NEXT_RUN, f"the canary is not well: {', '.join(unwell)}")
    return not unwell


def _unwell(session: Session, names: Collection[str], before: Cluster, after: Cluster) -> list[str]:
    """Those hosts of the canary that are not in service after they were watched.

    Args:
        session: the run.
        names: the canary.
        before: its nodes when it began to be watched; none where that is long ago.
        after: its nodes now.
    """
    found = []
    for name in sorted(set(names) & session.hosts.keys()):
        was, node = before.nodes.get(name), after.nodes.get(name)
        what = _ailing(session, name, was, node)
        if what:
            session.fail(name, CANARY_UNWELL, f"after {session.spec.rollout.soak} its node {what}")
            found.append(name)
    return found


def _ailing(session: Session, name: str, was: NodeState | None, node: NodeState | None) -> str:
    """What is wrong with a canary's node; empty when nothing is."""
    if node is None:
        return "is gone" if was is not None else ""
    resource, expected = session.spec.resource, session.expected(name)
    offered = node.allocatable.get(resource, 0) if resource else 0
    if resource and node.plugin_expected and offered < expected:
        return f"offers {offered} of {expected} {resource}"
    if not node.ready:
        return "is not ready"
    return "was cordoned meanwhile" if was is not None and was.schedulable and not node.schedulable else ""


def _willing(session: Session, line: _Line) -> list[Candidate]:
    """Hosts whose workloads let them be drained; the others are deferred, and no longer wait."""
    refusing = {workload for workload, way in session.spec.on_drain.items() if way == "refuse"}
    nodes = session.around.nodes
    if not refusing or nodes is None:
        return line.waiting
    emptied = [host.name for host in line.waiting if host.empties]
    try:
        pods = patiently(lambda: nodes.pods(emptied), session.around)
    except CausewayError as error:
        _defer(session, line.waiting, NEXT_RUN, f"the cluster does not say what runs on it: {error.reason}")
        line.waiting.clear()
        return line.waiting
    for host in list(line.waiting):
        on_it = sorted(refusing & pods.get(host.name, {}).keys()) if host.empties else []
        if on_it:
            why = f"{', '.join(on_it)} runs on it and refuses to be drained (on_drain)"
            _leave_in_service(session, [host], NEXT_RUN, why)
            line.waiting.remove(host)
    return line.waiting


def _closed(session: Session, hosts: int) -> tuple[str, str] | None:
    """(until, why) when a wave may not begin now; None when it may."""
    window, now, zone = session.spec.rollout.window, session.around.now(), session.spec.time_zone
    role = next((host.variables.get("causeway__driver_role") for host in session.spec.hosts), None)
    if window is None or has_room(window, now, zone, wave_time(hosts, role, default_durations())):
        return None
    end = open_until(window, now, zone)
    why = (
        f"outside the window {window.hours}" if end is None else f"the window ends at {end:%H:%M}, before a wave could"
    )
    return _next(session, why)


def _ended(session: Session) -> str:
    """`UNTIL: why` when the window closed while hosts were emptied; empty otherwise."""
    window = session.spec.rollout.window
    if window is None or open_until(window, session.around.now(), session.spec.time_zone) is not None:
        return ""
    return ": ".join(_next(session, f"the window {window.hours} ended while its workloads left"))


def _next(session: Session, why: str) -> tuple[str, str]:
    window = session.spec.rollout.window
    opens = next_opening(window, session.around.now(), session.spec.time_zone) if window else None
    return (states.at(opens) if opens else NEXT_RUN), why


def _no_room(session: Session, cluster: Cluster) -> str:
    allowed, out = session.spec.rollout.max_unavailable.of(len(session.hosts)), out_now(session, cluster)
    return f"{out} of {len(session.hosts)} hosts are out of service, and max_unavailable allows {allowed}"


def _defer(session: Session, hosts: Sequence[Candidate], until: str, why: str) -> None:
    for host in hosts:
        session.defer(host.name, until, why)


def _leave_in_service(session: Session, hosts: Sequence[Candidate], until: str, why: str) -> None:
    """Defer hosts, and put those of them back into service that a run which ended early has left cordoned."""
    stay = still_cordoned(session, hosts)
    for host in hosts:
        session.defer(host.name, until, f"{why}; its node stays cordoned until then" if host.name in stay else why)


def still_cordoned(session: Session, hosts: Sequence[Candidate]) -> set[str]:
    """Put hosts back into service that a run which ended early has left cordoned; those for which that cannot be."""
    nodes = session.around.nodes
    held = [host for host in hosts if host.asleep or (host.node is not None and host.node.mark is not None)]
    back = put_back(session, nodes, held, NO_WAVE) if nodes is not None else set()
    return {host.name for host in held if host.node is not None and not host.node.schedulable} - back
