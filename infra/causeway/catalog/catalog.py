"""The catalog in memory: entries by key, and the ways from an accelerator to what belongs to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from causeway.fleet.catalog_entries import (
    AcceleratorEntry,
    DevicePluginEntry,
    DriverStackEntry,
    EngineEntry,
    ExporterEntry,
    OperatingSystemEntry,
    Source,
    VendorEntry,
)
from causeway.fleet.compatibility_entries import Table


@dataclass(frozen=True, eq=False)
class Catalog:
    """Everything that is known of chips and their software: the built-in entries and the fleet's own.

    `own` names the entries that the fleet declared, as (section, key).
    """

    vendors: Mapping[str, VendorEntry]
    accelerators: Mapping[str, AcceleratorEntry]
    driver_stacks: Mapping[str, DriverStackEntry]
    engines: Mapping[str, EngineEntry]
    operating_systems: Mapping[str, OperatingSystemEntry]
    device_plugins: Mapping[str, DevicePluginEntry]
    exporters: Mapping[str, ExporterEntry]
    compatibility: Mapping[str, Table]
    sources: Mapping[str, Source]
    own: frozenset[tuple[str, str]] = frozenset()

    def vendor_of(self, accelerator: str) -> VendorEntry:
        """The vendor of an accelerator of this catalog. Raises KeyError for an accelerator that is not in it."""
        return self.vendors[self.accelerators[accelerator].vendor]

    def stack_of(self, accelerator: str) -> DriverStackEntry | None:
        """The driver stack that serves an accelerator of this catalog; None when nothing is known to serve it."""
        stack = self.accelerators[accelerator].driver_stack
        return self.driver_stacks[stack] if stack else None

    def device_plugin_of(self, accelerator: str) -> DevicePluginEntry | None:
        """The device plugin that offers an accelerator to Kubernetes, if one is known."""
        stack = self.stack_of(accelerator)
        return self.device_plugins[stack.device_plugin] if stack and stack.device_plugin else None

    def exporter_of(self, accelerator: str) -> ExporterEntry | None:
        """The exporter of an accelerator's metrics, if one is known."""
        stack = self.stack_of(accelerator)
        return self.exporters[stack.exporter] if stack and stack.exporter else None
