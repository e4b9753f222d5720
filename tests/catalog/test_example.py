"""The example of a chip of one's own: it loads, its figures stay unknown, and its role and rows are its own."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import yaml

from causeway.catalog import Catalog, load_catalog, references
from causeway.catalog.query import Query
from causeway.catalog.resolve import resolve
from causeway.errors import Problems
from causeway.fleet.catalog_entries import CatalogExtension
from causeway.fleet.load import LoadedFleet, load_fleet
from causeway.policy.compatibility import query_of
from causeway.policy.export import tpp

EXAMPLE = Path(__file__).parents[2] / "examples" / "in-house-chip"
HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "add-a-vendor.md"
CHIP = "bytedance-seedchip"
TODAY = date(2026, 11, 22)


@pytest.fixture(scope="module")
def loaded() -> LoadedFleet:
    return load_fleet(EXAMPLE)


@pytest.fixture(scope="module")
def own(loaded: LoadedFleet) -> Catalog:
    return load_catalog(loaded.fleet.catalog, loaded.marks)


def pool_query(loaded: LoadedFleet) -> Query:
    cluster = loaded.fleet.clusters["cn-lab"]
    return query_of(cluster, cluster.pools["seedchip"])


def test_its_references_hold(loaded: LoadedFleet, own: Catalog) -> None:
    assert not list(references.unknown(loaded, own))
    assert ("accelerators", CHIP) in own.own


def test_its_role_is_its_own(own: Catalog) -> None:
    stack = own.stack_of(CHIP)
    assert stack is not None
    assert stack.role == "seedchip-driver"


def test_no_figure_of_the_chip_is_invented(own: Catalog, catalog: Catalog) -> None:
    for known in (own, catalog):
        entry = known.accelerators[CHIP]
        assert entry.memory_gb.value is None
        assert entry.die_area_mm2.value is None
        assert tpp(entry.dense_tops) is None


def test_its_own_rows_decide(loaded: LoadedFleet, own: Catalog) -> None:
    query = pool_query(loaded)
    assert resolve(own, query, TODAY).verdict == "allowed"
    assert resolve(own, replace(query, driver="99.0"), TODAY).verdict != "allowed"


def test_without_them_nothing_is_known_of_it(loaded: LoadedFleet, catalog: Catalog) -> None:
    assert resolve(catalog, pool_query(loaded), TODAY).verdict == "unknown"


def test_the_built_in_slot_is_not_taken_silently(loaded: LoadedFleet) -> None:
    chips = {
        key: entry.model_copy(update={"replaces": False}) for key, entry in loaded.fleet.catalog.accelerators.items()
    }
    with pytest.raises(Problems) as caught:
        load_catalog(loaded.fleet.catalog.model_copy(update={"accelerators": chips}), loaded.marks)
    error = caught.value.errors[0]
    assert error.code == "catalog-key-taken"
    assert str(error.where).startswith("examples/in-house-chip/catalog/seedchip.yaml:")


def test_the_entries_of_the_how_to_are_valid() -> None:
    """Its indented blocks make one extension, which loads but for the plugin and the exporter that it only names."""
    blocks = [line[4:] for line in HOW_TO.read_text(encoding="utf-8").splitlines() if line.startswith("    ")]
    told = yaml.safe_load("\n".join(line for line in blocks if not line.startswith("causeway ")))["catalog"]
    stack = told["driver_stacks"]["acme"]
    assert (stack.pop("device_plugin"), stack.pop("exporter")) == ("acme", "acme-exporter")
    catalog = load_catalog(CatalogExtension.model_validate(told))
    query = Query("acme-a1", driver="2.4.0", os_id="debian", os_version="12")
    assert resolve(catalog, query, TODAY).verdict == "allowed"
    assert resolve(catalog, replace(query, driver="1.0"), TODAY).verdict == "unknown"
