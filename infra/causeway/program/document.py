"""What one stack declares, as a document: everything that the program registers, and what stands in its way.

It holds no secret's value, so it can be kept on disk between runs; it is plain JSON, so that reading it costs nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

Inputs = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A finding that somebody has to do something about.

    Args:
        severity: `stop` or `warn`.
        subject: as the finding names it.
        items: keys of `StackDocument.extents` that it is about; empty for all of the stack.
        where: file:line:column.
    """

    rule: str
    severity: str
    subject: str
    items: tuple[str, ...]
    where: str
    reason: str
    fix: str


@dataclass(frozen=True, slots=True)
class Extent:
    """How much of something a stack holds, and what it is: neither may grow while a finding stops it.

    Args:
        size: hosts, accelerators or replicas.
        what: digest of what makes it another thing: accelerator, lease, audience, data.
        versions: digest of versions, which rules of compatibility look at.
    """

    size: int
    what: str
    versions: str


@dataclass(frozen=True, slots=True)
class ReleaseDocument:
    """A Helm release.

    Args:
        inputs: of the resource, without rendered objects and secrets.
        values: the chart's values, without digests of secrets.
        secrets: names of the secrets that it needs as objects.
        pool: the pool on which it runs; None when it is bound to none.
        where: file:line of the declaration.
    """

    name: str
    kind: str
    inputs: Inputs
    values: Inputs
    secrets: tuple[str, ...] = ()
    workload: str | None = None
    pool: str | None = None
    where: str = ""


@dataclass(frozen=True, slots=True)
class SecretSource:
    """Where a secret's value comes from: `pulumi_config`, `env`, `file` or `external_secret`, and its name there."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class StackDocument:
    """Everything that one stack declares.

    Args:
        on: the day on which rules were read.
        access: `context`, `secret` or `stack_output` of the cluster.
        leases, pools: inputs by resource name.
        secrets: sources of the secrets that this stack needs.
        obstacles: findings that stop or warn.
    """

    fleet: str
    cluster: str
    site: str
    tenure: str
    kubernetes: str
    delivery: str
    on: str
    access: Mapping[str, str]
    leases: Mapping[str, Inputs] = field(default_factory=dict)
    pools: Mapping[str, Inputs] = field(default_factory=dict)
    releases: tuple[ReleaseDocument, ...] = ()
    secrets: Mapping[str, SecretSource] = field(default_factory=dict)
    obstacles: tuple[Obstacle, ...] = ()
    extents: Mapping[str, Extent] = field(default_factory=dict)

    def to_json(self) -> str:
        """The document as a text."""
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> StackDocument:
        """The document from its text.

        Raises:
            ValueError, TypeError, KeyError: the text is no such document.
        """
        found = json.loads(text)
        found["releases"] = tuple(
            ReleaseDocument(**{**each, "secrets": tuple(each["secrets"])}) for each in found["releases"]
        )
        found["secrets"] = {name: SecretSource(**each) for name, each in found["secrets"].items()}
        found["obstacles"] = tuple(Obstacle(**{**each, "items": tuple(each["items"])}) for each in found["obstacles"])
        found["extents"] = {name: Extent(**each) for name, each in found["extents"].items()}
        return cls(**found)
