"""The shape of compatibility tables: which versions fit together, row by row, with source and confidence.

A table speaks of a few fields of a host and its workload. A row says when it applies (`when`), and then what may
stand beside it (`allow`) and what may not (`forbid`). `causeway.catalog.resolve` reads them.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, RootModel, model_validator

from causeway.fleet.base import Day, Model, Name, Text

Confidence = Literal["primary", "secondary", "conflicting", "unverified"]
"""`primary`: a vendor's repository or document, or a regulation. `secondary`: somebody else. `conflicting`: sources
disagree. `unverified`: no source was read; such facts never decide anything."""
SourceKey = Annotated[str, Field(strict=True, min_length=1)]

QueryField = Literal[
    "accelerator",
    "family",
    "vendor",
    "driver_stack",
    "os_id",
    "os_version",
    "kernel",
    "kernel_modules",
    "architecture",
    "driver",
    "firmware",
    "toolkit",
    "container_toolkit",
    "device_plugin",
    "device_plugin_mode",
    "kubernetes",
    "engine",
    "engine_version",
    "engine_base",
    "engine_toolkit",
]
"""Fields that a table can speak of. `family`, `vendor` and `driver_stack` follow from the accelerator;
`engine_toolkit` is the toolkit inside the engine's image, which follows from the engine's version."""


class Span(Model):
    """A span of versions, both ends included; an end that is left out is open."""

    min: Text | None = None
    """Oldest."""
    max: Text | None = None
    """Newest."""


class Spec(RootModel[str | Span | tuple[str | Span, ...]]):
    """What a field may be: a value, a train (`25.5.*`), a span, several of them, `none` (not declared) or `any`."""

    model_config = ConfigDict(frozen=True)

    @property
    def choices(self) -> tuple[str | Span, ...]:
        """The alternatives, one of which has to hold."""
        return self.root if isinstance(self.root, tuple) else (self.root,)


class Row(Model):
    """One line of a table."""

    when: dict[QueryField, Spec] = {}
    """The row applies when all of these hold."""
    allow: dict[QueryField, Spec] = {}
    """What fits: all of these have to hold, as far as they are declared."""
    forbid: dict[QueryField, Spec] = {}
    """What is known not to fit: a row with only `forbid` speaks when all of these hold, and is silent otherwise."""
    same_minor: tuple[QueryField, QueryField] | None = None
    """Two fields whose first two numbers have to be equal, as a further condition of `allow`."""
    otherwise: Literal["forbidden", "unknown"] | None = None
    """Verdict when `allow` does not hold, and of a row that only has `when`; default the table's."""
    confidence: Confidence
    """How far the row can be trusted; only primary and secondary rows decide."""
    source: SourceKey
    """Key of the source."""
    note: Text = ""
    """What a reader has to know; shown wherever the row decides."""
    ends_on: Day | None = None
    """Last day of support, for rows of a lifetime table."""

    @model_validator(mode="after")
    def _says_something(self) -> Row:
        if not (self.when or self.allow or self.forbid):
            raise ValueError("a row needs at least one of when, allow, forbid")
        return self


class Table(Model):
    """A compatibility table."""

    title: Text
    """What it tells, for people."""
    kind: Literal["compatibility", "driver-end-of-life"] = "compatibility"
    """`driver-end-of-life` rows are judged by the date; they never make a set forbidden to run."""
    applies: dict[QueryField, Spec] = {}
    """Queries that the table speaks of."""
    fields: tuple[QueryField, ...]
    """Fields that have to be declared before the table is asked."""
    otherwise: Literal["forbidden", "unknown"] = "unknown"
    """Verdict when rows apply and none of them allows what is declared: `forbidden` for a vendor's closed list."""
    missing: Literal["forbidden", "unknown", "silent"] = "unknown"
    """What the table says when none of its rows applies."""
    derives: dict[QueryField, QueryField] = {}
    """Fields that follow from what a row of this table allows: `{engine_toolkit: toolkit}`."""
    also_as: dict[QueryField, QueryField] = {}
    """Fields that the table is asked for in another's place as well: `{toolkit: engine_toolkit}`."""
    yields_to: Name | None = None
    """Table that decides in this one's place wherever it has a row; this one's row is then told beside it."""
    rows: tuple[Row, ...] = ()
    """Rows; one that allows is enough, one that forbids decides against all others."""
