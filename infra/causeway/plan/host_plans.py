"""The hosts of a pool that differ from it, each planned when it is asked for.

Where each host's number enters its variables, every host differs; a fleet of 50,000 such hosts must not become
50,000 objects in a plan that looks at a few of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from causeway.fleet.hosts import PoolHosts
from causeway.plan.fingerprint import Seal
from causeway.plan.host_values import PoolVariables
from causeway.plan.intents import PoolIntents
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
        self._intents = PoolIntents(variables, hosts, seal, code)

    @property
    def pool_intent(self) -> str:
        """Intent of a host that differs in nothing."""
        return self._intents.pool

    def __getitem__(self, name: str) -> HostPlan:
        number = self._intents.numbers[name]
        record = self._intents.hosts.records.get(name)
        return HostPlan(
            name=name,
            number=number,
            state=record.state if record else "in_service",
            reason=without_secrets(record.reason) if record and record.reason else None,
            until=record.until if record else None,
            variables=self._intents.own(name),
            intent=self._intents.of(name),
            desired=self._intents.desired(name),
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self._intents.numbers)

    def __len__(self) -> int:
        return len(self._intents.numbers)

    def __contains__(self, name: object) -> bool:
        return name in self._intents.numbers
