"""Cambricon's role on real hosts: bare, forth and back; the hazards of the driver's package."""

from __future__ import annotations

import pytest

from causeway.sandbox.standins.state import AcceleratorState
from tests.roles.journey import CAMBRICON, Journey

pytestmark = pytest.mark.sandbox
HOST = CAMBRICON[0]


def loaded(version: str) -> AcceleratorState:
    return AcceleratorState("cambricon", version, loaded=True, healthy=8, reasons=())


def test_a_bare_host_is_brought_to_the_declared_stack_and_proved(journey: Journey) -> None:
    assert journey.predicted.states[HOST].driver_version is None
    assert journey.first.states[HOST] == loaded("6.2.0")
    assert {"cntoolkit=3.13.5-1.debian12", "cnrt=3.13.5-1"} <= set(journey.first.answers[HOST].split())
    assert journey.first.run.said(HOST, "The stack is as declared, and works")["broken"] == []


def test_it_goes_to_the_next_stack_without_a_reboot(journey: Journey) -> None:
    assert journey.upgraded.states[HOST] == loaded("6.2.29")
    assert {"cnrt=4.6.2-1", "cncl=1.30.8-1"} <= set(journey.upgraded.answers[HOST].split())


def test_it_goes_back_to_the_stack_before_from_packages_that_the_host_has_kept(journey: Journey) -> None:
    assert journey.back.states[HOST] == loaded("6.2.0")
    assert "cnrt=3.13.5-1" in journey.back.answers[HOST].split()


def test_apt_keeps_its_sandbox_and_its_locks_whatever_the_package_does_to_them(journey: Journey) -> None:
    for stop in (journey.first, journey.upgraded, journey.back):
        assert "/var/lib/dpkg/lock" in stop.answers[HOST]
        assert "APT::Sandbox::User" not in stop.answers[HOST]


def test_packages_are_held_at_their_version(journey: Journey) -> None:
    assert {"cambricon-mlu-driver-debian12-dkms", "cntoolkit"} <= set(journey.first.answers[HOST].split())
