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

from tests.up.well import EAST, H20, WEST, assert_all_well, assert_installed_once, changed, installs, upgraded
from tests.up.world import STAMP, World, alive, descendants, kill_tree, make_second_clone
from tests.waiting import eventually

pytestmark = [pytest.mark.sandbox, pytest.mark.tools, pytest.mark.slow, pytest.mark.usefixtures("well_again")]
VICTIMS = {"provider": "causeway.provider", "ansible": "ansible-playbook"}
ENGINE = "/pulumi"
"""In the command line of the engine and of its language host, which write the state and free the lock at the end."""
STEPS = {True: 39, False: 24}
"""Steps that a run tells of the three Nvidia hosts: by whether they get a new driver, for which they are emptied."""
DRIVER = {**dict.fromkeys(H20, "nvidia-smi"), "mlu-01": "cambricon-mlu-driver-debian12-dkms"}
"""By host, a package that comes with each version of its driver."""
HANG_S = 45
INSTALLING = "pgrep -x dpkg || true"


def reached(world: World, steps: int = 1) -> None:
    """Wait until a run has told so many steps of single hosts."""
    eventually(lambda: len(world.host_steps("east")) >= steps, f"step {steps} on hosts", timeout=300)


def below(process: subprocess.Popen[bytes], word: str) -> list[int]:
    """Processes that a command has started, by a word of their command line."""
    return [pid for pid in descendants(process.pid) if alive(pid, word)]


def gone(pids: list[int], word: str) -> None:
    """Wait until processes have ended."""
    eventually(lambda: not [pid for pid in pids if alive(pid, word)], f"the end of {word}", timeout=120)


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_once_lets_an_installation_end_and_twice_does_not_wait_for_it(world: World, times: int) -> None:
    upgraded(world, canary=0, max_unavailable=2)
    world.sandbox.run("fault", "h20-01", f"install_hang={HANG_S}")
    before = installs(world)
    with world.going_up() as process:
        eventually(lambda: world.say("h20-01", INSTALLING), "an installation", timeout=300)
        started = {word: below(process, word) for word in (*VICTIMS.values(), ENGINE)}
        assert all(started.values()), started
        for _ in range(times):
            process.send_signal(signal.SIGINT)
            time.sleep(1)
        asked = time.monotonic()
        assert process.wait(240) == 4
        took = time.monotonic() - asked
    goes_on = bool(world.say("h20-01", INSTALLING))
    told = world.told()
    world.sandbox.run("fault", "h20-01", "--clear")
    assert "stopping at the next safe point; Ctrl-C again stops at once" in told
    assert ("stopped at a safe point" in told, "stopped at once" in told) == (times == 1, times == 2), told
    assert (took > HANG_S / 2, goes_on) == (times == 1, times == 2), f"it ended after {took:.0f} s"
    for word, pids in started.items():
        gone(pids, word)
    assert set(world.up().hosts().values()) <= {"done"}
    assert_installed_once(world, before, {host: DRIVER[host] for host in H20})


def test_a_second_up_names_the_first_and_does_nothing(world: World) -> None:
    changed(world)
    with world.going_up() as process:
        reached(world)
        other = world.up(expect=4)
        assert "another run holds it: process " in other.text, other.text
        assert process.wait(400) == 0


def victims(process: subprocess.Popen[bytes], victim: str) -> list[int]:
    """Processes of a run that bear a name; none while none of them is at work."""
    if victim == "command":
        return [process.pid]
    if victim == "everything":
        return [*descendants(process.pid), process.pid]
    return below(process, VICTIMS[victim])


def kill(pids: list[int]) -> list[int]:
    """`kill -9`; those that were still there to be killed: the death of one may end the others."""
    killed = []
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)
    return killed


def test_whatever_is_killed_whenever_one_more_up_finishes(world: World, seed: int) -> None:
    draw = random.Random(seed)
    victim, upgrade = draw.choice(["command", *VICTIMS, "everything"]), seed % 3 == 0
    step, after = 1 + int(draw.uniform(0, 0.8) * STEPS[upgrade]), draw.uniform(0, 1)
    waves = {"canary": draw.choice([0, 1]), "max_unavailable": 2}
    print(f"seed {seed}: kill the {victim} {after:.1f} s after step {step}, upgrade: {upgrade}")  # noqa: T201 - shown when it fails
    for place in (EAST, WEST):
        changed(world, place)
        if upgrade:
            upgraded(world, place, **waves)
    before = installs(world)
    with world.going_up() as process:
        reached(world, step)
        time.sleep(after)
        struck = eventually(lambda: victims(process, victim), f"a process of the {victim}", timeout=60)
        started = {word: below(process, word) for word in (*VICTIMS.values(), ENGINE)}
        assert process.poll() is None, "the run was over before anything was killed"
        assert kill(struck), "nothing was there to be killed"
        status = process.wait(400)
    assert victim == "ansible" or status != 0, "a run that lost a part of itself cannot have ended well"
    for word, pids in started.items():
        gone(pids, word)
    again = world.up()
    assert set(again.results().values()) <= {"done", "unchanged"}, again.text
    assert_installed_once(world, before, DRIVER if upgrade else {})
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
    before = installs(world)
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
    assert_installed_once(world, before, {})
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
