"""Reads the built-in catalog and lays a fleet's own entries over it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import yaml

from causeway.catalog.catalog import Catalog
from causeway.errors import CausewayError, Permanent, Problems
from causeway.fleet.catalog_entries import CatalogExtension, EngineEntry, Entry
from causeway.fleet.places import Marks
from causeway.fleet.problems import choice

SECTIONS = (
    "vendors",
    "accelerators",
    "driver_stacks",
    "engines",
    "operating_systems",
    "device_plugins",
    "exporters",
    "compatibility",
    "sources",
)


def load_catalog(extension: CatalogExtension | None = None, marks: Marks | None = None) -> Catalog:
    """The built-in catalog, with a fleet's own entries laid over it.

    Args:
        extension: the fleet's `catalog`; None for the built-in catalog alone.
        marks: where the fleet's entries stand, for the places in errors.

    Raises:
        Problems: an entry takes a built-in key without `replaces: true`, says `replaces: true` and replaces
            nothing, or names a vendor, stack, plugin, exporter, engine or source that nobody knows.
    """
    if extension is None or not extension.model_fields_set:
        return _builtin()
    catalog = _merged(_builtin(), extension)
    problems = (
        *_key_problems(extension, marks),
        *_reference_problems(catalog, extension, marks),
        *_source_problems(catalog, extension, marks),
    )
    if problems:
        raise Problems(problems)
    return catalog


@lru_cache(maxsize=1)
def _builtin() -> Catalog:
    data = CatalogExtension.model_validate(_read(files("causeway.catalog") / "data"))
    return _catalog({section: getattr(data, section) for section in SECTIONS})


def _read(folder: Traversable) -> dict[str, Any]:
    """The data files as one document: a file is a section, except `kubernetes.yaml` and the folder of tables."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    document: dict[str, Any] = {"compatibility": {}}
    for entry in sorted(folder.iterdir(), key=lambda each: each.name):
        if entry.is_dir():
            for table in sorted(entry.iterdir(), key=lambda each: each.name):
                document["compatibility"].update(yaml.load(table.read_bytes(), Loader=loader))  # noqa: S506 - both are safe loaders
            continue
        content = yaml.load(entry.read_bytes(), Loader=loader)  # noqa: S506 - both are safe loaders
        document.update(content if entry.name == "kubernetes.yaml" else {entry.name.removesuffix(".yaml"): content})
    return document


def _catalog(sections: Mapping[str, Mapping[str, Any]], own: frozenset[tuple[str, str]] = frozenset()) -> Catalog:
    engines = {key: _filled(engine, sections["engines"]) for key, engine in sections["engines"].items()}
    return Catalog(**{**sections, "engines": engines}, own=own)


def _filled(engine: EngineEntry, engines: Mapping[str, EngineEntry]) -> EngineEntry:
    """The engine with what it leaves out taken from the one that it is `same_as`."""
    base = engines.get(engine.same_as) if engine.same_as else None
    if base is None:
        return engine
    inherited = {
        name: getattr(base, name)
        for name in base.model_fields_set - engine.model_fields_set - {"image", "note", "replaces"}
    }
    stated = {**base.stated, **engine.stated}
    return engine.model_copy(update={**inherited, "stated": stated})


def _merged(builtin: Catalog, extension: CatalogExtension) -> Catalog:
    own = frozenset((section, key) for section in SECTIONS for key in getattr(extension, section))
    sections = {section: {**getattr(builtin, section), **getattr(extension, section)} for section in SECTIONS}
    return _catalog(sections, own)


def _key_problems(extension: CatalogExtension, marks: Marks | None) -> Iterator[CausewayError]:
    builtin = _builtin()
    for section in SECTIONS:
        known = getattr(builtin, section)
        for key, entry in getattr(extension, section).items():
            replaceable = isinstance(entry, Entry)
            replaces = isinstance(entry, Entry) and entry.replaces
            if key in known and not replaces:
                yield problem(
                    "catalog-key-taken",
                    ("catalog", section, key),
                    "the built-in catalog has an entry of this name, and nothing is replaced silently",
                    f"choose another name{', or add replaces: true to replace the whole entry' if replaceable else ''}",
                    marks,
                )
            if key not in known and replaces:
                yield problem(
                    "catalog-replaces-nothing",
                    ("catalog", section, key),
                    "it says replaces: true, but the built-in catalog has no entry of this name",
                    f"leave replaces out, or write the built-in name; {choice(key, known, section.replace('_', ' '))}",
                    marks,
                )


def _reference_problems(catalog: Catalog, extension: CatalogExtension, marks: Marks | None) -> Iterator[CausewayError]:
    links = (
        ("accelerators", "vendor", catalog.vendors, "vendors"),
        ("accelerators", "driver_stack", catalog.driver_stacks, "driver stacks"),
        ("driver_stacks", "vendor", catalog.vendors, "vendors"),
        ("driver_stacks", "device_plugin", catalog.device_plugins, "device plugins"),
        ("driver_stacks", "exporter", catalog.exporters, "exporters"),
        ("device_plugins", "vendor", catalog.vendors, "vendors"),
        ("exporters", "vendor", catalog.vendors, "vendors"),
        ("engines", "same_as", catalog.engines, "engines"),
        ("compatibility", "yields_to", catalog.compatibility, "tables"),
    )
    for section, field, known, kind in links:
        for key, entry in getattr(extension, section).items():
            named = getattr(entry, field)
            if named is not None and named not in known:
                yield problem(
                    f"unknown-{field.replace('_', '-')}",
                    ("catalog", section, key, field),
                    f"{named!r} is neither in the built-in catalog nor among the fleet's own entries",
                    choice(named, known, kind),
                    marks,
                )


def _source_problems(catalog: Catalog, extension: CatalogExtension, marks: Marks | None) -> Iterator[CausewayError]:
    """Source keys that nothing explains. A figure may carry a citation in place of a key, so those are not asked."""
    for path, key in _source_keys(extension):
        if key not in catalog.sources:
            reason = f"no source is called {key!r}, and a fact without a source cannot be judged"
            hint = f"declare it under catalog.sources; {choice(key, catalog.sources, 'sources')}"
            yield problem("unknown-source", path, reason, hint, marks)


def _source_keys(extension: CatalogExtension) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for section in SECTIONS:
        for key, entry in getattr(extension, section).items():
            if isinstance(entry, Entry):
                for field, stated in entry.stated.items():
                    yield ("catalog", section, key, "stated", field, "source"), stated.source
    for key, table in extension.compatibility.items():
        for index, row in enumerate(table.rows):
            yield ("catalog", "compatibility", key, "rows", index, "source"), row.source


def problem(code: str, path: tuple[str | int, ...], reason: str, hint: str, marks: Marks | None) -> CausewayError:
    """An error about a part of the declaration; its place is known when there are marks."""
    if marks is not None:
        return marks.problem(code, path, reason, hint)
    return Permanent(code, reason, subject=".".join(map(str, path)), hint=hint)
