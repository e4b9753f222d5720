"""What `causeway up` survives of itself: interrupts, another run, kills. One more `up` finishes the job."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time

import pytest

from tests.up.well import H20, assert_all_well, changed, installs, upgraded
from tests.up.world import World, alive, descendants, kill_tree
from tests.waiting import eventually

pytestmark = [pytest.mark.sandbox, pytest.mark.tools, pytest.mark.slow, pytest.mark.usefixtures("well_again")]
VICTIMS = {"provider": "causeway.provider", "ansible": "ansible-playbook"}


def reached(world: World) -> None:
    """Wait until a run has got to the hosts."""
    eventually(lambda: [each for each in world.steps("east") if each["host"]], "work on a host", timeout=240)


def below(process: subprocess.Popen[bytes], word: str) -> list[int]:
    """Processes that a command has started, by a word of their command line."""
    return [pid for pid in descendants(process.pid) if alive(pid, word)]


def gone(pids: list[int], word: str) -> None:
    """Wait until processes have ended."""
    eventually(lambda: not [pid for pid in pids if alive(pid, word)], f"the end of {word}", timeout=120)


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_stops_at_a_safe_point_and_the_next_up_goes_on(world: World, times: int) -> None:
    changed(world)
    with world.going_up() as process:
        reached(world)
        started = {word: below(process, word) for word in VICTIMS.values()}
        for _ in range(times):
            process.send_signal(signal.SIGINT)
            time.sleep(1)
        assert process.wait(240) == 4
    for word, pids in started.items():
        gone(pids, word)
    assert set(world.up().hosts().values()) <= {"done"}


def test_a_second_up_names_the_first_and_does_nothing(world: World) -> None:
    changed(world)
    with world.going_up() as process:
        reached(world)
        other = world.up(expect=4)
        assert "another run holds it: process " in other.text, other.text
        assert process.wait(400) == 0


def test_whatever_is_killed_whenever_one_more_up_finishes(world: World, seed: int) -> None:
    draw = random.Random(seed)
    victim, after = draw.choice(["command", *VICTIMS, "everything"]), draw.uniform(1, 40)
    print(f"seed {seed}: kill the {victim} after {after:.1f} s")  # noqa: T201 - shown when the test fails
    upgrade = draw.random() < 0.3
    changed(world)
    if upgrade:
        upgraded(world)
    before = {host: installs(world, host) for host in H20}
    with world.going_up() as process:
        time.sleep(after)
        started = {word: below(process, word) for word in VICTIMS.values()}
        if victim == "everything":
            kill_tree(process)
        else:
            for pid in [process.pid] if victim == "command" else started[VICTIMS[victim]]:
                os.kill(pid, signal.SIGKILL)
        process.wait(400)
    for word, pids in started.items():
        gone(pids, word)
    again = world.up()
    assert set(again.results().values()) <= {"done", "unchanged"}, again.text
    assert {host: installs(world, host) - before[host] for host in H20} == dict.fromkeys(H20, int(upgrade))
    assert_all_well(world)
