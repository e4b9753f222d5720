"""`causeway rules` as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from causeway.cli.app import build_app
from causeway.policy.explain import reference


def _run(*words: str) -> tuple[int, str]:
    argv = ["rules", *words]
    done = CliRunner().invoke(build_app(argv), argv)
    return done.exit_code, done.output


def test_the_list_tells_the_day_s_version_and_the_notice() -> None:
    status, text = _run("--as-of", "2026-05-30")
    assert status == 0
    line = next(line for line in text.splitlines() if "us-hq-guidance" in line)
    assert "2025-01-15" in line
    assert "not legal advice" in text


def test_a_rule_in_full_tells_which_version_holds() -> None:
    status, text = _run("us-h20-letter", "--as-of", "2025-04-09")
    assert status == 0
    assert "2025-04-09 to 2025-07-13, in force (holds)" in text


def test_json_carries_schema_rule_set_and_rules() -> None:
    status, text = _run("data-classes", "--json", "--as-of", "2026-11-22")
    document = json.loads(text)
    assert status == 0
    assert document["schema"] == "causeway/rules/v1"
    assert [rule["rule"] for rule in document["rules"]] == ["data-classes"]


def test_the_reference_is_written_to_a_file(tmp_path: Path) -> None:
    status, _ = _run("--markdown", "--out", str(tmp_path / "docs" / "rules.md"))
    assert status == 0
    assert (tmp_path / "docs" / "rules.md").read_text(encoding="utf-8") == reference()
