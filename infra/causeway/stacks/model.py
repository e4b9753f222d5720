"""What a run over several stacks knows and tells: each stack's changes, its hosts, how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class Operation(StrEnum):
    """What the engine is asked to do."""

    PREVIEW = "preview"
    UP = "up"
    DESTROY = "destroy"


class Result(StrEnum):
    """How a stack ended."""

    UNCHANGED = "unchanged"
    CHANGES = "changes"
    """A preview found something to do."""
    DONE = "done"
    PARTLY = "partly done"
    """Something was done, something was left: hosts that failed, were deferred, or resources that failed."""
    FAILED = "failed"
    REFUSED = "refused"
    """A rule stops it, nothing was touched."""
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    """Its turn did not come, since the command was stopped."""


@dataclass(frozen=True, slots=True)
class Change:
    """What the engine does, or would do, with a resource.

    Args:
        kind: last word of the resource's type (`Baseline`, `Release`, `Lease`).
        operation: the engine's word: `create`, `update`, `delete`, `replace`.
        details: path of a property -> what happens to it, ready to read.
    """

    kind: str
    name: str
    operation: str
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Told:
    """A warning or an error of the engine, the program or the provider."""

    severity: str
    resource: str
    text: str


@dataclass(frozen=True, slots=True)
class HostEnd:
    """How a host ended in this run.

    Args:
        phase: `done`, `failed`, `deferred` or the phase that it had reached.
    """

    pool: str
    name: str
    phase: str
    text: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What a stack holds after a run.

    Args:
        verified: hosts that are as they should be.
        hosts: hosts that its pools keep, those left alone among them.
    """

    verified: int = 0
    hosts: int = 0
    releases: int = 0
    leases: int = 0


@dataclass(frozen=True, slots=True)
class StackReport:
    """How one stack's run ended.

    Args:
        log: the engine's whole output, and beside it the events.
        only_looked: whether it was a preview, of a destruction or of anything else.
        unfinished: what tells that an earlier run did not come to its end; empty when nothing does.
    """

    stack: str
    operation: Operation
    result: Result
    changes: tuple[Change, ...] = ()
    same: int = 0
    told: tuple[Told, ...] = ()
    hosts: tuple[HostEnd, ...] = ()
    seconds: float = 0.0
    log: Path | None = None
    reason: str = ""
    standing: Standing = Standing()
    only_looked: bool = False
    unfinished: str = ""

    @property
    def failed_hosts(self) -> tuple[HostEnd, ...]:
        """Hosts that are not as they should be."""
        return tuple(host for host in self.hosts if host.phase != "done")


def exit_status(reports: tuple[StackReport, ...], *, changes_are_two: bool = False) -> int:
    """The exit status of section 13 of the commands' page: 0, 1, 2, 3 or 4."""
    results = {report.result for report in reports}
    if results & {Result.PARTLY, Result.CANCELLED, Result.SKIPPED}:
        return 4
    if Result.FAILED in results:
        return 4 if results & {Result.DONE, Result.UNCHANGED} and len(reports) > 1 else 1
    if Result.REFUSED in results:
        return 3
    if changes_are_two and Result.CHANGES in results:
        return 2
    return 0
