"""Plans the order in which drivers on hosts and engines in images change, so that every state between fits together.

Going up, hosts come first; going down, images do. Where the state between is forbidden the other order is tried, and
where neither works a path over known releases is looked for that never passes a set which does not fit.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from itertools import pairwise
from typing import Any, Literal

from causeway.catalog.catalog import Catalog
from causeway.catalog.decisions import Verdict
from causeway.catalog.judge import judge
from causeway.catalog.proposal import known_releases
from causeway.catalog.query import Query
from causeway.catalog.versions import key, tokens

Direction = Literal["up", "down", "none"]
Where = Literal["hosts", "images"]

LOWER = ("driver", "firmware", "container_toolkit", "kernel", "kernel_modules", "os_id", "os_version")
"""What changes with the hosts."""
UPPER = ("engine", "engine_version", "engine_base", "device_plugin", "device_plugin_mode")
"""What changes with the images."""
_COMPARED = ("driver", "firmware", "toolkit", "engine_version", "container_toolkit", "device_plugin")
_STEP_COST = {"hosts": 10, "images": 1}


@dataclass(frozen=True, slots=True)
class Step:
    """One step; when it ends, `state` runs until the next one.

    Args:
        where: `hosts` (drain, install, reboot as the stack says) or `images` (roll the releases).
        changes: field -> (before, after).
        sequence: parts of the driver stack in the order in which they change on each host.
        state: what runs afterwards; the toolkit is left out where images carry their own.
        verdict: whether that state fits together.
    """

    where: Where
    changes: Mapping[str, tuple[str | None, str]]
    sequence: tuple[str, ...]
    state: Query
    verdict: Verdict

    def __str__(self) -> str:
        """The step as a sentence."""
        told = ", ".join(f"{field} {old or 'none'} -> {new}" for field, (old, new) in self.changes.items())
        return f"{self.where}: {told}"


@dataclass(frozen=True, slots=True)
class OrderPlan:
    """The steps from one set to another.

    Args:
        direction: whether versions rise or fall.
        steps: in order; none when nothing changes, or when no order is safe.
        feasible: False when no sequence of known releases keeps every state between allowed.
        reason: why this order.
        intermediate: the states between that belong to neither end, which have to be passed through.
    """

    direction: Direction
    steps: tuple[Step, ...]
    feasible: bool
    reason: str
    intermediate: tuple[Query, ...] = ()


def order(catalog: Catalog, before: Query, after: Query) -> OrderPlan:
    """The order of a change from `before` to `after`, two sets of one accelerator.

    A field that `after` leaves out stays as it was.

    Raises:
        KeyError: the accelerator is not in the catalog.
        ValueError: the sets are of different accelerators.
    """
    if before.accelerator != after.accelerator:
        raise ValueError("an order is planned for one accelerator")
    kept: dict[str, Any] = {name: value for name, value in before.declared().items() if name not in after.declared()}
    move = _Move(catalog, before, replace(after, **kept))
    if not move.lower_changes or not move.upper_changes:
        return move.simple()
    first, second = ("images", "hosts") if move.direction == "down" else ("hosts", "images")
    rule = f"{'going down, images' if first == 'images' else 'going up, hosts'} come first"
    verdicts = {where: move.verdict(move.middle(where)) for where in ("hosts", "images")}
    if verdicts[first] == "allowed":
        return move.plan((move.middle(first),), f"{rule}; the state between is allowed")
    if verdicts[second] == "allowed":
        reason = f"{rule}, but that state is {verdicts[first]}; with {second} first the state between is allowed"
        return move.plan((move.middle(second),), reason)
    path = move.path()
    if path is not None:
        reason = "neither order alone fits; intermediate releases keep every state between allowed"
        return move.plan(path, reason, intermediate=True)
    for where in (first, second):
        if verdicts[where] == "unknown":
            return move.plan((move.middle(where),), f"{rule}; nothing says whether the state between fits")
    reason = "no sequence of known releases keeps the states between allowed: take the pool out of service for it"
    return OrderPlan(move.direction, (), feasible=False, reason=reason)


@dataclass(frozen=True)
class _Move:
    """One change, and the questions about its states between."""

    catalog: Catalog
    before: Query
    after: Query

    @property
    def carried(self) -> bool:
        """Whether images carry their own toolkit, so that the host's can stand beside several."""
        stack = self.catalog.stack_of(self.before.accelerator)
        part = stack.parts.get("toolkit") if stack else None
        return bool(part and part.side_by_side and self.after.engine)

    @property
    def lower(self) -> tuple[str, ...]:
        return (*LOWER, "toolkit") if self.after.engine else LOWER

    @property
    def upper(self) -> tuple[str, ...]:
        return UPPER if self.after.engine else (*UPPER, "toolkit")

    @property
    def lower_changes(self) -> dict[str, tuple[str | None, str]]:
        return _changes(self.before, self.after, self.lower)

    @property
    def upper_changes(self) -> dict[str, tuple[str | None, str]]:
        return _changes(self.before, self.after, self.upper)

    @property
    def direction(self) -> Direction:
        for field in _COMPARED:
            old, new = getattr(self.before, field), getattr(self.after, field)
            if old and new and key(old) != key(new):
                return "up" if key(new) > key(old) else "down"
        return "up" if self.lower_changes or self.upper_changes else "none"

    def bare(self, query: Query) -> Query:
        """A state between as it is judged: without the toolkit where images carry their own."""
        return replace(query, toolkit=None) if self.carried else query

    def middle(self, first: str) -> Query:
        """The state between when hosts or images change first."""
        taken = self.lower if first == "hosts" else self.upper
        new: dict[str, Any] = {field: getattr(self.after, field) for field in taken}
        return self.bare(replace(self.before, **new))

    def verdict(self, query: Query) -> Verdict:
        return _verdict(self.catalog, query)

    def simple(self) -> OrderPlan:
        """The plan when only hosts, or only images, change."""
        if not self.lower_changes and not self.upper_changes:
            return OrderPlan("none", (), feasible=True, reason="nothing changes")
        return self.plan((), "only one side changes")

    def plan(self, between: tuple[Query, ...], reason: str, *, intermediate: bool = False) -> OrderPlan:
        """The plan that passes the given states."""
        states = (self.bare(self.before), *between, self.bare(self.after))
        steps = [step for old, new in pairwise(states) for step in self.steps(old, new)]
        if self.carried:
            steps = self._with_toolkit(steps)
        ends = {self.bare(self.before), self.bare(self.after), self.middle("hosts"), self.middle("images")}
        passed = tuple(state for state in between if state not in ends) if intermediate else ()
        return OrderPlan(self.direction, tuple(steps), feasible=True, reason=reason, intermediate=passed)

    def steps(self, old: Query, new: Query) -> Iterator[Step]:
        for fields, where in ((self.lower, "hosts"), (self.upper, "images")):
            changes = _changes(old, new, fields)
            if changes:
                on: Where = "hosts" if where == "hosts" or set(changes) == {"toolkit"} else "images"
                yield Step(on, changes, self.sequence(changes), new, self.verdict(new))

    def _with_toolkit(self, steps: list[Step]) -> list[Step]:
        """The steps with the host's toolkit, which stands beside older ones, in the last step on hosts."""
        changed = _changes(self.before, self.after, ("toolkit",))
        if not changed:
            return steps
        at = max((index for index, step in enumerate(steps) if step.where == "hosts"), default=None)
        if at is None:
            state = self.bare(self.before)
            return [Step("hosts", changed, self.sequence(changed), state, self.verdict(state)), *steps]
        changes = {**steps[at].changes, **changed}
        steps[at] = replace(steps[at], changes=changes, sequence=self.sequence(changes))
        return steps

    def sequence(self, changes: Mapping[str, tuple[str | None, str]]) -> tuple[str, ...]:
        """Parts of the stack in the order in which they change on a host."""
        stack = self.catalog.stack_of(self.before.accelerator)
        if stack is None:
            return tuple(field for field in ("driver", "firmware", "toolkit", "container_toolkit") if field in changes)
        fresh = "driver" in changes and changes["driver"][0] is None
        return tuple(part for part in (stack.fresh_order if fresh else stack.change_order) if part in changes)

    def path(self) -> tuple[Query, ...] | None:
        """States between, all allowed, over known releases: fewest steps on hosts, then fewest steps at all."""
        start, goal = self.bare(self.before), self.bare(self.after)
        lowers, uppers = self._lowers(start, goal), self._uppers(start, goal)
        queue: list[tuple[tuple[int, int, int], int, Query, tuple[Query, ...]]] = [((0, 0, 0), 0, start, ())]
        seen: set[Query] = set()
        count = 0
        while queue:
            cost, _, state, passed = heapq.heappop(queue)
            if state == goal:
                return passed[:-1]
            if state in seen:
                continue
            seen.add(state)
            for where, values in (*(("hosts", each) for each in lowers), *(("images", each) for each in uppers)):
                new = replace(state, **values)
                if new in seen or new == state or (new != goal and self.verdict(new) != "allowed"):
                    continue
                count += 1
                early = _candidates(values)
                step = (cost[0] + _STEP_COST[where], cost[1] + early, cost[2] + _distance(new, goal))
                heapq.heappush(queue, (step, count, new, (*passed, new)))
        return None

    def _lowers(self, start: Query, goal: Query) -> list[dict[str, Any]]:
        found = [_values(start, self.lower), _values(goal, self.lower)]
        for driver in known_releases(self.catalog, start.accelerator, goal.engine, "driver"):
            values = {**_values(goal, self.lower), "driver": driver}
            if goal.firmware is None:
                found.append(values)
                continue
            firmware = self._firmware(driver, start, goal)
            if firmware is not None:
                found.append({**values, "firmware": firmware})
        return found

    def _firmware(self, driver: str, start: Query, goal: Query) -> str | None:
        """The firmware for a driver between: one of the two ends' where it fits, else the newest that does."""
        known = known_releases(self.catalog, start.accelerator, None, "firmware")
        for firmware in (goal.firmware, start.firmware, *reversed(known)):
            pair = Query(start.accelerator, driver=driver, firmware=firmware)
            if firmware is not None and self.verdict(pair) == "allowed":
                return firmware
        return None

    def _uppers(self, start: Query, goal: Query) -> list[dict[str, Any]]:
        found = [_values(start, self.upper), _values(goal, self.upper)]
        field = "engine_version" if goal.engine else "toolkit"
        if getattr(goal, field) is None or start.engine != goal.engine:
            return found
        for version in known_releases(self.catalog, start.accelerator, goal.engine, field):
            found.extend({**values, field: version, "engine_base": None} for values in found[:2])
        return found


@lru_cache(maxsize=20_000)
def _verdict(catalog: Catalog, query: Query) -> Verdict:
    return judge(catalog, query, date.min)[0]


def _changes(old: Query, new: Query, fields: tuple[str, ...]) -> dict[str, tuple[str | None, str]]:
    return {
        field: (getattr(old, field), getattr(new, field))
        for field in fields
        if getattr(new, field) is not None and getattr(old, field) != getattr(new, field)
    }


def _values(query: Query, fields: tuple[str, ...]) -> dict[str, Any]:
    return {field: getattr(query, field) for field in fields}


def _candidates(values: Mapping[str, Any]) -> int:
    """Number of versions that are not full releases, which are passed through only where there is nothing better."""
    return sum("rc" in tokens(value) for value in values.values() if isinstance(value, str))


def _distance(state: Query, goal: Query) -> int:
    """Number of fields in which a state still differs from the goal."""
    return len(_changes(state, goal, (*LOWER, *UPPER, "toolkit")))
