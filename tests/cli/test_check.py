"""`causeway check` and `causeway schema`: what they print, and their exit statuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from causeway.policy.rulebook import rulebook
from tests.cli.conftest import ROOT, Run

SANDBOX = ROOT / "inventory" / "sandbox"
ON = ("--as-of", "2026-11-22")


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    folder = tmp_path / "inventory" / "mine"
    folder.mkdir(parents=True)
    (folder / "fleet.yaml").write_bytes((SANDBOX / "fleet.yaml").read_bytes())
    return folder


def change(fleet: Path, find: str, put: str) -> None:
    path = fleet / "fleet.yaml"
    text = path.read_text()
    assert find in text
    path.write_text(text.replace(find, put, 1))


def test_the_sandbox_fleet_is_fine_and_the_day_is_said(causeway: Run) -> None:
    done = causeway("check", *ON)
    assert done.returncode == 0, done.stderr
    assert "sandbox on 2026-11-22: 3 clusters, 10 hosts" in done.stdout
    assert "inventory/sandbox/fleet.yaml:" in done.stdout
    assert "Refused" not in done.stdout
    assert done.stderr == ""


def test_the_rule_set_s_day_and_notice_and_the_version_that_decided_are_said(causeway: Run) -> None:
    done = causeway("check", *ON)
    book = rulebook()
    assert f"Rules of {book.date}. {book.notice}" in done.stdout
    assert "us-affiliates-50 (unknown)" in done.stdout
    assert "version of 2026-11-10" in done.stdout
    assert json.loads(causeway("check", *ON, "--json").stdout)["rule_set"] == {
        "date": str(book.date),
        "notice": book.notice,
    }


def test_ends_that_come_near_are_told_by_day_with_place_and_what_to_do(fleet: Path, causeway: Run) -> None:
    change(fleet, "valid_until: 2027-08-31", "valid_until: 2026-12-20")
    change(fleet, "term: {start: 2026-11-01, end: 2027-10-31", "term: {start: 2026-11-01, end: 2026-12-10")
    done = causeway("check", *ON, "--fleet", str(fleet))
    assert done.returncode == 0, done.stdout
    coming = done.stdout.partition("Coming within 60 days")[2].partition("Noted")[0]
    days = [line.split(",")[0].strip() for line in coming.splitlines() if line.startswith("  2026-")]
    assert days == sorted(days)
    assert "2026-12-20, in 28 days: the vetting of lessor runs out" in coming
    assert "fleet.yaml:24:5" in coming
    assert "to do: Have the party and its ultimate parent checked again." in coming


def test_findings_of_one_rule_stand_under_one_heading_with_one_thing_to_do(causeway: Run) -> None:
    done = causeway("check", *ON)
    assert done.stdout.count("  images-pinned") == 1
    assert done.stdout.count("Write `engine.image` with its digest") == 1
    assert done.stdout.count("takes the catalog's image") > 2


def test_what_an_exception_accepts_is_told_with_its_approver_and_end(fleet: Path, causeway: Run) -> None:
    change(fleet, "status: cleared", "status: refused")
    accepted = "rule: third-party-vetting, subject: party/lessor, reason: last month, approved_by: board"
    change(fleet, "exceptions: []", f"exceptions: [{{{accepted}, expires: 2026-11-22}}]")
    done = causeway("check", *ON, "--fleet", str(fleet))
    assert done.returncode == 0, done.stdout
    assert "accepted by board until 2026-11-22: last month" in done.stdout
    assert causeway("check", "--as-of", "2026-11-23", "--fleet", str(fleet)).returncode == 3


def test_versions_that_do_not_fit_are_status_3_with_row_source_and_the_nearest_set(fleet: Path, causeway: Run) -> None:
    change(fleet, 'firmware: "7.8.0.5.216"', 'firmware: "7.1.0.3.220"')
    done = causeway("check", *ON, "--fleet", str(fleet))
    assert done.returncode == 3, done.stdout
    assert "row 10 of ascend-hdk-firmware" in done.stdout
    assert "firmware 7.1.0.3.220 -> 7.8.0.5.216 (" in done.stdout
    assert "fleet.yaml:106:9)." in done.stdout


def test_a_malformed_declaration_is_status_1_with_every_error_on_standard_error(fleet: Path, causeway: Run) -> None:
    change(fleet, "weight: 50", "weight: 40")
    change(fleet, "Asia/Shanghai", "Asia/Shangai")
    done = causeway("check", *ON, "--fleet", str(fleet))
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("error [") == 2
    assert "did you mean Asia/Shanghai?" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_the_catalog_has_not_is_an_error_with_the_nearest_word(fleet: Path, causeway: Run) -> None:
    change(fleet, "accelerator: mlu590-m9", "accelerator: mlu590-m8")
    change(fleet, "{name: vllm-ascend,", "{name: vllm-ascent,")
    done = causeway("check", *ON, "--fleet", str(fleet))
    assert done.returncode == 1
    assert done.stderr.count("error [") == 2
    assert "did you mean mlu590-m9?" in done.stderr
    assert "did you mean vllm-ascend?" in done.stderr


def test_a_malformed_declaration_is_one_json_document_too(fleet: Path, causeway: Run) -> None:
    change(fleet, "weight: 50", "weight: 40")
    done = causeway("check", *ON, "--json", "--fleet", str(fleet))
    assert done.returncode == 1
    document = json.loads(done.stdout)
    assert document["schema"] == "causeway/check/v1"
    assert [error["code"] for error in document["errors"]] == ["weights"]
    assert document["errors"][0]["where"].endswith("fleet.yaml:161:5")


def test_what_a_rule_refuses_is_status_3_with_place_and_what_to_do(fleet: Path, causeway: Run) -> None:
    change(fleet, "status: cleared", "status: refused")
    done = causeway("check", *ON, "--fleet", str(fleet))
    assert done.returncode == 3, done.stdout + done.stderr
    assert "Refused" in done.stdout
    assert "third-party-vetting" in done.stdout
    assert "to do:" in done.stdout


def test_json_holds_every_finding_and_says_whether_anything_is_refused(fleet: Path, causeway: Run) -> None:
    change(fleet, "status: cleared", "status: refused")
    done = causeway("check", *ON, "--json", "--fleet", str(fleet))
    assert done.returncode == 3
    document = json.loads(done.stdout)
    assert document["refused"] is True
    assert document["as_of"] == "2026-11-22"
    assert sum(document["verdicts"].values()) == len(document["findings"])
    assert any(finding["verdict"] == "fail" and finding["severity"] == "stop" for finding in document["findings"])


def test_a_missing_folder_and_a_bad_day_are_told(causeway: Run) -> None:
    done = causeway("check", "--fleet", "inventory/sandbx")
    assert done.returncode == 1
    assert "did you mean inventory/sandbox?" in done.stderr
    assert causeway("check", "--as-of", "tomorrow").returncode != 0


def test_schema_prints_and_writes_the_same(tmp_path: Path, causeway: Run) -> None:
    printed = causeway("schema")
    assert printed.returncode == 0
    assert json.loads(printed.stdout)["title"] == "Causeway fleet declaration"
    assert causeway("schema", "--out", str(tmp_path / "new" / "fleet.json")).returncode == 0
    assert (tmp_path / "new" / "fleet.json").read_text() == printed.stdout


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path, causeway: Run) -> None:
    (tmp_path / "file").write_text("")
    done = causeway("schema", "--out", str(tmp_path / "file" / "schema.json"))
    assert done.returncode == 1
    assert "error [cannot-write]" in done.stderr
