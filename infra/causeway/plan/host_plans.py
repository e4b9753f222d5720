"""The hosts of a pool that differ from it, each planned when it is asked for.

Where each host's number enters its variables, every host differs; a fleet of 50,000 such hosts must not become
50,000 objects in a plan that looks at a few of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

from causeway.fleet.hosts import PoolHosts
from causeway.plan.fingerprint import Seal, SharedIntent, desired_state
from causeway.plan.hostvars import HOST_NUMBER, PoolVariables, difference, effective, numbered_variables
from causeway.plan.model import HostPlan
from causeway.policy.leaks import without_secrets


class HostPlans(Mapping[str, HostPlan]):
    """Plans of the hosts that differ from their pool, by name, in declared order.

    Args:
        variables: what the pool's hosts have in common.
        hosts: the pool's hosts.
        seal: key and values of the secrets that variables name.
        code: fingerprint of the code that the pool's play reaches.
    """

    def __init__(self, variables: PoolVariables, hosts: PoolHosts, seal: Seal, code: str | None) -> None:
        self._variables = variables
        self._hosts = hosts
        self._code = code
        self._numbered = {name: variables.variables[name] for name in numbered_variables(variables.variables)}
        self._shared = SharedIntent(effective(variables.variables, {}), seal)

    @property
    def pool_intent(self) -> str:
        """Intent of a host that differs in nothing."""
        return self._shared.of({})

    @cached_property
    def _numbers(self) -> dict[str, int]:
        """Numbers of the hosts that differ, in declared order."""
        if not self._numbered and not self._hosts.records:
            return {}
        numbered = self._hosts.numbered()
        return {name: number for number, name in numbered if self._numbered or self._differs(name, number)}

    def _differs(self, name: str, number: int) -> bool:
        record = self._hosts.records.get(name)
        return record is not None and (
            record.state != "in_service" or bool(difference(self._variables, number, record))
        )

    def __getitem__(self, name: str) -> HostPlan:
        number = self._numbers[name]
        record = self._hosts.records.get(name)
        own = difference(self._variables, number, record) if record else {HOST_NUMBER: number}
        intent = self._shared.of(effective(self._numbered, own))
        state = record.state if record else "in_service"
        return HostPlan(
            name=name,
            number=number,
            state=state,
            reason=without_secrets(record.reason) if record and record.reason else None,
            until=record.until if record else None,
            variables=own,
            intent=intent,
            desired=desired_state(state, intent, self._code),
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)

    def __contains__(self, name: object) -> bool:
        return name in self._numbers
