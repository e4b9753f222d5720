"""`causeway plan`: what it prints, its document, and its exit statuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from causeway.cli.plan import minutes
from tests.cli.conftest import ROOT, Run

GOLDEN = Path(__file__).parent / "golden"
NORTH = "cn-north-inference"
ON = ("--as-of", "2026-11-22")


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    folder = tmp_path / "inventory" / "mine"
    folder.mkdir(parents=True)
    (folder / "fleet.yaml").write_bytes((ROOT / "inventory" / "sandbox" / "fleet.yaml").read_bytes())
    return folder


def change(fleet: Path, find: str, put: str) -> None:
    path = fleet / "fleet.yaml"
    text = path.read_text()
    assert find in text
    path.write_text(text.replace(find, put))


def test_the_document_of_the_sandbox_is_as_it_was(causeway: Run) -> None:
    """The golden file is made by tests/cli/golden/README.md's command; findings and code have tests of their own."""
    done = causeway("plan", NORTH, "--json", *ON)
    assert done.returncode == 0
    document = json.loads(done.stdout)
    cluster = document["clusters"][NORTH]
    del document["digest"], cluster["findings"]
    for baseline in cluster["baselines"]:
        del baseline["code"]
    assert document == json.loads((GOLDEN / "plan.json").read_text())


def test_the_whole_fleet_at_a_glance(causeway: Run) -> None:
    done = causeway("plan", *ON)
    assert done.returncode == 0
    assert "2026-11-22" in done.stdout
    row = next(line for line in done.stdout.splitlines() if line.startswith(NORTH)).split()
    # pools, hosts, accelerators offered, asked and left, releases
    assert row[1:8] == ["cn-north", "4", "7", "48", "24", "24", "6"]


def test_one_cluster_in_detail_names_hosts_as_ranges_and_says_what_times_rest_on(causeway: Run) -> None:
    done = causeway("plan", NORTH, *ON)
    assert done.returncode == 0
    assert "cn-asc-[01:02]" in done.stdout
    assert "ascend_driver: driver 25.5.0, firmware 7.8.0.5.216, toolkit 8.5.0" in done.stdout
    assert "doubao moves, jimeng waits" in done.stdout
    assert "Times rest on assumptions" in done.stdout


def test_a_rented_cluster_has_nodes_and_no_hosts(causeway: Run) -> None:
    done = causeway("plan", "sg-cloud-serving", *ON)
    assert "1 nodes (rented: no access to hosts)" in done.stdout
    assert "If a whole pool changes" not in done.stdout


def test_a_host_that_is_out_of_service_is_shown_with_its_reason(causeway: Run, fleet: Path) -> None:
    override = "host_overrides: {cn-asc-02: {state: out_of_service, reason: fan, until: 2026-12-01}}\n#"
    change(fleet, "host_overrides: {}", override)
    done = causeway("plan", NORTH, "--fleet", str(fleet), *ON)
    row = next(line for line in done.stdout.splitlines() if line.startswith("cn-asc-02")).split()
    assert row == ["cn-asc-02", "out", "of", "service", "2026-12-01", "fan"]
    # half of two hosts may be out, and one is: no wave can begin
    assert "no room: 1 already out" in done.stdout


def test_what_looks_like_a_secret_is_not_shown(causeway: Run, fleet: Path) -> None:
    own = "{cn-asc-02: {variables: {our_registry__password: hunter2-of-a-host}}}"
    change(fleet, "host_overrides: {}", f"host_overrides: {own}")
    change(fleet, "    values: {}", "    values: {auth: {password: hunter2-of-a-release}}")
    for arguments in ((NORTH,), ("--json",)):
        done = causeway("plan", *arguments, *ON, "--fleet", str(fleet))
        assert "password" in done.stdout
        assert "hunter2" not in done.stdout


def test_minutes_of_ones_own_are_read_and_named(causeway: Run, fleet: Path, tmp_path: Path) -> None:
    one = "{apply: 1, reboot: 1, verify: 1}"
    text = f"version: 1\nbasis: measured\nhosts_at_once: 10\ndrain: 0\nother_role: {one}\nno_role: {one}\n"
    (tmp_path / "minutes.yaml").write_text(text)
    done = causeway("plan", NORTH, "--fleet", str(fleet), "--durations", str(tmp_path / "minutes.yaml"), *ON)
    assert done.returncode == 0
    assert "Times rest on measured minutes" in done.stdout


def test_an_unknown_cluster_is_an_error_with_the_nearest_name(causeway: Run) -> None:
    done = causeway("plan", "cn-north-inferense", *ON)
    assert done.returncode == 1
    assert "did you mean cn-north-inference?" in done.stderr


def test_what_a_rule_refuses_is_planned_and_refused(causeway: Run, fleet: Path) -> None:
    change(fleet, "valid_until: 2027-08-31", "valid_until: 2026-10-31")
    assert causeway("plan", "my-johor-training", "--fleet", str(fleet), *ON).returncode == 3
    assert causeway("plan", "--fleet", str(fleet), *ON).returncode == 3
    # another stack holds nothing of the parties whose vetting has ended
    assert causeway("plan", NORTH, "--fleet", str(fleet), *ON).returncode == 0


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 min"), (59.6, "1 h 00 min"), (86, "1 h 26 min"), (47 * 60, "47 h 00 min"), (52 * 60, "2 d 4 h")],
)
def test_minutes_for_people(count: float, text: str) -> None:
    assert minutes(count) == text
