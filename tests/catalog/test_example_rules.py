"""What the rules say of the example of a chip of one's own: at home it may stand, abroad missing figures stop it."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from causeway.cli.app import main

EXAMPLE = Path(__file__).parents[2] / "examples" / "in-house-chip"
FIGURES = """
      memory_gb: {value: 1, confidence: primary, source: bring-up}
      dense_tops: {int8: {value: 10, confidence: CONFIDENCE, source: bring-up}}
      die_area_mm2: {value: 100, confidence: CONFIDENCE, source: bring-up}
"""


@pytest.fixture
def abroad(tmp_path: Path) -> Path:
    """The example with its site in Malaysia."""
    text = (EXAMPLE / "fleet.yaml").read_text(encoding="utf-8")
    before, sites, after = text.partition("sites:")
    moved = after.replace("country: CN", "country: MY", 1)
    assert moved != after
    (tmp_path / "fleet.yaml").write_text(before + sites + moved, encoding="utf-8")
    shutil.copytree(EXAMPLE / "roles", tmp_path / "roles")
    (tmp_path / "catalog").mkdir()
    (tmp_path / "catalog" / "seedchip.yaml").write_bytes((EXAMPLE / "catalog" / "seedchip.yaml").read_bytes())
    return tmp_path


def with_figures(fleet: Path, confidence: str) -> None:
    """Gives the chip figures far below every threshold, invented for a test."""
    file = fleet / "catalog" / "seedchip.yaml"
    text = file.read_text(encoding="utf-8")
    mark = "      driver_stack: seedchip\n"
    assert text.count(mark) == 1
    file.write_text(text.replace(mark, mark + FIGURES.replace("CONFIDENCE", confidence)), encoding="utf-8")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Calls a command with `--json` on a fleet; gives exit status and document."""

    def called(command: str, fleet: Path) -> tuple[int, dict[str, Any]]:
        words = ["causeway", command, "--fleet", str(fleet), "--as-of", "2026-11-22", "--json"]
        monkeypatch.setattr(sys, "argv", words)
        capsys.readouterr()
        status = 0
        try:
            main()
        except SystemExit as left:
            status = left.code if isinstance(left.code, int) else 1
        return status, dict(json.loads(capsys.readouterr().out))

    return called


def open_findings(document: dict[str, Any]) -> dict[str, str]:
    return {each["rule"]: each["severity"] for each in document["findings"] if each["verdict"] in ("fail", "unknown")}


def test_at_home_one_finding_is_noted_and_nothing_refused(run: Any) -> None:
    status, document = run("check", EXAMPLE)
    assert status == 0
    assert open_findings(document) == {"driver-end-of-life": "info"}
    passed = {each["rule"] for each in document["findings"] if each["verdict"] == "pass"}
    assert "driver-compatibility" in passed


def test_abroad_unknown_figures_stop_it(run: Any, abroad: Path) -> None:
    status, document = run("check", abroad)
    assert status == 3
    stopped = {rule for rule, severity in open_findings(document).items() if severity == "stop"}
    assert stopped == {"export-classification", "prc-chips-abroad"}


def test_abroad_figures_that_were_read_nowhere_stop_it_as_well(run: Any, abroad: Path) -> None:
    with_figures(abroad, "unverified")
    assert run("check", abroad)[0] == 3


def test_abroad_figures_with_a_source_decide(run: Any, abroad: Path) -> None:
    with_figures(abroad, "primary")
    status, document = run("check", abroad)
    assert "export-classification" not in open_findings(document)
    assert "prc-chips-abroad" not in open_findings(document)
    assert status == 0


def test_it_is_planned_with_its_own_role_and_resource(run: Any) -> None:
    status, document = run("plan", EXAMPLE)
    assert status == 0
    text = json.dumps(document)
    assert "seedchip_driver" in text
    assert "example.com/seedchip" in text


def test_its_unknown_price_is_said_and_not_counted(run: Any) -> None:
    status, document = run("cost", EXAMPLE)
    assert status == 0
    assert document["monthly"]["complete"] is False
    assert document["monthly"]["known"] == 0
