"""Looks whether hosts are still what the last run proved: their stamp, versions and devices, or a run in check mode.

Nothing is changed, on the host or in the cluster. A node that a killed run has left out of service is drift as well.
Where the cluster cannot be asked, no host is called right: the state says so, and the next rollout asks again.
A host that was not right before keeps its state: the next rollout looks at it anyway.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from causeway.errors import CausewayError
from causeway.hosts import states
from causeway.hosts.classify import left_behind
from causeway.hosts.look import probe, read_nodes
from causeway.hosts.model import OUT_OF_SERVICE, HostFacts, PoolSpec, Surroundings
from causeway.hosts.play import play
from causeway.hosts.session import NO_WAVE, Session, open_session
from causeway.hosts.stamp import stamp_of
from causeway.hosts.states import fingerprints

Level = Literal["facts", "check"]
_VERSIONS = {
    "driver_version": "loaded",
    "firmware_version": "firmware",
    "toolkit_version": "toolkit",
    "container_toolkit_version": "container_toolkit",
}
"""Variables of a driver role, and where the facts have what the host runs."""
_FEW = 3


def look(
    spec: PoolSpec, before: Mapping[str, str], names: Sequence[str], around: Surroundings, level: Level
) -> dict[str, str]:
    """State strings of the hosts `names` as they are now.

    Args:
        spec: the pool as the last run wanted it.
        before: state strings of the last run.
        names: hosts to look at.
        around: its transport and clock are used.
        level: `facts` asks what the hosts have; `check` also lets Ansible predict what a run would change.

    Raises:
        CausewayError: the facts module is missing, or a secret has no value.
    """
    session = open_session(spec, before, around)
    wanted = [name for name in session.hosts if name in set(names)]
    asked = [name for name in wanted if session.hosts[name].desired != OUT_OF_SERVICE]
    session.look_at(len(asked))
    facts = probe(session, asked)
    found = {name: _state(session, facts[name]) if name in facts else session.states[name] for name in wanted}
    if level == "check":
        found.update(_predicted(session, _right(found)))
    found.update(_out_of_service(session, found))
    return found


def _right(found: Mapping[str, str]) -> list[str]:
    return [name for name, state in found.items() if fingerprints(state) is not None]


def _out_of_service(session: Session, found: Mapping[str, str]) -> dict[str, str]:
    """States of those hosts whose node a rollout that did not end has left out of service, or may have.

    A pool whose cluster has no access declared is hosts alone: there are no nodes to ask for. A host that joins need
    not have one.
    """
    names = _right(found)
    if not names or not session.around.has_cluster:
        return {}
    cluster = read_nodes(session)
    if cluster.away:
        what = f"its node is in service: {cluster.away}"
        return {name: states.untold(what, found[name]) for name in names if not session.hosts[name].joining}
    held = [name for name in names if left_behind(cluster.nodes.get(name))]
    return dict.fromkeys(held, states.drifted("a run that did not end has left its node out of service"))


def _state(session: Session, facts: HostFacts) -> str:
    name, before = facts.name, session.states[facts.name]
    if facts.facts is None:
        return states.unreachable(facts.unreachable, states.past(before))
    if fingerprints(before) is None:
        return before
    why = drifted(session.hosts[name].variables, facts, before, session.expected(name))
    return states.drifted(why) if why else before


def drifted(variables: Mapping[str, Any], facts: HostFacts, before: str, expected: int) -> str:
    """How a host differs from what was proved of it; empty when it does not.

    Args:
        variables: what its roles were told.
        facts: what it has.
        before: `ok INTENT [CODE]`.
        expected: accelerators that it has to have.
    """
    stamp = stamp_of(facts.facts, facts.name)
    if stamp is None:
        return "its stamp is gone"
    if not stamp.says(before):
        return (
            "a run began on it and did not end" if not stamp.verified else "somebody else brought it to another state"
        )
    found = facts.facts or {}
    differing = list(_versions(variables, found.get("driver")))
    if found.get("quiesced") is True:
        differing.append("a run that did not end has left the vendor's services stopped")
    devices = found.get("devices")
    if expected and isinstance(devices, list):
        healthy = sum(1 for each in devices if isinstance(each, Mapping) and each.get("healthy") is True)
        if healthy < expected:
            differing.append(f"{healthy} of {expected} accelerators are healthy")
    return "; ".join(differing)


def _versions(variables: Mapping[str, Any], driver: Any) -> list[str]:
    role = variables.get("causeway__driver_role")
    if not isinstance(driver, Mapping) or not role:
        return []
    found = []
    for variable, key in _VERSIONS.items():
        wanted, has = variables.get(f"{role}__{variable}"), driver.get(key)
        if wanted is None or (has is None and key != "loaded") or _same(str(wanted), str(has)):
            continue
        part = variable.removesuffix("_version").replace("_", " ")
        found.append(f"{part} {has} runs, not {wanted}" if has is not None else f"no {part} is loaded, not {wanted}")
    return found


def _same(wanted: str, has: str) -> bool:
    """Whether two versions are one; a package's revision after `-` is not the vendor's."""
    return wanted.partition("-")[0] == has.partition("-")[0]


def _predicted(session: Session, names: Sequence[str]) -> dict[str, str]:
    """States of hosts of which a run in check mode says that they would change."""
    if not names:
        return {}
    try:
        end = play(session, dict.fromkeys(names, "none"), NO_WAVE, check=True)
    except CausewayError as error:
        return dict.fromkeys(names, states.drifted(f"nobody can tell, {error.code}: {error.reason}"))
    found = {}
    for name in names:
        one, predicted = end.hosts[name], end.predicted[name]
        if one.kind == "unreachable":
            found[name] = states.unreachable(one.what, states.past(session.states[name]))
        elif one.kind != "ok":
            found[name] = states.drifted(f"nobody can tell, {one.code or 'ansible-ended'}: {one.what}")
        elif predicted.tasks:
            shown = ", ".join(predicted.tasks[:_FEW])
            more = f" and {len(predicted.tasks) - _FEW} more" if len(predicted.tasks) > _FEW else ""
            found[name] = states.drifted(f"a run would change {shown}{more}")
    return found
