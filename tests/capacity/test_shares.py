"""The domestic share."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace
from typing import Any, cast

from causeway.capacity.offer import compute
from causeway.capacity.shares import domestic_share
from causeway.catalog import Catalog, load_catalog
from tests.capacity.conftest import Load


def test_the_share_counts_installed_accelerators_by_their_designer_s_country(load: Load) -> None:
    loaded = load()
    share = domestic_share(loaded, load_catalog(), compute(loaded), "CN")
    assert (share.domestic, share.foreign, share.unknown) == (32, 16, 0)
    assert share.least == share.most == Fraction(2, 3)
    assert share.by_accelerator == (("ascend-910b3", 32), ("h20", 16))


def test_an_accelerator_of_an_unknown_designer_widens_the_share_instead_of_being_guessed(load: Load) -> None:
    loaded = load()
    known = load_catalog()
    partial: Any = SimpleNamespace(accelerators={"h20": known.accelerators["h20"]}, vendors=known.vendors)
    share = domestic_share(loaded, cast("Catalog", partial), compute(loaded), "CN")
    assert (share.least, share.most) == (Fraction(0), Fraction(2, 3))


def test_a_country_without_accelerators_has_no_share(load: Load) -> None:
    loaded = load()
    assert domestic_share(loaded, load_catalog(), compute(loaded), "SG").least is None
