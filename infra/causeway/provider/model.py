"""What the engine asks of a kind of resource, and what the kind answers: plain values, without gRPC."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from causeway.provider.values import Values


class ChangeKind(StrEnum):
    """What happens to a property."""

    ADD = "add"
    DELETE = "delete"
    UPDATE = "update"


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a detailed diff.

    Args:
        path: keys and positions from the resource's properties down.
        from_input: whether the old value is the old input; otherwise it is the old output.
        replaces: whether this change needs a new resource.
    """

    path: tuple[str | int, ...]
    kind: ChangeKind = ChangeKind.UPDATE
    from_input: bool = True
    replaces: bool = False


@dataclass(frozen=True, slots=True)
class Checked:
    """Inputs as they are stored, or what is wrong with them.

    Args:
        computed: inputs that the check adds to the given ones.
        failures: (property, reason) pairs; the property may be empty, and then its value is not shown.
    """

    computed: Values = field(default_factory=dict)
    failures: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """How an operation ended.

    Args:
        outputs: the resource's outputs.
        reasons: why the resource is only partly there, one sentence each; empty when it is.
        inputs: inputs to store (only a read may change them); None to keep them.
    """

    outputs: Values
    reasons: tuple[str, ...] = ()
    inputs: Values | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """The provider's configuration, one per stack: `causeway:hmacKey`, `causeway:asOf`, `causeway:fleet`.

    Args:
        key: HMAC key with which secrets enter fingerprints; None when none is set.
        as_of: the day on which approvals are read; None for today.
        fleet: folder of the declaration, below the project's; None for the usual one.
    """

    key: bytes | None = field(default=None, repr=False)
    as_of: date | None = None
    fleet: str | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """What surrounds one call of the engine.

    Args:
        urn: the resource's URN.
        stack: name of the stack.
        name: the resource's name in the program.
        settings: the provider's configuration.
        environ: the process's environment.
        fleet_dir: folder of the fleet's declaration, or of the program that declares it.
        home: the fleet's `.causeway`.
        now: the clock.
        cancelled: whether to stop at the next safe point.
        log: tells the engine's user one line; `ephemeral` ones are progress.
    """

    urn: str
    stack: str
    name: str
    settings: Settings
    environ: Mapping[str, str] = field(repr=False)
    fleet_dir: Path
    home: Path
    now: Callable[[], datetime]
    cancelled: Callable[[], bool]
    log: Log

    @property
    def today(self) -> date:
        """The day on which approvals are read."""
        return self.settings.as_of or self.now().astimezone().date()


class Log(Protocol):
    """Tells the engine's user something about a resource."""

    def __call__(self, text: str, *, warning: bool = False, ephemeral: bool = False) -> None:
        """Tell one line."""
        ...


class Kind(Protocol):
    """A kind of resource. `check` and `diff` are pure: they read nothing but their arguments."""

    def check(self, call: Call, old: Values | None, new: Values) -> Checked:
        """Judge and complete inputs. Args: inputs of the last run (None for a new resource) and of this one."""
        ...

    def diff(self, call: Call, old_inputs: Values, outputs: Values, new: Values) -> Sequence[Change]:
        """What differs; empty when nothing has to be done."""
        ...

    def create(self, call: Call, new: Values, *, preview: bool) -> Done:
        """Make the resource, or say what that would give."""
        ...

    def update(self, call: Call, old_inputs: Values, outputs: Values, new: Values, *, preview: bool) -> Done:
        """Change the resource, or say what that would give."""
        ...

    def read(self, call: Call, inputs: Values, outputs: Values) -> Done:
        """The resource as it is."""
        ...

    def delete(self, call: Call, inputs: Values, outputs: Values) -> None:
        """Give the resource up, or raise what forbids it."""
        ...
