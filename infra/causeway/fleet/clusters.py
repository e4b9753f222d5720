"""Clusters and their pools of equal hosts: operating system, drivers, fabric, cost, rollout."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from causeway.fleet.base import (
    Count,
    CountOrPercent,
    Currency,
    Day,
    Duration,
    Model,
    Money,
    Name,
    Number,
    Positive,
    Text,
    VersionText,
)
from causeway.fleet.leases import Authorisation

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class OperatingSystem(Model):
    """The operating system of a pool's hosts, as `/etc/os-release` names it."""

    id: Name
    """`ID` of os-release: debian, ubuntu, openeuler, kylin."""
    version: VersionText
    """`VERSION_ID` of os-release."""
    architecture: Literal["x86_64", "aarch64"] = "x86_64"
    """Processor architecture."""
    kernel: VersionText | None = None
    """Kernel release that the hosts have to run; not asked when left out."""


class Fabric(Model):
    """The network between accelerators of different hosts."""

    kind: Literal["roce", "infiniband", "ethernet", "none"]
    """Technology."""
    ports_per_host: Count = 0
    """Number of ports a host has."""
    speed_gbps: Number | None = None
    """Speed of a port in gigabits per second."""
    addresses: Text | None = None
    """Address and prefix length of each port, with `{host}` (the host's number in its pool) and `{port}`, from 1."""
    gateway: Text | None = None
    """Gateway of the ports."""


class Drivers(Model):
    """The driver stack's versions. What is not declared is not asked."""

    driver: VersionText | None = None
    """Version of the kernel driver."""
    firmware: VersionText | None = None
    """Version of the firmware, where the vendor ships it apart."""
    toolkit: VersionText | None = None
    """Version of the toolkit on the host: CUDA, CANN or CNToolkit."""
    container_toolkit: VersionText | None = None
    """Version of the container runtime's hook."""
    managed_by: Literal["us", "operator"] = "us"
    """`operator`: the host's operator installs; Causeway verifies and never installs."""


class Cost(Model):
    """What the hosts of a pool cost when no lease says it."""

    kind: Literal["owned", "cloud"] = "owned"
    """`owned` is bought and written off; `cloud` is paid by the hour."""
    per_host: Money | None = None
    """Purchase price of a host (`owned`)."""
    per_host_hour: Money | None = None
    """Price of a host for an hour (`cloud`)."""
    currency: Currency
    """Currency of the prices."""
    amortise_months: Positive | None = None
    """Months over which a purchase is written off, in equal parts."""
    in_service_on: Day | None = None
    """Day from which it is written off; also the day that counts for budgets."""
    source: Text
    """Purchase order, contract or price list."""


class Window(Model):
    """When hosts may leave service, in the site's time zone."""

    hours: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$", strict=True)]
    """From and to, such as 22:00-06:00; past midnight it belongs to the day on which it began."""
    days: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    """Days on which the window begins."""


class Rollout(Model):
    """How a change reaches the hosts of a pool."""

    canary: Count = 1
    """Hosts of the first wave."""
    soak: Duration = Field(default="0m", validate_default=True)
    """How long the canary is watched before the next wave."""
    max_unavailable: CountOrPercent = CountOrPercent("25%")
    """Most hosts out of service at once, at any moment, whatever the cause."""
    failure_budget: Count = 0
    """Failed hosts after which the rollout stops."""
    drain_timeout: Duration = Field(default="10m", validate_default=True)
    """How long a host's workloads may take to leave it."""
    on_unreachable: Literal["stop", "skip"] = "stop"
    """Whether an unreachable host counts as a failure (`stop`) or is passed over and told (`skip`)."""
    failure_domain: Literal["rack"] | None = None
    """Hosts of a wave are spread over these, so that no domain loses more than its share."""
    window: Window | None = None
    """When hosts in service may be touched; null means at any time."""


def _one_or_several(value: Any) -> str:
    return "several" if isinstance(value, list | tuple) else "one"


HostPatterns = Annotated[
    Annotated[Text, Tag("one")] | Annotated[tuple[Text, ...], Tag("several")], Discriminator(_one_or_several)
]
"""One host pattern, or a list of them."""


