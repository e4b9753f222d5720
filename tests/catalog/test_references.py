"""What a declaration names of the catalog and the catalog has not: told at its place, with the nearest word."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from causeway.catalog import load_catalog, references
from causeway.errors import CausewayError, Location
from causeway.fleet.load import load_fleet

SANDBOX = (Path(__file__).parents[2] / "inventory" / "sandbox" / "fleet.yaml").read_text(encoding="utf-8")
Told = Callable[..., tuple[CausewayError, ...]]


@pytest.fixture
def told(tmp_path: Path) -> Told:
    """The errors of the sandbox's fleet with texts replaced, and with more at its end."""

    def checked(*replaced: tuple[str, str], more: str = "") -> tuple[CausewayError, ...]:
        text = SANDBOX
        for old, new in replaced:
            assert old in text
            text = text.replace(old, new, 1)
        (tmp_path / "fleet.yaml").write_text(text + more, encoding="utf-8")
        loaded = load_fleet(tmp_path)
        return tuple(references.unknown(loaded, load_catalog(loaded.fleet.catalog, loaded.marks)))

    return checked


def written(error: CausewayError) -> str:
    """The text that an error points to, to the end of its line."""
    assert isinstance(error.where, Location)
    line = Path(error.where.file).read_text(encoding="utf-8").splitlines()[error.where.line - 1]
    return line[error.where.column - 1 :]


def test_the_sandbox_s_fleet_names_nothing_that_the_catalog_has_not(told: Told) -> None:
    assert told() == ()


@pytest.mark.parametrize(
    ("old", "new", "code", "near"),
    [
        ("accelerator: ascend-910b3", "accelerator: ascend-910b33", "unknown-accelerator", "ascend-910b3"),
        ("accelerator: h20\n", "accelerator: h2o\n", "unknown-accelerator", "h20"),
        ("engine: {name: vllm-mlu}", "engine: {name: vlm-mlu}", "unknown-engine", "vllm-mlu"),
        ('os: {id: debian, version: "12"', 'os: {id: debain, version: "12"', "unknown-operating-system", "debian"),
    ],
)
def test_an_unknown_name_is_told_where_it_stands(told: Told, old: str, new: str, code: str, near: str) -> None:
    errors = [error for error in told((old, new)) if error.code == code]
    assert errors
    wrong = new.rpartition("id: ")[2] if "id: " in new else new.rpartition(": ")[2]
    assert written(errors[0]).startswith(wrong.partition(",")[0].rstrip("}\n"))
    assert f"did you mean {near}?" in errors[0].hint


def test_all_unknown_names_are_told_at_once_in_the_order_of_the_file(told: Told) -> None:
    errors = told(
        ("accelerator: ascend-910b3", "accelerator: ascend-911"),
        ("engine: {name: vllm-mlu}", "engine: {name: vllm-mluu}"),
        ("accelerator: mlu590-m9", "accelerator: mlu591"),
    )
    assert [error.code for error in errors] == ["unknown-accelerator", "unknown-accelerator", "unknown-engine"]


def test_an_engine_with_an_image_of_its_own_needs_no_entry(told: Told) -> None:
    image = f"registry.cn-north.test/ours@sha256:{'a' * 64}"
    assert told(("engine: {name: vllm-mlu}", f"engine: {{name: ours, image: '{image}'}}")) == ()


@pytest.mark.parametrize(
    ("old", "part", "parts"),
    [
        ('{driver: "6.2.29", toolkit', "firmware", "driver, toolkit"),
        ('{driver: "580.95.05", container_toolkit', "firmware", "driver, toolkit, container_toolkit"),
    ],
)
def test_a_version_of_a_part_that_the_driver_stack_has_not_is_an_error(
    told: Told, old: str, part: str, parts: str
) -> None:
    (error,) = told((old, old.replace("{", f'{{{part}: "1.0.0", ', 1)))
    assert error.code == "no-such-part"
    assert part in error.reason
    assert parts in error.hint


def test_names_of_the_fleet_s_own_catalog_are_known(told: Told) -> None:
    own = """
catalog:
  accelerators: {own-chip: {name: Own chip, vendor: bytedance}}
  operating_systems: {own-os: {name: Own system}}
  engines: {own-engine: {name: Own engine}}
"""
    assert (
        told(
            ("accelerator: mlu590-m9", "accelerator: own-chip"),
            ('        drivers: {driver: "6.2.29", toolkit: "4.6.2-1"}\n', ""),
            ('os: {id: debian, version: "12"', 'os: {id: own-os, version: "12"'),
            ("engine: {name: vllm-mlu}", "engine: {name: own-engine}"),
            more=own,
        )
        == ()
    )


SLOT = ("accelerator: mlu590-m9", "accelerator: bytedance-seedchip")


def test_drivers_that_no_role_would_install_are_an_error(told: Told) -> None:
    (error,) = told(SLOT)
    assert error.code == "no-driver-stack"
    assert error.subject == "clusters.cn-north-inference.pools.cambricon.drivers"
    assert "role" in error.hint


@pytest.mark.parametrize(
    "mended",
    [
        ('        drivers: {driver: "6.2.29", toolkit: "4.6.2-1"}\n', ""),
        ('        drivers: {driver: "6.2.29"', '        role: our-driver\n        drivers: {driver: "6.2.29"'),
    ],
)
def test_a_role_of_the_pool_s_own_or_no_drivers_mend_it(told: Told, mended: tuple[str, str]) -> None:
    assert told(SLOT, mended) == ()
