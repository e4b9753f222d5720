"""The shapes of catalog entries: facts with source and confidence, vendors, accelerators, driver stacks, engines.

They stand in the lowest layer because a fleet may declare entries of its own; `causeway.catalog` reads its data
files with the same shapes. Figures, on which decisions rest, are a `Fact` each. Names by which a thing is found or
called stand plain, and the entry's `stated` says where each of them was read.
"""

from __future__ import annotations

from typing import Generic, Literal, TypeVar

from pydantic import Field

from causeway.fleet.base import Country, Flag, Model, Name, Positive, Text
from causeway.fleet.compatibility_entries import Confidence, SourceKey, Table

T = TypeVar("T")

NumberFormat = Literal["fp64", "fp32", "tf32", "fp16", "bf16", "fp8", "fp4", "int16", "int8", "int4"]
Part = Literal["driver", "firmware", "toolkit", "container_toolkit"]
Disruption = Literal["none", "restart", "drain", "reboot"]


class Stated(Model):
    """Where a plain value was read and how far it can be trusted."""

    confidence: Confidence
    """How far it can be trusted."""
    source: SourceKey
    """Key of the source, as the list of sources explains it."""
    note: Text = ""
    """What a reader has to know beside the value."""


class Fact(Model, Generic[T]):
    """A value with where it was read and how far it can be trusted."""

    value: T | None = None
    """The value; null when it is unknown."""
    alternatives: tuple[T, ...] = ()
    """Every value that sources state, when they conflict; a rule decides only where all lead to one answer."""
    confidence: Confidence = "unverified"
    """How far it can be trusted."""
    source: Text = ""
    """Key of the source, as the catalog's list of sources explains it, or a citation."""
    note: Text = ""
    """What a reader has to know beside the value."""

    @property
    def decides(self) -> bool:
        """True when the value is known and a source was read for it: `unverified` values never decide anything."""
        return self.value is not None and self.confidence != "unverified"


class Entry(Model):
    """What every entry of the catalog has."""

    replaces: Flag = False
    """True when this entry replaces, as a whole, the built-in one of the same key; without it that key is an error."""
    note: Text = ""
    """What a reader has to know."""
    stated: dict[Text, Stated] = {}
    """Where plain values were read, by field; `*` speaks for every field that is not named."""

    def statement(self, field: str) -> Stated | None:
        """Where the plain field was read, or None when nothing says it."""
        return self.stated.get(field) or self.stated.get("*")


class Source(Model):
    """A source of facts."""

    title: Text
    """What it is: a repository with paths, a document, a report."""
    kind: Literal["vendor", "regulation", "third-party", "press", "survey", "own"] = "third-party"
    """Who speaks."""


class VendorEntry(Entry):
    """A designer of accelerators, and what its devices and tools are called on a host."""

    name: Text
    """Name for people."""
    country: Country
    """Country of the designer's headquarters, which export rules and the domestic share ask for."""
    pci_vendor: Text | None = None
    """PCI vendor id, four hexadecimal digits."""
    pci_classes: tuple[Text, ...] = ()
    """PCI classes of the accelerators, four hexadecimal digits each."""
    kernel_modules: tuple[Text, ...] = ()
    """Kernel modules of the driver."""
    conflicting_modules: tuple[Text, ...] = ()
    """Kernel modules that must not be loaded beside them."""
    dkms_name: Text | None = None
    """Name under which DKMS builds the modules."""
    device_nodes: tuple[Text, ...] = ()
    """Device files, as shell patterns."""
    tool: Text | None = None
    """The vendor's command-line tool."""
    version_queries: tuple[Text, ...] = ()
    """Commands that tell the installed versions."""
    health_queries: tuple[Text, ...] = ()
    """Commands that tell health."""
    visible_devices_env: Text | None = None
    """Environment variable by which the container runtime's hook selects devices."""
    in_container_env: Text | None = None
    """Environment variable by which a program in a container selects among its devices."""
    runtime_class: Text | None = None
    """Kubernetes RuntimeClass that workloads need; null when none is needed."""
    container_runtime: Text | None = None
    """The container runtime's hook."""


class Interconnect(Model):
    """The link between accelerators of one host."""

    name: Text
    """Name of the technology."""
    gb_s: Fact[float] = Fact[float]()
    """Bandwidth of an accelerator in gigabytes per second, all its links together."""


