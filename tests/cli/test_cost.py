"""`causeway cost` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner, Result

from causeway.cli.app import build_app

ROOT = Path(__file__).parents[2]


def cost(*arguments: str, fleet: str = "sandbox") -> Result:
    argv = ["cost", "--fleet", str(ROOT / "inventory" / fleet), "--as-of", "2026-11-22", *arguments]
    return CliRunner().invoke(build_app(argv), argv, catch_exceptions=False)


def test_the_sandbox_fleet_s_costs_say_day_currency_and_source() -> None:
    shown = cost()
    assert shown.exit_code == 0
    assert "sandbox on 2026-11-22, in USD" in shown.stdout
    assert "16 accelerators of the lease at 2.4 USD per accelerator hour, committed" in shown.stdout
    assert "contract 2026-17" in shown.stdout


def test_the_document_s_lines_add_up_to_its_sum() -> None:
    document = json.loads(cost("--json").stdout)
    assert document["schema"] == "causeway/cost/v1"
    assert document["monthly"]["complete"]
    assert round(sum(line["monthly"]["known"] for line in document["lines"]), 2) == document["monthly"]["known"] > 0
    assert {budget["exceeded"] for budget in document["budgets"]} == {False}


def test_a_part_without_a_price_is_named_below_the_sums(tmp_path: Path) -> None:
    text = (ROOT / "inventory/sandbox/fleet.yaml").read_text(encoding="utf-8")
    start = text.index("    price: {amount: 2.40")
    (tmp_path / "fleet.yaml").write_text(text[:start] + text[text.index("\n", start) + 1 :], encoding="utf-8")
    argv = ["cost", "--fleet", str(tmp_path), "--as-of", "2026-11-22"]
    shown = CliRunner().invoke(build_app(argv), argv, catch_exceptions=False).stdout
    assert "+ unknown" in shown
    assert "because it is unknown: the lease declares no price." in shown


def test_the_reference_fleet_stays_within_the_budgets_that_were_reported() -> None:
    document = json.loads(cost("--json", fleet="reference").stdout)
    used = {budget["budget"]: (budget["used"]["known"], budget["exceeded"]) for budget in document["budgets"]}
    assert used.keys() == {"onshore-chips-2025", "overseas-2025"}
    assert all(known > 0 and exceeded is False for known, exceeded in used.values())
