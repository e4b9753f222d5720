"""What the commands on a fleet share: each layer's result made once, when it is first asked for, and timed.

    context = FleetContext.of(fleet, as_of)
    context.loaded, context.catalog, ...

A layer is imported when it is asked for, so that `causeway schema` does not pay for `causeway plan`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from causeway import assets

if TYPE_CHECKING:
    from causeway.capacity.money import CostReport
    from causeway.capacity.offer import Capacity
    from causeway.catalog import Catalog
    from causeway.fleet.load import LoadedFleet
    from causeway.plan.model import FleetPlan
    from causeway.policy.findings import Finding


@dataclass(eq=False)
class FleetContext:
    """One command's view of one fleet on one day.

    Args:
        folder: folder of the declaration.
        on: the day on which rules are read.
        dated: whether the user named the day.
        shown: the folder as errors and places name it; None for the folder itself.
        seconds: how long each step took, in the order in which they ran.
        durations_file: minutes per host for the plan's estimates; None for the built-in assumptions.
        own_roles: folder of the fleet's own roles; None for the one beside the declaration.
    """

    folder: Path
    on: date
    dated: bool = False
    shown: str | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    durations_file: Path | None = None
    own_roles: Path | None = None

    @classmethod
    def of(cls, folder: Path, as_of: date | None) -> FleetContext:
        """The view that the options ask for; the day is today unless `as_of` names one."""
        return cls(folder, as_of or datetime.now().astimezone().date(), as_of is not None)

    @property
    def day(self) -> str:
        """The day as every output states it."""
        return f"{self.on.isoformat()}" + ("" if self.dated else " (today)")

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Measure a step."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[step] = self.seconds.get(step, 0.0) + time.perf_counter() - start

    @property
    def playbooks(self) -> assets.Playbooks:
        """Causeway's playbooks and the roles of the fleet's own."""
        found = assets.playbooks_of(self.folder)
        return replace(found, own_roles=self.own_roles) if self.own_roles else found

    @cached_property
    def loaded(self) -> LoadedFleet:
        """The declaration; raises its errors, all at once."""
        from causeway.fleet.load import load_fleet  # noqa: PLC0415 - see the module

        with self.timed("load"):
            return load_fleet(self.folder, self.shown)

    @cached_property
    def catalog(self) -> Catalog:
        """The catalog with the fleet's own entries; raises what the fleet names and catalog or roles have not."""
        from causeway.plan.catalog_of import catalog_of  # noqa: PLC0415 - see the module

        loaded = self.loaded
        with self.timed("catalog"):
            return catalog_of(loaded, self.playbooks)

    @cached_property
    def capacity(self) -> Capacity:
        """Accelerators offered, asked and left."""
        from causeway.capacity.offer import compute  # noqa: PLC0415 - see the module

        loaded = self.loaded
        with self.timed("capacity"):
            return compute(loaded)

    @cached_property
    def cost(self) -> CostReport:
        """What the fleet costs on the day."""
        from causeway.capacity.money import cost_report  # noqa: PLC0415 - see the module

        loaded, capacity = self.loaded, self.capacity
        with self.timed("cost"):
            return cost_report(loaded, capacity, self.on)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What the rules say on the day."""
        from causeway.policy.evaluate import evaluate  # noqa: PLC0415 - see the module

        loaded, catalog, capacity, cost = self.loaded, self.catalog, self.capacity, self.cost
        with self.timed("policy"):
            return evaluate(loaded, catalog, capacity, cost, self.on)

    @cached_property
    def plan(self) -> FleetPlan:
        """What each cluster needs."""
        from causeway.plan.build import Sources, build  # noqa: PLC0415 - see the module
        from causeway.plan.durations import default_durations, read_durations  # noqa: PLC0415 - see the module
        from causeway.plan.playbook_code import code_of  # noqa: PLC0415 - see the module

        durations = read_durations(self.durations_file) if self.durations_file else default_durations()
        sources = Sources(
            self.loaded,
            self.catalog,
            self.capacity,
            self.cost,
            self.findings,
            self.on,
            durations,
            code_of=code_of(self.playbooks),
        )
        with self.timed("plan"):
            return build(sources)
