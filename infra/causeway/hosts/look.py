"""Looks at a pool before anything is done: nodes at the cluster, facts over ssh, and what each host needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from causeway.cluster.model import NodeState
from causeway.errors import CausewayError
from causeway.hosts.classify import Candidate, Sight, classify, is_out
from causeway.hosts.model import OUT_OF_SERVICE, HostFacts
from causeway.hosts.patience import patiently
from causeway.hosts.session import Session
from causeway.hosts.stamp import stamp_of


@dataclass(frozen=True, slots=True)
class Cluster:
    """A pool's nodes at one moment.

    Args:
        nodes: by host name.
        away: why the cluster could not be asked; empty when it answered.
    """

    nodes: Mapping[str, NodeState]
    away: str = ""


def read_nodes(session: Session) -> Cluster:
    """The nodes of the whole pool."""
    around = session.around
    if around.nodes is None:
        return Cluster({}, around.nodes_away or "no access to it is declared")
    nodes = around.nodes
    try:
        return Cluster(patiently(lambda: nodes.read(list(session.hosts)), around))
    except CausewayError as error:
        return Cluster({}, error.reason)


def out_now(session: Session, cluster: Cluster) -> int:
    """How many hosts of the pool are out of service, whatever the cause."""
    asked = not cluster.away
    return sum(is_out(host, cluster.nodes.get(name), asked=asked) for name, host in session.hosts.items())


def candidates(session: Session, names: Sequence[str], cluster: Cluster) -> list[Candidate]:
    """What each host needs."""
    wanted = [session.hosts[name] for name in session.hosts if name in set(names)]
    facts = probe(session, [host.name for host in wanted if host.desired != OUT_OF_SERVICE])
    pods = _pods(session, facts, cluster)
    now = session.around.now()
    found = []
    for host in wanted:
        sight = Sight(
            facts.get(host.name, HostFacts(host.name, None)),
            cluster.nodes.get(host.name),
            asked=not cluster.away,
            pods=pods.get(host.name),
        )
        found.append(classify(session.spec, host, session.states[host.name], sight, session.owner, now))
    return found


def probe(session: Session, names: Sequence[str]) -> Mapping[str, HostFacts]:
    """Facts of hosts; no connection when there are none."""
    hosts = {name: session.hosts[name].variables for name in names}
    return session.around.transport.probe(hosts, session.around.cancelled) if hosts else {}


def refreshed(hosts: Sequence[Candidate], cluster: Cluster) -> list[Candidate]:
    """Candidates with what their nodes say now."""
    return [
        replace(host, node=node, out=is_out(host.host, node, asked=True))
        for host in hosts
        for node in (cluster.nodes.get(host.name),)
    ]


def _pods(session: Session, facts: Mapping[str, HostFacts], cluster: Cluster) -> Mapping[str, int]:
    """Pods on the nodes of hosts that do not prove that they are in service; nothing for a cluster that is away."""
    unsure = [name for name in facts if name in cluster.nodes and not _proved(facts[name])]
    nodes = session.around.nodes
    if nodes is None or not unsure:
        return {}
    try:
        found = patiently(lambda: nodes.pods(unsure), session.around)
    except CausewayError:
        return {}
    return {name: sum(found.get(name, {}).values()) for name in unsure}


def _proved(facts: HostFacts) -> bool:
    stamp = stamp_of(facts.facts, facts.name)
    return stamp is not None and stamp.verified
