"""Hosts that are no longer what was proved of them: `--refresh` names them, and `up --refresh` makes them well."""

from __future__ import annotations

import pytest

from tests.up.well import ALL, assert_all_well
from tests.up.world import Ended, World

pytestmark = [pytest.mark.sandbox, pytest.mark.tools, pytest.mark.usefixtures("well_again")]
DRIFTED = "h20-02"
FAULT = "device_lost=3"


def drifted(ended: Ended) -> dict[str, str]:
    """What a preview says of the state of single hosts."""
    found = [change["details"] for change in ended.stack("east")["changes"]]
    return {path: text for details in found for path, text in details.items() if path.startswith("state[")}


def test_a_preview_that_refreshes_names_the_drifted_host_and_touches_nothing(world: World) -> None:
    stamps = {host: world.stamp(host) for host in ALL}
    world.sandbox.run("fault", DRIFTED, FAULT)
    assert world.run("preview", "--exit-code").results() == {"east": "unchanged", "west": "unchanged"}
    preview = world.run("preview", "--refresh", "--exit-code", expect=2)
    assert preview.results() == {"east": "changes", "west": "unchanged"}
    told = drifted(preview)
    assert told.keys() == {f'state["{DRIFTED}"]'}, preview.text
    assert told[f'state["{DRIFTED}"]'].startswith("drifted: 7 of 8 accelerators are healthy => ok "), told
    assert {host: world.stamp(host) for host in ALL} == stamps

    world.sandbox.run("fault", DRIFTED, "--clear")
    assert world.up("--refresh").results() == {"east": "unchanged", "west": "unchanged"}
    assert {host: world.stamp(host) for host in ALL} == stamps


@pytest.mark.slow
def test_a_drifted_host_that_cannot_be_mended_is_named_and_left_as_it_was_until_it_can(world: World) -> None:
    stamps = {host: world.stamp(host) for host in ALL}
    world.sandbox.run("fault", DRIFTED, FAULT)
    ended = world.up("--refresh", expect=4)
    assert ended.hosts() == {DRIFTED: "failed"}
    assert "device-unhealthy: GPU at 0000:13:00.0" in ended.text, "the device is named"
    assert not world.node("east", DRIFTED)["spec"].get("unschedulable"), "nothing was changed on it, so it is put back"
    assert {host: world.stamp(host) for host in ALL} == stamps

    world.sandbox.run("fault", DRIFTED, "--clear")
    mended = world.up("--refresh")
    assert mended.hosts() == {DRIFTED: "done"}, mended.text
    assert_all_well(world)
    assert world.up().results() == {"east": "unchanged", "west": "unchanged"}
