"""The fingerprint of every host of a pool, made from what the hosts share and the little in which each differs."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from causeway.fleet.hosts import PoolHosts
from causeway.plan.fingerprint import Seal, SharedIntent, desired_state
from causeway.plan.host_values import HOST_NUMBER, PoolVariables, difference, effective, numbered_variables


class PoolIntents:
    """Intents and desired states of a pool's hosts.

    Args:
        variables: what the pool's hosts have in common.
        hosts: the pool's hosts.
        seal: key and values of the secrets that variables name.
        code: fingerprint of the code that the pool's play reaches.
    """

    def __init__(self, variables: PoolVariables, hosts: PoolHosts, seal: Seal, code: str | None) -> None:
        self.variables = variables
        self.hosts = hosts
        self._code = code
        self._numbered = {name: variables.variables[name] for name in numbered_variables(variables.variables)}
        self._shared = SharedIntent(effective(variables.variables, {}), seal)

    @cached_property
    def pool(self) -> str:
        """Intent of a host that differs in nothing."""
        return self._shared.of({})

    @cached_property
    def numbers(self) -> dict[str, int]:
        """Numbers of the hosts that differ, in declared order."""
        if not self._numbered and not self.hosts.records:
            return {}
        numbered = self.hosts.numbered()
        return {name: number for number, name in numbered if self._numbered or self._differs(name, number)}

    def _differs(self, name: str, number: int) -> bool:
        record = self.hosts.records.get(name)
        return record is not None and (record.state != "in_service" or bool(difference(self.variables, number, record)))

    def own(self, name: str) -> dict[str, object]:
        """The variables in which a host differs from its pool."""
        number = self.numbers.get(name)
        if number is None:
            return {}
        record = self.hosts.records.get(name)
        return difference(self.variables, number, record) if record else {HOST_NUMBER: number}

    def of(self, name: str) -> str:
        """A host's intent."""
        return self._shared.of(effective(self._numbered, self.own(name))) if name in self.numbers else self.pool

    def desired(self, name: str) -> str:
        """The one short string that says what a host should be."""
        record = self.hosts.records.get(name)
        return desired_state(record.state if record else "in_service", self.of(name), self._code)

    def states(self) -> Iterator[tuple[str, str]]:
        """(name, desired state) of every host, in declared order."""
        alike = desired_state("in_service", self.pool, self._code)
        for name in self.hosts.names:
            yield name, self.desired(name) if name in self.numbers else alike
