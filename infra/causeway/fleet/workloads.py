"""Workloads: what is served, trained and routed, and where."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from causeway.fleet.base import Count, Day, Model, Name, Number, Positive, Text, VersionText
from causeway.fleet.sites import DataClass

OnDrain = Literal["shift_traffic", "checkpoint", "wait_for_end", "refuse"]


class AiModel(Model):
    """The model that a workload serves or trains."""

    name: Text
    """Name under which it is served."""
    parameters_b: Number | None = None
    """Parameters in billions."""
    precision: Literal["fp32", "bf16", "fp16", "fp8", "int8", "int4"] | None = None
    """Number format of the weights."""
    weights: Text | None = None
    """Where the weights lie."""
    data_class: DataClass | None = None
    """Data class of the weights; default the workload's audience."""


class Engine(Model):
    """The serving engine."""

    name: Name
    """Engine of the catalog."""
    version: VersionText | None = None
    """Version; compatibility that needs it is not asked when left out."""
    api: Literal["chat", "image", "video"] = "chat"
    """Kind of API it offers."""
    image: Text | None = None
    """Container image; default the catalog's for this engine, from the site's registry."""


class Serve(Model):
    """One part of a workload: replicas on one pool, or on a cluster's hosts without accelerators."""

    cluster: Name
    """Cluster."""
    pool: Name | None = None
    """Pool; a gateway may leave it out."""
    replicas: Positive
    """Replicas."""
    accelerators_per_replica: Count = 0
    """Accelerators of each replica."""
    weight: Count | None = Field(default=None, le=100)
    """Share of the workload's traffic in percent; the weights of a workload sum to 100."""
    engine: Engine | None = None
    """Serving engine; a gateway has none."""


class WorkloadGateway(Model):
    """Where a workload's one address is served."""

    cluster: Name
    """Cluster."""
    pool: Name | None = None
    """Pool on which the gateway runs."""
    host: Text
    """Host name under which the workload is reached."""
    values: dict[Text, Any] = {}
    """Values passed to the gateway's chart, checked against its schema; a gateway workload has its own `values`."""


class Upstream(Model):
    """A model of somebody else behind one's own gateway."""

    api: Literal["openai"]
    """API that the upstream speaks."""
    base_url: Text
    """Base URL."""
    key: Name
    """Name of the declared secret that holds the key."""
    data_classes: tuple[DataClass, ...] = ()
    """Classes of data that the upstream's contract allows it to receive; left out, a rule says that this is unknown."""


class Dataset(Model):
    """Data that a training job reads."""

    name: Text
    """Name."""
    data_class: DataClass = Field(alias="class")
    """Data class."""
    uri: Text
    """Where it lies."""


class Train(Model):
    """A training job on whole hosts."""

    cluster: Name
    """Cluster."""
    pool: Name
    """Pool."""
    hosts: Positive
    """Whole hosts."""
    starts_on: Day | None = None
    """First day; default now."""
    ends_on: Day
    """Last day."""
    checkpoint: Text
    """Where checkpoints go."""
    checkpoint_data_class: DataClass | None = None
    """Data class of the checkpoints; default the workload's audience."""


class Workload(Model):
    """A service or a training job."""

    kind: Literal["inference", "training", "gateway"]
    """What it does."""
    audience: DataClass
    """Data class of its users, models and data."""
    model: AiModel | None = None
    """Model that is served or trained."""
    dataset: Dataset | None = None
    """Data that a training job reads."""
    upstream: Upstream | None = None
    """Model of somebody else, for a gateway."""
    on_drain: OnDrain = "shift_traffic"
    """What happens when a host has to be emptied."""
    serve: tuple[Serve, ...] = ()
    """Parts of an inference or gateway workload."""
    train: Train | None = None
    """Placement of a training workload."""
    gateway: WorkloadGateway | None = None
    """Where the workload's address is served."""
    values: dict[Text, Any] = {}
    """Values passed to the chart, checked against its schema."""
