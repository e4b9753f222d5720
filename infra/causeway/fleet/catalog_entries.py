"""The shapes of catalog entries: facts with source and confidence, vendors, accelerators, driver stacks.

They stand in the lowest layer because a fleet may declare entries of its own; `causeway.catalog` reads its data
files with the same shapes.
"""

from __future__ import annotations

from typing import Generic, Literal, TypeVar

from causeway.fleet.base import Country, Model, Name, Positive, Text

Confidence = Literal["primary", "secondary", "conflicting", "unverified"]
"""`primary`: a vendor's repository or document, or a regulation. `unverified` facts never decide anything."""

T = TypeVar("T")


class Fact(Model, Generic[T]):
    """A value with where it was read and how far it can be trusted."""

    value: T | None = None
    """The value; null when it is unknown."""
    confidence: Confidence = "unverified"
    """How far it can be trusted."""
    source: Text = ""
    """Key of the source, as the catalog's list of sources explains it, or a citation."""
    note: Text = ""
    """What a reader has to know beside the value."""


class VendorEntry(Model):
    """A designer of accelerators."""

    name: Text
    """Name for people."""
    country: Country
    """Country of the designer's headquarters, which export rules and the domestic share ask for."""
    pci_vendor: Text | None = None
    """PCI vendor id, four hexadecimal digits."""


class AcceleratorEntry(Model):
    """A chip model."""

    name: Text
    """Name for people."""
    vendor: Name
    """Vendor of the catalog or of the fleet."""
    pci_devices: tuple[Text, ...] = ()
    """PCI device ids, four hexadecimal digits each."""
    memory_gb: Fact[float] = Fact[float]()
    """Memory in gigabytes."""
    dense_tops: dict[Literal["fp64", "fp32", "tf32", "fp16", "bf16", "fp8", "fp4", "int16", "int8", "int4"], Fact[float]] = {}
    """Dense trillions of operations a second, by number format; sparse figures are never used."""
    die_area_mm2: Fact[float] = Fact[float]()
    """Applicable die area of a package in square millimetres."""
    resource: Text | None = None
    """Kubernetes resource name."""
    driver_stack: Name | None = None
    """Driver stack that serves it."""
    devices_per_board: Positive = 1
    """Schedulable devices on a board; pools count devices."""


class DriverStackEntry(Model):
    """A driver stack: which role installs it and what its versions are called."""

    role: Name
    """Ansible role, underscores written as hyphens."""


class CatalogExtension(Model):
    """Entries of the fleet's own, merged over the catalog's."""

    vendors: dict[Name, VendorEntry] = {}
    """Vendors by key."""
    accelerators: dict[Name, AcceleratorEntry] = {}
    """Accelerators by key."""
    driver_stacks: dict[Name, DriverStackEntry] = {}
    """Driver stacks by key."""
