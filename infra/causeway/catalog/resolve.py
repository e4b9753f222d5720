"""The compatibility resolver: may these versions stand beside each other, which row says so, and what would fit.

A set is forbidden when one row forbids it, unknown when nothing forbids it and something cannot be told, and allowed
otherwise. Only rows of primary and secondary confidence decide. What is not declared is not asked; what is declared
and met by no table is unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from causeway.catalog.catalog import Catalog
from causeway.catalog.decisions import Decision, Verdict
from causeway.catalog.judge import judge
from causeway.catalog.proposal import Proposal, propose
from causeway.catalog.query import Query

__all__ = ["Decision", "Proposal", "Query", "Resolution", "Verdict", "resolve"]


@dataclass(frozen=True, slots=True)
class Resolution:
    """The answer.

    Args:
        verdict: `allowed`, `forbidden` or `unknown`.
        rows: every decision, those of the verdict first.
        proposal: the nearest allowed set; None when the set is allowed, or no change of a declared version helps.
    """

    verdict: Verdict
    rows: tuple[Decision, ...]
    proposal: Proposal | None = None

    @property
    def deciding(self) -> tuple[Decision, ...]:
        """The decisions that made the verdict."""
        return tuple(row for row in self.rows if row.kind == "compatibility" and row.verdict == self.verdict)

    @property
    def lifetimes(self) -> tuple[Decision, ...]:
        """What is known of ends of life; they never change the verdict."""
        return tuple(row for row in self.rows if row.kind == "driver-end-of-life")

    @property
    def asked(self) -> bool:
        """Whether anything was declared that a table could speak of."""
        return any(row.kind == "compatibility" for row in self.rows)


def resolve(catalog: Catalog, query: Query, on: date) -> Resolution:
    """Whether a set of versions fits together.

    Args:
        catalog: the catalog, with the fleet's own entries.
        query: what is declared.
        on: the day, for ends of life.

    Raises:
        KeyError: the accelerator is not in the catalog.
    """
    verdict, rows = judge(catalog, query, on)
    return Resolution(verdict, rows, None if verdict == "allowed" else propose(catalog, query, rows, on))
