"""`causeway catalog` as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from causeway.catalog import load_catalog
from causeway.cli.app import main

TOP = Path(__file__).parents[2]
EXAMPLE = TOP / "examples" / "in-house-chip"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def causeway(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Calls `causeway catalog` in this process; gives exit status, output and errors."""
    monkeypatch.delenv("CAUSEWAY_FLEET", raising=False)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["causeway", "catalog", *arguments])
        capsys.readouterr()
        status = 0
        try:
            main()
        except SystemExit as left:
            status = left.code if isinstance(left.code, int) else 1
        out, err = capsys.readouterr()
        return status, out, err

    return run


def document(text: str) -> dict[str, Any]:
    return dict(json.loads(text))


def values(shown: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {value["field"]: value for value in shown["entries"][0]["values"]}


@pytest.mark.parametrize("arguments", [(), ("list",)])
def test_the_list_names_every_accelerator(causeway: Run, arguments: tuple[str, ...]) -> None:
    status, out, _ = causeway(*arguments)
    assert status == 0
    first_words = {line.split()[0] for line in out.splitlines() if line}
    assert set(load_catalog().accelerators) <= first_words


def test_the_list_of_a_vendor_names_no_other_s(causeway: Run) -> None:
    listed = document(causeway("list", "--vendor", "cambricon", "--json")[1])
    assert listed["schema"] == "causeway/catalog-list/v1"
    assert {row["vendor"] for row in listed["accelerators"]} == {"cambricon"}
    assert listed["driver_stacks"] == ["cambricon"]


def test_unknown_performance_is_null_in_the_document_and_a_question_mark_in_the_table(causeway: Run) -> None:
    listed = document(causeway("list", "--json")[1])
    unknown = {row["id"] for row in listed["accelerators"] if row["total_processing_performance"] is None}
    assert unknown == {"rtx-6000d", "ascend-310p-300i-pro", "mlu590-m9", "bytedance-seedchip"}
    line = next(line for line in causeway("list")[1].splitlines() if line.startswith("rtx-6000d"))
    assert " ? " in line


def test_every_value_that_is_shown_carries_confidence_and_source_or_says_how_it_was_computed(causeway: Run) -> None:
    names = 0
    for key in load_catalog().accelerators:
        shown = document(causeway("show", key, "--json")[1])
        for value in values(shown).values():
            if value["computed"] or value["field"] in ("name", "vendor", "driver_stack"):
                continue
            names += 1
            assert value["confidence"], (key, value)
            assert value["value"] is None or value["source"] in shown["sources"], (key, value)
    assert names > 200


def test_computed_figures_say_so(causeway: Run) -> None:
    h20 = values(document(causeway("show", "h20", "--json")[1]))
    assert h20["total_processing_performance"]["value"] == 2368
    assert h20["performance_density"]["value"] == 2.91
    assert h20["performance_density"]["computed"]
    _, out, _ = causeway("show", "h20")
    assert any("total_processing_performance" in line and "computed" in line for line in out.splitlines())


def test_conflicting_figures_show_every_reading(causeway: Run) -> None:
    b300 = values(document(causeway("show", "b300-sxm", "--json")[1]))
    assert b300["dense_tops.fp8"]["alternatives"] == [4500, 7500]
    assert b300["total_processing_performance"]["value"] == "54000 to 60000"


@pytest.mark.parametrize("key", ["ascend-hdk-910b", "vllm-ascend", "debian", "npu-exporter", "huawei"])
def test_other_entries_are_shown_by_name(causeway: Run, key: str) -> None:
    status, out, _ = causeway("show", key)
    assert status == 0
    assert out.startswith(key)


def test_a_name_of_several_sections_shows_all_of_them(causeway: Run) -> None:
    shown = document(causeway("show", "nvidia", "--json")[1])
    assert [entry["section"] for entry in shown["entries"]] == ["vendors", "driver_stacks", "device_plugins"]


@pytest.mark.parametrize(
    ("arguments", "near"),
    [(("show", "h2O"), "h20"), (("show", "ascend910b3"), "ascend-910b3"), (("list", "--vendor", "nvida"), "nvidia")],
)
def test_an_unknown_name_is_an_error_with_the_nearest(causeway: Run, arguments: tuple[str, ...], near: str) -> None:
    status, out, err = causeway(*arguments)
    assert status == 1
    assert not out
    assert f"did you mean {near}?" in err


def test_a_fleet_s_own_entries_are_shown_and_marked(causeway: Run) -> None:
    listed = document(causeway("list", "--fleet", str(EXAMPLE), "--json")[1])
    assert [row["id"] for row in listed["accelerators"] if row["own"]] == ["bytedance-seedchip"]
    _, out, _ = causeway("show", "bytedance-seedchip", "--fleet", str(EXAMPLE))
    assert "declared by the fleet" in out
    assert "declared by the fleet" not in causeway("show", "bytedance-seedchip")[1]


@pytest.mark.slow
def test_the_program_answers_from_any_folder(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "CAUSEWAY_FLEET"}
    program = [sys.executable, "-m", "causeway.cli.app", "catalog", "show", "h20"]
    done = subprocess.run(program, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert "nv-okm" in done.stdout


def test_without_a_command_it_lists_as_json_too(causeway: Run) -> None:
    assert causeway("--json") == causeway("list", "--json")
    status, _, told = causeway("--json", "show", "h20")
    assert status == 1
    assert "causeway catalog show --json" in told
