"""Services that were stopped to free a host's devices run again, whichever way the host's run ended."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.roles.fleet import RoleFleet

pytestmark = pytest.mark.sandbox
HOST = "h20-01"
SERVICES = ("nvidia-persistenced", "nvidia-fabricmanager", "nvidia-dcgm")
STATE = "/var/lib/causeway"
WOKEN = ["nvidia_driver : Start what was stopped"]
SLOW = "/run/systemd/system/nvidia-fabricmanager.service.d/slow.conf"
WAIT_S = 60


@pytest.fixture(scope="module")
def fleet(playbook_fleet: RoleFleet) -> Iterator[RoleFleet]:
    """The sandbox, with the host of these tests right: an NVSwitch machine, of no use without its services."""
    playbook_fleet.reset(HOST)
    playbook_fleet.play("site.yml", HOST).worked()
    yield playbook_fleet
    playbook_fleet.reset(HOST)


def states(fleet: RoleFleet) -> list[str]:
    return fleet.does(HOST, f"systemctl is-active {' '.join(SERVICES)}; exit 0").split()


def kept(fleet: RoleFleet) -> set[str]:
    """Which of the files that a quiesced or locked host has are there."""
    return set(fleet.does(HOST, f"cd {STATE}; ls").split()) & {"quiesced.json", "lock.json"}


def quiesced(fleet: RoleFleet) -> None:
    fleet.play("quiesce.yml", HOST).worked()
    assert states(fleet) == ["inactive"] * 3
    assert kept(fleet) == {"quiesced.json"}
    assert set(json.loads(fleet.does(HOST, f"cat {STATE}/quiesced.json"))["services"]) == set(SERVICES)


def awake(fleet: RoleFleet) -> bool:
    return states(fleet) == ["active"] * 3 and kept(fleet) == set()


def test_what_quiesce_stopped_runs_again_each_time_and_the_stamp_stays(fleet: RoleFleet) -> None:
    assert awake(fleet)
    stamp = fleet.does(HOST, f"cat {STATE}/stamp.json")
    for _ in range(2):
        quiesced(fleet)
        assert fleet.play("wake.yml", HOST, check=True).worked().changed(HOST) == WOKEN
        assert fleet.play("wake.yml", HOST).worked().changed(HOST) == WOKEN
        assert awake(fleet)
    assert fleet.play("wake.yml", HOST, "sys-01", "asc-01").worked().changed(HOST) == []
    fleet.play("verify.yml", HOST).worked()
    assert fleet.does(HOST, f"cat {STATE}/stamp.json") == stamp


def test_a_device_that_somebody_holds_is_named_before_anything_stops(fleet: RoleFleet) -> None:
    fleet.hold(HOST, "/dev/nvidia3")
    run = fleet.play("quiesce.yml", HOST)
    fleet.release(HOST)
    assert run.failure(HOST).startswith("device-in-use: ")
    assert run.changed(HOST) == []
    assert awake(fleet)


def test_a_host_that_another_run_holds_is_left_to_that_run(fleet: RoleFleet) -> None:
    quiesced(fleet)
    text = json.dumps({"owner": "machine/boot/1/1", "run": "another", "expires": 4_000_000_000})
    fleet.does(HOST, f"echo '{text}' > {STATE}/lock.json")
    run = fleet.play("wake.yml", HOST)
    assert run.failure(HOST).startswith("host-locked: the run another of machine/boot/1/1")
    assert states(fleet) == ["inactive"] * 3
    assert kept(fleet) == {"quiesced.json", "lock.json"}
    fleet.does(HOST, f"rm {STATE}/lock.json")
    fleet.play("wake.yml", HOST).worked()
    assert awake(fleet)


def test_a_service_that_does_not_start_is_named_and_the_next_run_starts_it(fleet: RoleFleet) -> None:
    quiesced(fleet)
    fleet.fault(HOST, "fabric_down")
    run = fleet.play("wake.yml", HOST)
    fleet.fault(HOST)
    assert run.failure(HOST).startswith("service-failed: nvidia-fabricmanager does not start; to do: ")
    assert states(fleet)[0] == "active"
    assert kept(fleet) == {"quiesced.json"}
    fleet.play("wake.yml", HOST).worked()
    assert awake(fleet)


def test_a_host_whose_run_was_killed_while_services_stopped_wakes_whole(fleet: RoleFleet) -> None:
    fleet.does(HOST, f"mkdir -p {SLOW.rpartition('/')[0]}; printf '[Service]\\nExecStop=/bin/sleep 12\\n' > {SLOW}")
    fleet.does(HOST, "systemctl daemon-reload")
    going = fleet.begin("quiesce.yml", HOST)
    deadline = time.monotonic() + WAIT_S
    while "deactivating" not in states(fleet):
        assert going.process.poll() is None, going.log.read_text()
        assert time.monotonic() < deadline, going.log.read_text()
    going.kill()
    assert states(fleet) != ["inactive"] * 3
    fleet.does(HOST, f"rm {SLOW}")
    fleet.play("wake.yml", HOST).worked()
    assert awake(fleet)


def test_site_wakes_what_it_brings_to_its_stack_as_predicted(fleet: RoleFleet) -> None:
    quiesced(fleet)
    operators: dict[str, Any] = {"nvidia_driver__managed_by": "operator"}
    predicted = fleet.play("site.yml", HOST, check=True, causeway__code="c0de", **operators).worked()
    done = fleet.play("site.yml", HOST, causeway__code="c0de", **operators).worked()
    assert [task for task in done.changed(HOST) if " : " in task] == WOKEN
    assert predicted.changed(HOST) == done.changed(HOST)
    assert awake(fleet)
    quiesced(fleet)
    predicted = fleet.play("site.yml", HOST, check=True, causeway__code="c0de").worked()
    done = fleet.play("site.yml", HOST, causeway__code="c0de").worked()
    assert WOKEN[0] not in done.changed(HOST)  # the role itself keeps those running that it is to keep
    assert set(predicted.changed(HOST)) == set(done.changed(HOST))
    assert awake(fleet)
