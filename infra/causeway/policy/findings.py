"""What rules say: a draft of one rule, the finding that is made of it, and which findings block.

A verdict is one of four. `unknown` is never a weaker `pass`: it says that data is missing, and the rule's severity
table says what that means.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Literal

from causeway.errors import Location
from causeway.fleet.governance import PolicyException

Verdict = Literal["pass", "fail", "unknown", "not_applicable"]
Severity = Literal["stop", "warn", "info"]
Path = tuple[str | int, ...]
"""Where in the declaration, by keys and positions: ("clusters", "a", "pools", "b")."""

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Draft:
    """A rule's verdict on a subject, before severity, place and exceptions are known."""

    verdict: Verdict
    subject: str
    path: Path
    reason: str
    fix: str = ""
    clusters: tuple[str, ...] = ()
    evidence: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    severity: Severity | None = None
    """Only where the rule's table does not decide, as for coming events."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule's verdict on a subject on a day."""

    rule: str
    rule_version: date
    """Day from which the version of the rule that decided holds."""
    verdict: Verdict
    severity: Severity
    """What the verdict means: `stop` blocks, `warn` is told, `info` is for the record."""
    subject: str
    """`fleet`, `site/NAME`, `party/NAME`, `lease/NAME`, `CLUSTER/POOL`, `WORKLOAD@SITE` or `WORKLOAD@CLUSTER/POOL`."""
    clusters: tuple[str, ...]
    """Clusters (stacks) that hold the subject."""
    path: Path
    where: Location
    reason: str
    fix: str
    """The smallest change that would help; empty when there is nothing to do."""
    evidence: Mapping[str, str]
    accepted_by: PolicyException | None
    source: str
    """Where the rule's version comes from."""

    @property
    def open(self) -> bool:
        """True when somebody has to do something: failed or unknown, and no exception accepts it."""
        return self.verdict in ("fail", "unknown") and self.accepted_by is None

    @property
    def blocks(self) -> bool:
        """True when creating or extending the subject is refused."""
        return self.open and self.severity == "stop"

    def as_dict(self) -> dict[str, object]:
        """The finding as the `--json` outputs carry it."""
        accepted = self.accepted_by
        return {
            "rule": self.rule,
            "rule_version": self.rule_version.isoformat(),
            "verdict": self.verdict,
            "severity": self.severity,
            "subject": self.subject,
            "clusters": list(self.clusters),
            "path": list(self.path),
            "where": str(self.where),
            "reason": self.reason,
            "fix": self.fix,
            "evidence": dict(self.evidence),
            "accepted_by": accepted.model_dump(mode="json") if accepted else None,
            "source": self.source,
        }


def blocking(findings: Iterable[Finding], cluster: str | None = None) -> tuple[Finding, ...]:
    """The findings that refuse creating or extending their subjects, in the given order.

    Args:
        findings: findings of one evaluation.
        cluster: only those that a cluster's stack holds; None for all.
    """
    return tuple(f for f in findings if f.blocks and (cluster is None or cluster in f.clusters))
