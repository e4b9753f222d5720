"""What `causeway up` survives of itself: interrupts, kills, lost machines, damaged files. One more `up` finishes."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import time

import pytest

from tests.up.well import H20, assert_all_well, changed, installs, upgraded
from tests.up.world import STAMP, World, alive, descendants, kill_tree, make_second_clone
from tests.waiting import eventually

pytestmark = [pytest.mark.sandbox, pytest.mark.tools, pytest.mark.slow, pytest.mark.usefixtures("well_again")]
VICTIMS = {"provider": "causeway.provider", "ansible": "ansible-playbook"}
ENGINE = "/pulumi"
"""In the command line of the engine and of its language host, which write the state and free the lock at the end."""


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
        started = {word: below(process, word) for word in (*VICTIMS.values(), ENGINE)}
        if victim == "everything":
            kill_tree(process)
        else:
            for pid in [process.pid] if victim == "command" else started[VICTIMS[victim]]:
                with contextlib.suppress(ProcessLookupError):  # the last one's death has ended it
                    os.kill(pid, signal.SIGKILL)
        process.wait(400)
    for word, pids in started.items():
        gone(pids, word)
    again = world.up()
    assert set(again.results().values()) <= {"done", "unchanged"}, again.text
    assert {host: installs(world, host) - before[host] for host in H20} == dict.fromkeys(H20, int(upgrade))
    assert_all_well(world)


def test_the_first_machine_lost_a_second_clone_goes_on(world: World) -> None:
    changed(world)
    with world.going_up() as process:
        reached(world)
        kill_tree(process)
    clone = make_second_clone(world)
    try:
        again = clone.up()
        assert set(again.results().values()) <= {"done", "unchanged"}, again.text
        assert_all_well(world)
    finally:
        shutil.rmtree(clone.root)


def test_a_corrupt_journal_stamp_and_state_cost_a_run_and_nothing_else(world: World) -> None:
    before = {host: installs(world, host) for host in H20}
    (journal,) = (world.root / ".causeway" / "journal").rglob("*east*/h20.jsonl")
    with journal.open("ab") as file:
        file.write(b"\0\xff half a li")
    world.say("h20-01", f"echo '{{' > {STAMP}")
    exported = world.pulumi("east", "stack", "export")
    (pool,) = (each for each in exported["deployment"]["resources"] if each["type"] == "causeway:index:Baseline")
    pool["outputs"]["state"] = {"h20-02": "no such state", "h20-03": "ok"}
    world.pulumi("east", "stack", "import", stdin=json.dumps(exported))
    again = world.up()
    assert again.stack("east")["result"] == "done", again.text
    assert {host: installs(world, host) for host in H20} == before
    assert_all_well(world)
    assert world.up().results() == {"east": "unchanged", "west": "unchanged"}


def test_an_older_state_imported_is_made_true_again_without_touching_what_is_right(world: World) -> None:
    older = world.pulumi("east", "stack", "export")
    changed(world)
    world.up()
    stamps = {host: world.stamp(host) for host in H20}
    world.pulumi("east", "stack", "import", stdin=json.dumps(older))
    again = world.up()
    assert again.stack("east")["result"] == "done"
    assert {host: world.stamp(host) for host in H20} == stamps, "the hosts' stamps are the truth"
    assert world.up().results() == {"east": "unchanged", "west": "unchanged"}


def test_a_destroyed_stack_leaves_hosts_with_their_drivers_and_up_adopts_them(world: World) -> None:
    stamps = {host: world.stamp(host) for host in H20}
    world.run("destroy", "east", "--yes")
    assert world.kubectl("east", "get", "deployments,daemonsets", "-A")["items"] == []
    assert {host: world.stamp(host) for host in H20} == stamps
    world.up()
    assert {host: world.stamp(host) for host in H20} == stamps, "what is right is adopted, not done again"
