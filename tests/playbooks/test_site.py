"""The plays on a host without accelerators: what they refuse before they change anything, lock, stamp, second run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.roles.fleet import RoleFleet

pytestmark = pytest.mark.sandbox
HOST = "sys-01"
STAMP = "cat /var/lib/causeway/stamp.json"
LOCK = "/var/lib/causeway/lock.json"


@pytest.fixture(scope="module")
def fleet(playbook_fleet: RoleFleet) -> Iterator[RoleFleet]:
    """The sandbox, with the host of these tests right."""
    playbook_fleet.play("site.yml", HOST).worked()
    yield playbook_fleet
    playbook_fleet.does(HOST, f"rm -f {LOCK}")


def stamp(fleet: RoleFleet) -> dict[str, object]:
    found: dict[str, object] = json.loads(fleet.does(HOST, STAMP))
    return found


def put_lock(fleet: RoleFleet, owner: str, expires: int) -> None:
    text = json.dumps({"owner": owner, "run": "another", "expires": expires})
    fleet.does(HOST, f"echo '{text}' > {LOCK}")


def test_a_second_run_changes_nothing_and_leaves_the_stamp(fleet: RoleFleet) -> None:
    before = fleet.does(HOST, STAMP)
    run = fleet.play("site.yml", HOST).worked()
    assert run.changed(HOST) == []
    assert fleet.does(HOST, STAMP) == before
    assert stamp(fleet)["phase"] == "verified"
    assert fleet.does(HOST, f"ls {LOCK} 2>/dev/null || echo none").strip() == "none"


WRONG = {
    "baseline_os__os_version": "99",
    "baseline_os__kernel": "1.2.3",
    "causeway__os_architecture": "aarch64",
    "baseline_os__least_free_mib": {"/var": 10**9},
    "causeway__accelerators_per_host": 8,
}
CODES = ("os-mismatch", "kernel-mismatch", "architecture-mismatch", "disk-full", "accelerators-missing")


def test_a_host_that_is_not_what_was_declared_fails_with_all_that_differs_before_anything_changes(
    fleet: RoleFleet,
) -> None:
    before = fleet.does(HOST, STAMP)
    run = fleet.play("site.yml", HOST, **WRONG)  # type: ignore[arg-type]  # variables, and never `check`
    assert run.status == 2
    assert [code for code in CODES if f"{code}: " not in run.failure(HOST)] == []
    assert run.changed(HOST) == []
    assert fleet.does(HOST, STAMP) == before


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("causeway__driver_role", "seedchip_driver", "role-missing: seedchip_driver"),
        ("baseline_os__time_service", "sundial", "variable-wrong: value of baseline_os__time_service must be one of"),
        ("baseline_os__hugepages", "8", "has no baseline_os__hugepages; to do: did you mean baseline_os__huge_pages?"),
    ],
)
def test_an_inventory_that_is_wrong_fails_before_the_host_is_asked_anything(
    fleet: RoleFleet, variable: str, value: str, told: str
) -> None:
    run = fleet.play("site.yml", HOST, **{variable: value})  # type: ignore[arg-type]  # as above
    assert told in run.output
    assert not any("accelerator_facts" in event.task for event in run.events)


def test_another_runs_lock_stops_this_one_and_names_it(fleet: RoleFleet) -> None:
    put_lock(fleet, "machine/boot/1/1", 4_000_000_000)
    run = fleet.play("site.yml", HOST)
    assert run.failure(HOST).startswith("host-locked: the run another of machine/boot/1/1")
    assert run.changed(HOST) == []
    fleet.play("site.yml", HOST, check=True).worked()
    fleet.does(HOST, f"rm -f {LOCK}")


def test_the_lock_of_a_process_that_is_gone_from_this_machine_is_taken_over(fleet: RoleFleet) -> None:
    machine = Path("/etc/machine-id").read_text(encoding="ascii").strip()
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    put_lock(fleet, f"{machine}/{boot}/4194303/1", 4_000_000_000)
    fleet.play("site.yml", HOST).worked()


def test_a_newer_kernel_is_refused_where_a_driver_is_to_be_built(fleet: RoleFleet) -> None:
    fleet.does(HOST, "touch /boot/vmlinuz-99.0.0-test")
    asked = {"driver_version": "580.95.05", "expected_accelerators": 0, "mirror": "http://mirror.north.test"}
    variables = {f"nvidia_driver__{name}": value for name, value in asked.items()}
    run = fleet.play("site.yml", HOST, causeway__driver_role="nvidia_driver", **variables)  # type: ignore[arg-type]  # as above
    fleet.does(HOST, "rm /boot/vmlinuz-99.0.0-test")
    assert "kernel-pending: " in run.failure(HOST)
    assert run.changed(HOST) == []


def test_facts_are_shown_and_nothing_changes(fleet: RoleFleet) -> None:
    run = fleet.play("facts.yml", HOST).worked()
    assert run.changed(HOST) == []
    assert "causeway/host-facts/v1" in run.output


def test_a_host_out_of_service_is_touched_by_no_play(fleet: RoleFleet) -> None:
    run = fleet.play("site.yml", HOST, "sys-02").worked()
    assert "sys-02" not in {event.host for event in run.events}
    assert fleet.does("sys-02", "ls /var/lib/causeway 2>/dev/null || echo none").strip() == "none"
