"""What a Release asks of the layer below: apply, look at, uninstall. The provider's only way to Helm and clusters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from causeway.provider.model import Call
from causeway.provider.values import Values


@dataclass(frozen=True, slots=True)
class ReleaseRun:
    """A release to apply.

    Args:
        inputs: the resource's inputs, secrets in place.
        old: objects that the last run applied, by key, `objects`, `hooks` and `crds`; empty for a new release.
    """

    inputs: Mapping[str, Any] = field(repr=False)
    old: Values = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class ReleaseResult:
    """How it ended.

    Args:
        status: `deployed`, or what is wrong, one short text.
        reasons: why the resource fails; empty when it does not.
        notes: what the user is told besides.
    """

    status: str
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class ReleaseEffects(Protocol):
    """The cluster layer, as the provider needs it."""

    def apply(self, call: Call, run: ReleaseRun) -> ReleaseResult:
        """Make the release what it should be."""
        ...

    def look(self, call: Call, run: ReleaseRun) -> ReleaseResult:
        """How the release is."""
        ...

    def uninstall(self, call: Call, run: ReleaseRun) -> None:
        """Take the release off its cluster."""
        ...
