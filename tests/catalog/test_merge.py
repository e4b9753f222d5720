"""A fleet's own entries over the built-in ones: what they add, what they may replace, and what they may answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest

from causeway.catalog import Catalog, load_catalog
from causeway.catalog.query import Query
from causeway.catalog.resolve import resolve
from causeway.errors import CausewayError, Problems
from causeway.fleet.catalog_entries import CatalogExtension

TODAY = date(2026, 11, 22)
CHIP = {"name": "Own chip", "vendor": "own", "driver_stack": "own"}
STACK = {"name": "Own driver", "vendor": "own", "role": "own-driver", "parts": {"driver": {"name": "driver"}}}
VENDOR = {"name": "Own designer", "country": "CN"}
NOTES = {"kind": "own", "title": "Notes of a test"}


def merged(**sections: Mapping[str, Any]) -> Catalog:
    return load_catalog(CatalogExtension.model_validate(sections))


def problems(**sections: Mapping[str, Any]) -> dict[str, CausewayError]:
    with pytest.raises(Problems) as caught:
        merged(**sections)
    return {error.code: error for error in caught.value.errors}


def table(fields: list[str], row: dict[str, Any], **more: Any) -> dict[str, Any]:
    trusted = {"confidence": "primary", "source": "notes"}
    return {"title": "what a test has tried", "fields": fields, "rows": [{**trusted, **row}], **more}


def with_table(name: str, fields: list[str], row: dict[str, Any], **more: Any) -> Catalog:
    return merged(compatibility={name: table(fields, row, **more)}, sources={"notes": NOTES})


def test_own_entries_stand_beside_the_built_in_ones_and_are_marked() -> None:
    catalog = merged(vendors={"own": VENDOR}, accelerators={"own-chip": CHIP}, driver_stacks={"own": STACK})
    assert catalog.accelerators.keys() - load_catalog().accelerators.keys() == {"own-chip"}
    assert catalog.vendor_of("own-chip").country == "CN"
    stack = catalog.stack_of("own-chip")
    assert stack is not None
    assert stack.role == "own-driver"
    assert catalog.own == {("vendors", "own"), ("accelerators", "own-chip"), ("driver_stacks", "own")}


def test_the_built_in_catalog_is_not_touched_by_a_fleet_s_entries() -> None:
    before = dict(load_catalog().accelerators)
    merged(accelerators={"h20": {"name": "Other", "vendor": "nvidia", "replaces": True}})
    assert load_catalog().accelerators == before
    assert load_catalog() is load_catalog()


def test_nothing_is_replaced_silently() -> None:
    found = problems(
        accelerators={"h20": {"name": "Other", "vendor": "nvidia"}},
        sources={"survey": NOTES, "notes": NOTES},
        compatibility={"nvidia-os": table(["os_id"], {"when": {"os_id": "any"}})},
    )
    assert found.keys() == {"catalog-key-taken"}
    assert "replaces: true" in problems(accelerators={"h20": CHIP | {"vendor": "nvidia"}})["catalog-key-taken"].hint


def test_a_table_and_a_source_cannot_be_replaced_and_no_hint_says_so() -> None:
    assert "replaces" not in problems(sources={"survey": NOTES})["catalog-key-taken"].hint


def test_a_replaced_entry_inherits_nothing() -> None:
    catalog = merged(accelerators={"h20": {"name": "Ours", "vendor": "nvidia", "replaces": True}})
    entry = catalog.accelerators["h20"]
    assert entry.memory_gb.value is None
    assert entry.dense_tops == {}
    assert entry.driver_stack is None


def test_replacing_what_is_not_there_names_the_nearest() -> None:
    found = problems(accelerators={"h-20": {"name": "Ours", "vendor": "nvidia", "replaces": True}})
    assert "did you mean h20?" in found["catalog-replaces-nothing"].hint


@pytest.mark.parametrize(
    ("section", "entry", "code"),
    [
        ("accelerators", CHIP | {"vendor": "nvida", "driver_stack": "nvidia"}, "unknown-vendor"),
        ("accelerators", CHIP | {"vendor": "nvidia", "driver_stack": "nvida"}, "unknown-driver-stack"),
        ("driver_stacks", STACK | {"vendor": "nvidia", "device_plugin": "nvida"}, "unknown-device-plugin"),
        ("driver_stacks", STACK | {"vendor": "nvidia", "exporter": "dcgm"}, "unknown-exporter"),
        ("engines", {"name": "Own engine", "same_as": "vlm"}, "unknown-same-as"),
    ],
)
def test_a_name_that_nobody_knows_is_told_with_the_nearest(section: str, entry: dict[str, Any], code: str) -> None:
    found = problems(**{section: {"own-entry": entry}})
    assert found.keys() == {code}
    assert section in found[code].subject
    assert "did you mean" in found[code].hint or "dcgm-exporter" in found[code].hint


def test_a_source_that_nothing_explains_is_told_wherever_a_key_of_one_stands() -> None:
    row = {"when": {"driver": "610.1"}, "confidence": "primary", "source": "nv-doc-lc"}
    with pytest.raises(Problems) as caught:
        merged(
            vendors={"own": VENDOR | {"stated": {"country": {"confidence": "primary", "source": "our-notes"}}}},
            compatibility={"tried": {"title": "tried", "fields": ["driver"], "rows": [row]}},
        )
    told = {error.subject: error for error in caught.value.errors}
    assert told.keys() == {"catalog.vendors.own.stated.country.source", "catalog.compatibility.tried.rows.0.source"}
    assert {error.code for error in told.values()} == {"unknown-source"}
    assert "did you mean nv-docs-lc?" in told["catalog.compatibility.tried.rows.0.source"].hint


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(Problems) as caught:
        merged(
            accelerators={"h20": CHIP | {"vendor": "nvida", "driver_stack": "nvidia"}},
            engines={"vllm": {"name": "Ours"}},
        )
    codes = sorted(error.code for error in caught.value.errors)
    assert codes == ["catalog-key-taken", "catalog-key-taken", "unknown-vendor"]


def test_an_engine_that_is_the_same_as_another_takes_over_what_it_leaves_out() -> None:
    catalog = merged(engines={"our-vllm": {"name": "Ours", "same_as": "vllm", "port": 9000}})
    ours, vllm = catalog.engines["our-vllm"], catalog.engines["vllm"]
    assert (ours.port, ours.health, ours.queue_metric) == (9000, vllm.health, vllm.queue_metric)
    assert ours.image is None


def test_an_own_row_answers_what_the_built_in_tables_leave_unknown() -> None:
    query = Query("mlu590-m9", driver="6.2.29", engine="vllm-mlu")
    assert resolve(load_catalog(), query, TODAY).verdict == "unknown"
    row = {"when": {"driver": "6.2.29"}, "allow": {"engine": "vllm-mlu"}}
    answer = resolve(with_table("tried", ["engine", "driver"], row, applies={"engine": "vllm-mlu"}), query, TODAY)
    assert answer.verdict == "allowed"
    assert "tried" in {each.table for each in answer.deciding}
    assert [each.table for each in answer.rows if each.kind == "remark"] == ["vllm-mlu-driver"]


@pytest.mark.parametrize("confidence", ["conflicting", "unverified"])
def test_an_own_row_that_is_not_trusted_answers_nothing(confidence: str) -> None:
    query = Query("mlu590-m9", driver="6.2.29", engine="vllm-mlu")
    row = {"when": {"driver": "6.2.29"}, "allow": {"engine": "vllm-mlu"}, "confidence": confidence}
    catalog = with_table("tried", ["engine", "driver"], row, applies={"engine": "vllm-mlu"})
    assert resolve(catalog, query, TODAY).verdict == "unknown"


def test_an_own_row_does_not_lift_what_a_vendor_forbids() -> None:
    query = Query("ascend-910b1", driver="25.0.RC1", toolkit="9.1.0")
    row = {"when": {"toolkit": "9.1.0"}, "allow": {"driver": "25.0.RC1"}}
    catalog = with_table("tried", ["toolkit", "driver"], row)
    assert resolve(catalog, query, TODAY).verdict == "forbidden"


def test_an_own_row_can_forbid_what_the_built_in_tables_allow() -> None:
    query = Query("h20", driver="580.95.05")
    assert resolve(load_catalog(), query, TODAY).verdict == "allowed"
    row = {"forbid": {"driver": "580.95.05"}, "note": "Fails on our boards."}
    answer = resolve(with_table("broken", ["driver"], row, applies={"driver_stack": "nvidia"}), query, TODAY)
    assert answer.verdict == "forbidden"
    assert [each.table for each in answer.deciding] == ["broken"]
    assert answer.proposal is not None
    assert answer.proposal.query.driver != "580.95.05"


def test_an_own_table_makes_nothing_unknown_that_the_built_in_tables_allow() -> None:
    row = {"when": {"driver": "610.*"}, "allow": {"family": "hopper"}}
    catalog = with_table("tried", ["driver"], row, applies={"driver_stack": "nvidia"})
    assert resolve(catalog, Query("h20", driver="580.95.05"), TODAY).verdict == "allowed"
    assert resolve(catalog, Query("h20", driver="610.1"), TODAY).verdict == "allowed"
    assert resolve(catalog, Query("b200-sxm", driver="610.1"), TODAY).verdict == "unknown"
