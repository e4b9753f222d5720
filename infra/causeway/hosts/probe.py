"""Asks many hosts at once what they have: the facts module, sent over ssh to each host's own Python.

It is the file that Ansible runs, so a probe and a run never see a host differently. Nothing is installed and nothing
is left on the host; a host that does not answer in time is told, and the others do not wait for it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from causeway.assets import REINSTALL
from causeway.errors import Permanent
from causeway.hosts import openssh
from causeway.hosts.environment import scrubbed
from causeway.hosts.fanout import Answer, ask
from causeway.hosts.model import HostFacts

MODULE = "plugins/modules/accelerator_facts.py"
SCHEMA = "causeway/host-facts/v1"
SECONDS = 60.0


def probe(
    hosts: Mapping[str, Mapping[str, Any]],
    module: bytes,
    environment: Mapping[str, str],
    cancelled: Callable[[], bool],
    seconds: float = SECONDS,
) -> dict[str, HostFacts]:
    """Facts of hosts, by name.

    Args:
        hosts: connection variables by host name.
        module: the facts module's text.
        environment: of this process; what ssh sees is what is kept of it.
        cancelled: true ends the probe; hosts that had not answered are unreachable then.
        seconds: hard limit for each host.
    """
    config = environment.get(openssh.CONFIG_VARIABLE)
    commands = {
        name: [
            *openssh.words(name, variables, config),
            openssh.as_root(variables, f"{openssh.python(variables)} -I -S -"),
        ]
        for name, variables in hosts.items()
    }
    answers = ask(commands, module, seconds, cancelled, scrubbed(environment))
    return {name: facts_of(name, answer) for name, answer in answers.items()}


def facts_of(name: str, answer: Answer) -> HostFacts:
    """A host's facts out of what its probe said."""
    if answer.status != 0:
        return HostFacts(name, None, openssh.why(answer.status, answer.complaint))
    found = _document(answer.output)
    if found is None:
        return HostFacts(name, None, "its probe answered with something that is no facts document")
    return HostFacts(name, found)


def _document(output: str) -> dict[str, Any] | None:
    """The facts in what a host printed, whose own profile may have greeted before."""
    for line in reversed(output.splitlines()):
        if line.startswith("{"):
            try:
                found = json.loads(line)
            except ValueError:
                return None
            return found if isinstance(found, dict) and found.get("schema") == SCHEMA else None
    return None


def stamp_text(facts: HostFacts) -> Mapping[str, Any] | None:
    """The stamp in a host's facts as it was read; None when there is none."""
    found = facts.facts.get("stamp") if facts.facts is not None else None
    return found if isinstance(found, Mapping) else None


def missing_module(path: str) -> Permanent:
    """The facts module is not among the playbooks."""
    return Permanent(
        "assets-missing",
        "the facts module is not there",
        where=path,
        hint=REINSTALL,
    )
