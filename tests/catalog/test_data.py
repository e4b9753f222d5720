"""The catalog's data against the survey that it was built from, and its own rule: no value without a source."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from causeway.catalog import Catalog
from causeway.catalog.load import SECTIONS
from causeway.catalog.values import OWN_WORDS, SHOWN, values
from causeway.catalog.versions import same
from causeway.fleet.catalog_entries import AcceleratorEntry, Fact
from causeway.fleet.compatibility_entries import Row, Span, Spec

CONFIDENCES = {"primary", "secondary", "conflicting", "unverified"}
FIGURES = {
    "compute_capability": "compute_capability",
    "min_cuda": "min_cuda",
    "min_driver": "min_driver",
    "memory_gb": "memory_gb",
    "memory_per_device_gb": "memory_per_device_gb",
    "memory_mib_reported": "memory_mib_reported",
    "memory_allocatable_mib": "memory_allocatable_mib",
    "bandwidth_gb_s": "bandwidth_gb_s",
    "tdp_w": "tdp_w",
    "die_area_mm2": "die_area_mm2",
    "ai_cores": "ai_cores",
}
PLAIN = {
    "vendor": "vendor",
    "family": "family",
    "pci_subsystem": "pci_subsystem",
    "k8s_resource": "resource",
    "driver_stack": "driver_stack",
    "kernel_module_type": "kernel_module_type",
}
BITS = {
    "fp64": 64,
    "fp32": 32,
    "tf32": 32,
    "fp16": 16,
    "bf16": 16,
    "fp8": 8,
    "fp4": 4,
    "int16": 16,
    "int8": 8,
    "int4": 4,
}
BEYOND_THE_SURVEY = {
    ("h200-sxm", "memory_mib_reported"),  # in the survey's text, as unverified
    ("h100-sxm", "memory_mib_reported"),
}


def test_every_value_has_a_known_source_and_confidence(catalog: Catalog) -> None:
    told = 0
    for section in SHOWN:
        for key, entry in getattr(catalog, section).items():
            for value in values(entry):
                if value.field.split(".")[0] in OWN_WORDS or (value.value is None and not value.source):
                    continue
                assert value.confidence in CONFIDENCES, (section, key, value)
                assert value.source in catalog.sources, (section, key, value)
                told += 1
    assert told > 600


def test_every_row_has_a_known_source(catalog: Catalog) -> None:
    for name, table in catalog.compatibility.items():
        assert table.rows, name
        for row in table.rows:
            assert row.source in catalog.sources, (name, row)


def test_no_source_is_without_a_value(catalog: Catalog) -> None:
    text = repr({section: getattr(catalog, section) for section in SECTIONS if section != "sources"})
    unused = {key for key in catalog.sources if f"'{key}'" not in text}
    assert not unused


def test_nothing_unverified_stands_without_saying_where_it_comes_from(catalog: Catalog) -> None:
    for key, entry in catalog.accelerators.items():
        for field in type(entry).model_fields:
            fact = getattr(entry, field)
            if isinstance(fact, Fact) and fact.value is not None:
                assert fact.source, (key, field)


def test_the_chips_are_those_of_the_survey(catalog: Catalog, survey: dict[str, Any]) -> None:
    assert set(catalog.accelerators) == set(survey["chips"])


@pytest.mark.parametrize("theirs", FIGURES)
def test_figures_equal_the_survey(catalog: Catalog, survey: dict[str, Any], theirs: str) -> None:
    for key, facts in survey["chips"].items():
        found = getattr(catalog.accelerators[key], FIGURES[theirs]).value
        if (key, theirs) not in BEYOND_THE_SURVEY:
            assert found == facts.get(theirs), (key, theirs)


@pytest.mark.parametrize("theirs", PLAIN)
def test_names_equal_the_survey(catalog: Catalog, survey: dict[str, Any], theirs: str) -> None:
    for key, facts in survey["chips"].items():
        assert getattr(catalog.accelerators[key], PLAIN[theirs]) == facts.get(theirs), (key, theirs)


def test_lists_and_formats_equal_the_survey(catalog: Catalog, survey: dict[str, Any]) -> None:
    for key, facts in survey["chips"].items():
        entry = catalog.accelerators[key]
        assert list(entry.pci_devices) == facts["pci_devices"]
        assert entry.pci_variants == facts.get("pci_variants", {})
        assert list(entry.extra_packages) == facts.get("extra_packages", [])
        assert entry.devices_per_board == facts.get("devices_per_board", 1)
        assert {name: fact.value for name, fact in entry.dense_tops.items() if fact.value is not None} == facts["dense"]
        cube = {name: fact.value for name, fact in entry.dense_cube_tops.items()}
        assert cube == facts.get("dense_cube_only", {})
        link = facts.get("interconnect", {})
        assert (entry.interconnect.name if entry.interconnect else None) == link.get("name")
        assert (entry.interconnect.gb_s.value if entry.interconnect else None) == link.get("gb_s")


def test_the_survey_s_own_arithmetic_follows_from_the_catalog(catalog: Catalog, survey: dict[str, Any]) -> None:
    """The survey states processing performance and density; they have to follow from its figures here."""
    compared = 0
    for key, facts in survey["chips"].items():
        entry = catalog.accelerators[key]
        performance = _performance(entry)
        if facts.get("tpp") is None:
            assert performance is None
            continue
        compared += 1
        assert performance is not None
        assert performance == facts["tpp"], key
        if "performance_density" in facts and entry.die_area_mm2.value:
            assert performance / entry.die_area_mm2.value == pytest.approx(facts["performance_density"], abs=0.01), key
    assert compared > 18


def _performance(entry: AcceleratorEntry) -> float | None:
    readings = [fact.value * BITS[name] for name, fact in entry.dense_tops.items() if fact.value is not None]
    return max(readings, default=None)


def rows_of(catalog: Catalog, table: str) -> Iterator[tuple[Row, str]]:
    """The primary and secondary rows of a table with the one value that their `when` names."""
    for row in catalog.compatibility[table].rows:
        choices = [choice for spec in row.when.values() for choice in spec.choices if isinstance(choice, str)]
        if len(choices) == 1 and "*" not in choices[0] and row.allow:
            yield row, choices[0]


def names(spec: Spec) -> list[str]:
    return [choice for choice in spec.choices if isinstance(choice, str)]


def test_ascend_pairs_equal_the_survey(catalog: Catalog, survey: dict[str, Any]) -> None:
    pairs = {driver: names(row.allow["firmware"])[0] for row, driver in rows_of(catalog, "ascend-hdk-firmware")}
    stated = {each["hdk"]: each["firmware"] for each in survey["ascend_hdk_driver_firmware"] if each["firmware"]}
    assert pairs == stated


def test_ascend_ranges_equal_the_survey(catalog: Catalog, survey: dict[str, Any]) -> None:
    spans = {}
    for row, driver in rows_of(catalog, "ascend-driver-accepts"):
        span = row.allow["firmware"].choices[0]
        assert isinstance(span, Span)
        spans[driver.lower()] = (span.min, span.max)
    assert spans == {each["driver"]: (each["min"], each["max"]) for each in survey["ascend_driver_accepts_firmware"]}


def test_cann_and_engine_tables_hold_every_pair_of_the_survey(catalog: Catalog, survey: dict[str, Any]) -> None:
    primary = [(cann, row) for row, cann in rows_of(catalog, "ascend-cann-hdk") if row.confidence == "primary"]
    for each in survey["ascend_cann_hdk"]:
        drivers = next(names(row.allow["driver"]) for cann, row in primary if cann == each["cann"])
        assert drivers == each["hdk"], each["cann"]
    engines = {engine: names(row.allow["toolkit"])[0] for row, engine in rows_of(catalog, "vllm-ascend-cann")}
    assert engines == {each["vllm_ascend"]: each["cann"] for each in survey["vllm_ascend"]}
    mindie = {version: names(row.allow["toolkit"])[0] for row, version in rows_of(catalog, "mindie-cann")}
    assert mindie == {each["mindie"]: each["cann"] for each in survey["ascend_mindie"] if "mindie" in each}
    plugins = {version: names(row.allow["driver"]) for row, version in rows_of(catalog, "ascend-mindcluster-hdk")}
    assert plugins == {
        each["mindcluster"]: [f"{hdk}.*" for hdk in each["hdk"]] for each in survey["ascend_mindcluster"]
    }


def test_nvidia_tables_equal_the_survey(catalog: Catalog, survey: dict[str, Any]) -> None:
    branches = catalog.compatibility["nvidia-driver-branch"].rows
    families = {names(row.when["driver"])[0]: names(row.allow["family"]) for row in branches if row.allow}
    stated = survey["nvidia_driver_branches"]
    assert families == {f"{each['branch']}.*": each["usable_for"] for each in stated if "usable_for" in each}
    ends = {names(row.when["driver"])[0]: row.ends_on for row in catalog.compatibility["nvidia-driver-lifetime"].rows}
    assert {key: f"{day:%Y-%m}" for key, day in ends.items() if day} == {
        f"{each['branch']}.*": each["end_of_life"] for each in stated
    }
    floors = {}
    for row in catalog.compatibility["nvidia-cuda-driver"].rows:
        span = row.allow["driver"].choices[0]
        assert isinstance(span, Span)
        floors[names(row.when["toolkit"])[0].replace("*", "x")] = span.min
    assert floors == survey["nvidia_cuda_minimum_driver"]


def test_cambricon_floors_equal_the_survey(catalog: Catalog, survey: dict[str, Any]) -> None:
    floors = {}
    for row in catalog.compatibility["cambricon-toolkit-driver"].rows:
        choice = row.when["toolkit"].choices[0]
        toolkit = f"{choice.min}-{choice.max}" if isinstance(choice, Span) else choice
        for allowed in row.allow["driver"].choices if "driver" in row.allow else ():
            floors[toolkit] = (allowed.min or "") if isinstance(allowed, Span) else allowed
    for each in survey["cambricon"]:
        driver = each.get("driver_min") or each.get("driver")
        if "cntoolkit" in each and driver:
            assert same(floors[each["cntoolkit"]], driver), each


def test_ports_equal_the_survey(catalog: Catalog, survey: dict[str, Any]) -> None:
    assert {key: entry.port for key, entry in catalog.exporters.items()} == survey["exporters"]
    for key, port in survey["engines"].items():
        assert catalog.engines[key].port == port


def test_every_accelerator_leads_to_its_vendor_stack_plugin_and_exporter(catalog: Catalog) -> None:
    for key, entry in catalog.accelerators.items():
        assert catalog.vendor_of(key).country
        if entry.driver_stack is None:
            assert catalog.stack_of(key) is None
            continue
        stack, plugin, exporter = catalog.stack_of(key), catalog.device_plugin_of(key), catalog.exporter_of(key)
        assert stack is not None
        assert plugin is not None
        assert exporter is not None
        assert {stack.vendor, plugin.vendor, exporter.vendor} == {entry.vendor}
        assert entry.resource in plugin.resources
        assert set(stack.fresh_order) == set(stack.change_order) == set(stack.removal_order) == set(stack.parts)


def test_an_engine_shares_what_it_leaves_out(catalog: Catalog) -> None:
    assert catalog.engines["vllm-ascend"].queue_metric == catalog.engines["vllm"].queue_metric
    assert catalog.engines["vllm-ascend"].image != catalog.engines["vllm"].image
    assert catalog.engines["vllm-mlu"].image is None