class Pool(Model):
    """Equal hosts of a cluster."""

    accelerator: Name | None = None
    """Accelerator of the catalog; null for hosts without."""
    accelerators_per_host: Count = 0
    """Accelerators (as the catalog counts them) in each host."""
    hosts: HostPatterns | None = None
    """Host names as Ansible ranges, such as cn-asc-[01:16]; several as a list."""
    hosts_from: Text | None = None
    """CSV file beside the declaration with the columns name, address, rack, serial (only name is required)."""
    nodes: Count | None = None
    """Number of nodes of a cloud pool, whose hosts are the provider's."""
    address: Text = "{name}"
    """How a host is reached, with `{name}`."""
    lease: Name | None = None
    """Lease that pays for this pool; leased and cloud sites need one."""
    os: OperatingSystem | None = None
    """Operating system; a cloud pool has none."""
    fabric: Fabric | None = None
    """Network between accelerators of different hosts."""
    drivers: Drivers | None = None
    """Versions of the driver stack; none for hosts without accelerators and for cloud pools."""
    role: Name | None = None
    """Ansible role that installs the driver stack; default the catalog's for this accelerator."""
    variables: dict[Text, Any] = {}
    """Variables for this pool's hosts, passed to Ansible as they stand."""
    labels: dict[Text, Text] = {}
    """Kubernetes labels of this pool's nodes, beside those that Causeway sets."""
    authorisations: tuple[Authorisation, ...] = ()
    """Licences and permits for these accelerators."""
    cost: Cost | None = None
    """What the hosts cost, when no lease says it."""
    rollout: Rollout = Rollout()
    """How a change reaches the hosts."""


class SecretAccess(Model):
    """Reference to a declared secret that holds a kubeconfig."""

    secret: Name
    """Name under `secrets`."""


class ContextAccess(Model):
    """A context of the user's own kubeconfig."""

    context: Text
    """Name of the context."""


class StackOutputAccess(Model):
    """An output of another Pulumi stack that holds a kubeconfig."""

    stack_output: Text
    """`<organisation>/<project>/<stack>#<output>`."""


def _kind_of_access(value: Any) -> str:
    keys = value if isinstance(value, dict) else type(value).model_fields if isinstance(value, Model) else ()
    return next((kind for kind in ("secret", "stack_output") if kind in keys), "context")


Access = Annotated[
    Annotated[ContextAccess, Tag("context")]
    | Annotated[SecretAccess, Tag("secret")]
    | Annotated[StackOutputAccess, Tag("stack_output")],
    Discriminator(_kind_of_access),
]
"""Where a cluster's credentials come from; which of the three is told by its field."""


class Kubernetes(Model):
    """A cluster's Kubernetes: its version and how its API is reached."""

    version: Annotated[str, Field(pattern=r"^1\.\d{1,2}$", strict=True)]
    """Minor version, quoted: "1.34"."""
    access: Access
    """Where the credentials come from."""


class OwnRelease(Model):
    """A chart of the user's own, released on this cluster."""

    chart: Text
    """Path of a chart beside the declaration, or an OCI reference."""
    version: VersionText | None = None
    """Version of a chart that is fetched."""
    digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$", strict=True)] | None = None
    """Digest of a chart that is fetched."""
    namespace: Name = "default"
    """Namespace of the release."""
    values: dict[Text, Any] = {}
    """Values passed to the chart."""


class Cluster(Model):
    """A Kubernetes cluster at one site, with its pools."""

    site: Name
    """Site where it stands."""
    purpose: Literal["inference", "training", "mixed"]
    """What it is for."""
    delivery: Literal["pulumi", "argocd", "flux"] = "pulumi"
    """Who owns the releases on the cluster."""
    kubernetes: Kubernetes
    """Version and access."""
    pools: dict[Name, Pool]
    """Pools by name."""
    platform: dict[Text, Any] = {}
    """Values for the accelerator platform's chart, beside those that Causeway sets."""
    releases: dict[Name, OwnRelease] = {}
    """The user's own charts by release name."""
