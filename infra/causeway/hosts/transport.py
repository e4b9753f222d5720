"""Reaches hosts from this machine: the user's OpenSSH for probes, ansible-runner over it for runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from causeway.assets import Playbooks
from causeway.hosts import lock, private, runner
from causeway.hosts.model import Bundle, HostFacts, RunEnd, TaskEvent
from causeway.hosts.probe import MODULE, SECONDS, missing_module, probe


class OpenSshTransport:
    """`causeway.hosts.model.Transport` over the user's own OpenSSH.

    Args:
        home: the fleet's `.causeway`; logs of runs go below it.
        playbooks: where playbooks and roles are.
        environment: of this process; what hosts' programs see is only a part of it.
        probe_seconds: hard limit of a probe for each host.
    """

    def __init__(
        self,
        home: Path,
        playbooks: Playbooks,
        environment: Mapping[str, str] | None = None,
        probe_seconds: float = SECONDS,
    ) -> None:
        self._home = home
        self._playbooks = playbooks
        self._environment = dict(os.environ if environment is None else environment)
        self._probe_seconds = probe_seconds

    def probe(self, hosts: Mapping[str, Mapping[str, Any]], cancelled: Callable[[], bool]) -> Mapping[str, HostFacts]:
        """Facts, stamp and lock of hosts, many at once."""
        path = self._playbooks.root / MODULE
        if not path.is_file():
            raise missing_module(str(path))
        return probe(hosts, path.read_bytes(), self._environment, cancelled, self._probe_seconds)

    def run(self, bundle: Bundle, on_event: Callable[[TaskEvent], None], cancelled: Callable[[], bool]) -> RunEnd:
        """Run a playbook to its end, or to the next safe point once cancelled."""
        private.sweep(self._environment)
        return runner.run(bundle, self._playbooks, self._home / "runs", self._environment, on_event, cancelled)

    def free_locks(self, hosts: Mapping[str, Mapping[str, Any]], owner: str) -> None:
        """Free the locks that this owner still holds on hosts."""
        lock.free(hosts, owner, self._environment)
