"""What the resolver is asked: the versions of one pool, and of one engine on it, as far as they are declared."""

from __future__ import annotations

from dataclasses import dataclass, fields

from causeway.catalog.catalog import Catalog

VERSION_FIELDS = (
    "driver",
    "firmware",
    "toolkit",
    "container_toolkit",
    "device_plugin",
    "engine_version",
    "engine_base",
)
"""Fields whose versions a proposal may change, in the order in which equal proposals are told."""


@dataclass(frozen=True, slots=True, order=True)
class Query:
    """One question. None means not declared, and what is not declared is not asked.

    Args:
        accelerator: accelerator of the catalog.
        os_id, os_version: `ID` and `VERSION_ID` of os-release.
        kernel: kernel release.
        kernel_modules: `open` or `proprietary`.
        architecture: `x86_64` or `aarch64`.
        driver, firmware, toolkit, container_toolkit: the driver stack's versions.
        device_plugin: version of the stack's device plugin (on Ascend: MindCluster's).
        device_plugin_mode: mode it runs in, where it knows several.
        kubernetes: minor version.
        engine, engine_version: engine of the catalog, and its version.
        engine_base: version of the engine below a plugin (vLLM below vLLM Ascend).
    """

    accelerator: str
    os_id: str | None = None
    os_version: str | None = None
    kernel: str | None = None
    architecture: str | None = None
    driver: str | None = None
    firmware: str | None = None
    toolkit: str | None = None
    container_toolkit: str | None = None
    device_plugin: str | None = None
    kubernetes: str | None = None
    engine: str | None = None
    engine_version: str | None = None
    kernel_modules: str | None = None
    device_plugin_mode: str | None = None
    engine_base: str | None = None

    def declared(self) -> dict[str, str]:
        """The fields that are declared, with their values."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


def asked(catalog: Catalog, query: Query) -> dict[str, str]:
    """What is declared, and what follows from the accelerator. Raises KeyError for an unknown accelerator."""
    return {**query.declared(), **follows(catalog, query.accelerator)}


def follows(catalog: Catalog, accelerator: str) -> dict[str, str]:
    """What tables can ask of an accelerator beside its name."""
    entry = catalog.accelerators[accelerator]
    values = {"family": entry.family, "vendor": entry.vendor, "driver_stack": entry.driver_stack}
    return {name: value for name, value in values.items() if value is not None}
