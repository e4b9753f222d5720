"""What a Baseline asks of the layer below: converge, look at, forget hosts. The provider's only way to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from causeway.provider.model import Call
from causeway.provider.pool_inputs import PoolInputs
from causeway.provider.pool_outcome import Told
from causeway.provider.values import Values


@dataclass(frozen=True, slots=True)
class PoolRun:
    """A pool of which some hosts are to be converged.

    Args:
        before: state of each host after the last run.
        desired: desired state of each host.
        names: hosts to converge, in declared order.
        disruption: the worst that the change may do to a host that was right before.
    """

    pool: PoolInputs
    before: Mapping[str, str]
    desired: Mapping[str, str]
    names: Sequence[str]
    disruption: str


@dataclass(frozen=True, slots=True)
class PoolResult:
    """How it ended.

    Args:
        states: state of each host that was converged or looked at.
        told: the hosts that were touched or tried, with what to do.
        stopped: why the run ended before all hosts were done; empty when it did not.
        lost: whether the resource fails for it: more hosts failed than the failure budget allows, or it was cancelled.
    """

    states: Mapping[str, str]
    told: Sequence[Told] = ()
    stopped: str = ""
    lost: bool = False


class PoolEffects(Protocol):
    """The hosts layer, as the provider needs it."""

    def converge(self, call: Call, run: PoolRun) -> PoolResult:
        """Bring hosts to their desired states."""
        ...

    def look(self, call: Call, run: PoolRun, level: str) -> PoolResult:
        """Probe hosts (`facts`), or predict what a run would change on them as well (`check`)."""
        ...

    def held(self, call: Call, inputs: Values, names: Sequence[str]) -> Sequence[str]:
        """Those hosts whose node a rollout holds, or held when it was killed; none without a cluster.

        Raises:
            CausewayError: the cluster cannot be asked.
        """
        ...

    def forget(self, call: Call, pool: str, names: Sequence[str]) -> None:
        """Note that hosts are no longer kept."""
        ...