class AcceleratorEntry(Entry):
    """A chip model."""

    name: Text
    """Name for people."""
    vendor: Name
    """Vendor of the catalog or of the fleet."""
    family: Name | None = None
    """Family that compatibility tables speak of."""
    tool_names: tuple[Text, ...] = ()
    """Names under which the vendor's tool prints it."""
    pci_devices: tuple[Text, ...] = ()
    """PCI device ids, four hexadecimal digits each."""
    pci_variants: dict[Text, Text] = {}
    """PCI device ids of near relatives, which are other chips than this one."""
    pci_subsystem: Text | None = None
    """PCI subsystem id (`vendor:device`), where models that share a device id differ in it."""
    compute_capability: Fact[str] = Fact[str]()
    """CUDA compute capability."""
    min_cuda: Fact[str] = Fact[str]()
    """Oldest CUDA version that knows this chip."""
    min_driver: Fact[str] = Fact[str]()
    """Oldest driver that runs this chip, where a source names one."""
    kernel_module_type: Literal["open", "proprietary"] | None = None
    """The only kind of kernel module that runs this chip; null when both do or nothing says."""
    memory_gb: Fact[float] = Fact[float]()
    """Nominal memory of a board or package in gigabytes."""
    memory_per_device_gb: Fact[float] = Fact[float]()
    """Nominal memory of each schedulable device, where a board carries several."""
    memory_mib_reported: Fact[int] = Fact[int]()
    """Total memory of a schedulable device as the vendor's tool reports it, in mebibytes."""
    memory_allocatable_mib: Fact[int] = Fact[int]()
    """Memory that can be given to workloads, in mebibytes, where it is less than reported."""
    memory_variants_gb: dict[Text, Fact[float]] = {}
    """Memory of variants that share this entry, by their names."""
    bandwidth_gb_s: Fact[float] = Fact[float]()
    """Memory bandwidth in gigabytes per second."""
    dense_tops: dict[NumberFormat, Fact[float]] = {}
    """Dense trillions of operations a second, by number format; sparse figures are never used."""
    dense_cube_tops: dict[NumberFormat, Fact[float]] = {}
    """The matrix unit's part of `dense_tops`, where the vendor tells them apart."""
    ai_cores: Fact[int] = Fact[int]()
    """Number of AI cores of a device."""
    interconnect: Interconnect | None = None
    """Link between accelerators of one host."""
    nvswitch: Fact[bool] = Fact[bool]()
    """Whether its eight-way boards carry NVSwitch chips, and hosts therefore need the fabric manager."""
    tdp_w: Fact[float] = Fact[float]()
    """Power of a board in watts."""
    die_area_mm2: Fact[float] = Fact[float]()
    """Applicable die area of a package in square millimetres."""
    resource: Text | None = None
    """Kubernetes resource name."""
    resource_alternatives: tuple[Text, ...] = ()
    """Resource names that other device plugins give it."""
    driver_stack: Name | None = None
    """Driver stack that serves it."""
    extra_packages: tuple[Text, ...] = ()
    """Packages that its hosts need beside the driver."""
    devices_per_board: Positive = 1
    """Schedulable devices on a board; pools count devices."""


class StackPart(Model):
    """One separately versioned part of a driver stack."""

    name: Text
    """What this stack calls it."""
    packages: tuple[Text, ...] = ()
    """Packages or installers, with `{version}`, `{branch}`, `{chip}`, `{arch}` where names carry them."""
    disruption: Disruption = "none"
    """What installing or changing it does to a host."""
    side_by_side: Flag = False
    """True when several versions can be installed beside each other."""
    note: Text = ""
    """What a reader has to know."""


class DriverStackEntry(Entry):
    """A driver stack: which role installs it, what its versions are called, and in which order they change."""

    name: Text = ""
    """Name for people."""
    vendor: Name | None = None
    """Vendor whose devices it drives."""
    role: Name
    """Ansible role, underscores written as hyphens."""
    parts: dict[Part, StackPart] = {}
    """Its parts. A part that is not here does not exist apart, and a pool cannot declare a version of it."""
    fresh_order: tuple[Part, ...] = ()
    """Order on a host that has none of them."""
    change_order: tuple[Part, ...] = ()
    """Order on a host that has them, upward and downward."""
    removal_order: tuple[Part, ...] = ()
    """Order of removal."""
    device_plugin: Name | None = None
    """Device plugin that offers its devices to Kubernetes."""
    exporter: Name | None = None
    """Exporter of its devices' metrics."""
    chip: Text | None = None
    """The chip's word in the names of installers."""

    @property
    def has_firmware(self) -> bool:
        """True when the firmware is a part of its own."""
        return "firmware" in self.parts


class DevicePluginEntry(Entry):
    """A Kubernetes device plugin. One of them owns a resource on a node."""

    name: Text
    """Name for people."""
    vendor: Name | None = None
    """Vendor whose devices it offers."""
    version: Fact[str] = Fact[str]()
    """The version that the catalog's facts speak of."""
    resources: tuple[Text, ...] = ()
    """Resource names."""
    resource_pattern: Text | None = None
    """Form of further resource names (MIG profiles, typed names)."""
    sharing_suffix: Text | None = None
    """Ending of the resource name when devices are shared."""
    memory_resource: Text | None = None
    """Resource name, or ending of it, for memory."""
    memory_unit_mib: Positive | None = None
    """Unit of the memory resource in mebibytes."""
    core_resource: Text | None = None
    """Resource name, or ending of it, for cores."""
    taint: Text | None = None
    """Key of the taint that its nodes carry by custom; null when none."""
    node_labels: dict[Text, Text] = {}
    """Labels that its nodes have to carry."""
    args: tuple[Text, ...] = ()
    """Arguments it is started with."""
    modes: tuple[Text, ...] = ()
    """Modes it knows."""
    health_port: Positive | None = None
    """Port of its health check."""
    namespace: Text | None = None
    """Namespace where the vendor runs it."""
    image: Text | None = None
    """Container image; null when nothing says it."""
    needs_runtime_hook: Flag | None = None
    """True when it only sets an environment variable and the container runtime's hook has to do the rest."""


class ExporterEntry(Entry):
    """An exporter of device metrics, and what its metrics are called."""

    name: Text
    """Name for people."""
    vendor: Name | None = None
    """Vendor whose devices it watches."""
    version: Fact[str] = Fact[str]()
    """The version that the catalog's facts speak of."""
    port: Positive
    """Port."""
    path: Text = "/metrics"
    """Path of the metrics."""
    health_path: Text | None = None
    """Path of the health check."""
    metrics: dict[Literal["util", "mem_used", "mem_total", "temp", "power", "fault", "health"], Text] = {}
    """Metric names by what they tell."""
    namespace: Text | None = None
    """Namespace where the vendor runs it."""
    image: Text | None = None
    """Container image; null when nothing says it."""


class EngineEntry(Entry):
    """A serving engine: ports, probes, metrics, image."""

    name: Text
    """Name for people."""
    same_as: Name | None = None
    """Engine whose routes and metrics it shares; the loader fills in what is left out here."""
    port: Positive | None = None
    """Port of the API."""
    example_port: Positive | None = None
    """Port that the engine's own documents use in examples."""
    management_port: Positive | None = None
    """Port of the management routes, where it is another."""
    metrics_port: Positive | None = None
    """Port of the metrics, where it is another."""
    health: Text | None = None
    """Route that answers when the server is alive."""
    ready: Text | None = None
    """Route that answers when it can serve, where it is another."""
    metrics: Text | None = None
    """Route of the metrics."""
    metrics_flag: Text | None = None
    """Flag without which there are none."""
    queue_metric: Text | None = None
    """Metric of waiting requests, by which replicas scale."""
    running_metric: Text | None = None
    """Metric of running requests."""
    cache_metric: Text | None = None
    """Metric of the key-value cache's use."""
    legacy_cache_metric: Text | None = None
    """Name of the same in older versions."""
    model_label: Text | None = None
    """Label that carries the model's name."""
    serve_flag: Text | None = None
    """Flag that the serve command needs."""
    api: Text | None = None
    """Route of its own API, where it is not OpenAI's."""
    image_api: Text | None = None
    """Route that makes images."""
    video_api: Text | None = None
    """Route that makes videos."""
    video_is_async: Flag = False
    """True when a video request returns at once and its result is fetched later."""
    storage_env: Text | None = None
    """Environment variable that names the folder of results."""
    binds_loopback: Flag = False
    """True when it listens on the loopback address only unless told otherwise."""
    image: Text | None = None
    """Container image with `{version}`; null when nothing says it."""


class OperatingSystemEntry(Entry):
    """An operating system of hosts. Which versions fit which stack is a matter of the compatibility tables."""

    name: Text
    """Name for people."""
    family: Literal["debian", "rpm"] | None = None
    """Kind of packages."""


class CatalogExtension(Model):
    """Entries of the fleet's own, merged over the catalog's."""

    vendors: dict[Name, VendorEntry] = {}
    """Vendors by key."""
    accelerators: dict[Name, AcceleratorEntry] = {}
    """Accelerators by key."""
    driver_stacks: dict[Name, DriverStackEntry] = {}
    """Driver stacks by key."""
    engines: dict[Name, EngineEntry] = {}
    """Serving engines by key."""
    operating_systems: dict[Name, OperatingSystemEntry] = {}
    """Operating systems by key, the `ID` of os-release."""
    device_plugins: dict[Name, DevicePluginEntry] = {}
    """Device plugins by key."""
    exporters: dict[Name, ExporterEntry] = {}
    """Exporters by key."""
    compatibility: dict[Name, Table] = Field(default={})
    """Compatibility tables by key."""
    sources: dict[Name, Source] = {}
    """Sources by key."""
