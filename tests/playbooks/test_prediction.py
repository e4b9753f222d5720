"""Check mode tells the truth: over generated host states, what `--check` predicts is what the run then changes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.playbooks.loading import PLAYBOOKS
from tests.roles.fleet import RoleFleet, Run

STATES = Path(__file__).parent / "states"
SHARED = ("baseline_os", "container_runtime")
DRIVERS = {"h20-01": "nvidia_driver", "mlu-01": "cambricon_driver", "asc-01": "ascend_driver"}
HOSTS: dict[str, str | None] = {"sys-01": None, **DRIVERS}
ORDER = ("h20-01", "mlu-01", "asc-01", "sys-01")
OLDER: dict[str, dict[str, Any]] = {
    "nvidia_driver": {"nvidia_driver__driver_version": "570.133.20"},
    "cambricon_driver": {"cambricon_driver__driver_version": "6.2.0", "cambricon_driver__toolkit_version": "3.13.5-1"},
    "ascend_driver": {"ascend_driver__driver_version": "25.2.0", "ascend_driver__firmware_version": "7.7.0.6.236"},
}
STARTS = ("untouched", "right", "right", "right", "older")
MOST_EVENTS = 3


@dataclass(frozen=True)
class State:
    """What a host is before the prediction."""

    host: str
    start: str
    happened: tuple[str, ...]
    commands: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.host}: {', then '.join((self.start, *self.happened))}"


def drawn(host: str, rng: random.Random) -> State:
    """A host's state by the seed."""
    role = HOSTS[host]
    start = rng.choice(STARTS)
    start = "right" if start == "older" and role is None else start
    names = (*SHARED, *([role] if role else []))
    files = [STATES / f"{name}.yaml" for name in names]
    events = [each for file in files if file.is_file() for each in yaml.safe_load(file.read_text(encoding="utf-8"))]
    chosen = rng.sample(events, rng.randrange(MOST_EVENTS + 1))
    return State(host, start, tuple(e["name"] for e in chosen), tuple(e["run"] for e in chosen))


def unpredictable() -> dict[str, dict[str, str]]:
    """Tasks that check mode cannot predict, with the reason, by role."""
    found: dict[str, dict[str, str]] = yaml.safe_load((PLAYBOOKS / "unpredictable.yaml").read_text(encoding="utf-8"))
    return found


def excused(task: str) -> bool:
    role, _, name = task.partition(" : ")
    return name in unpredictable().get(role, {})


@dataclass(frozen=True)
class Round:
    """What was predicted of some hosts and then done to them, all in one run each; a host occurs once."""

    states: dict[str, State]
    predicted: Run
    done: Run


class Rounds:
    """Each round is made once, when the first of its seeds is asked for; seeds beside each other share one."""

    def __init__(self, fleet: RoleFleet, seeds: list[int]) -> None:
        self._fleet, self._seeds = fleet, seeds
        self._right: set[str] = set()  # hosts that a run has left right and nobody has disturbed since
        self._made: dict[int, Round] = {}

    def of(self, seed: int) -> Round:
        number = seed // len(ORDER)
        if number not in self._made:
            self._made[number] = self._make([each for each in self._seeds if each // len(ORDER) == number])
        return self._made[number]

    def _make(self, seeds: list[int]) -> Round:
        states = {host_of(seed): drawn(host_of(seed), random.Random(seed)) for seed in seeds}
        self._prepare(list(states.values()))
        predicted = play(self._fleet, [*states], check=True)
        done = play(self._fleet, [*states])
        self._right.update(set(states) - done.failures().keys())
        return Round(states, predicted, done)

    def _prepare(self, states: list[State]) -> None:
        """Bring each host to its state."""
        self._fleet.reset(*(state.host for state in states if state.start == "untouched"))
        older = [state.host for state in states if state.start == "older"]
        lacking = [state.host for state in states if state.start == "right" and state.host not in self._right]
        if older or lacking:
            versions = {name: value for host in older for name, value in OLDER[str(HOSTS[host])].items()}
            play(self._fleet, [*older, *lacking], **versions).worked()
        self._right.difference_update(state.host for state in states)
        for state in states:
            for command in state.commands:
                self._fleet.sandbox.ssh(state.host, f"sudo bash -c {quoted(command)}")


@pytest.fixture(scope="module")
def rounds(playbook_fleet: RoleFleet, request: pytest.FixtureRequest) -> Rounds:
    """The rounds of the seeds that were asked for."""
    calls = [getattr(item, "callspec", None) for item in request.session.items if item.path == Path(__file__)]
    return Rounds(playbook_fleet, [call.params["seed"] for call in calls if call is not None])


def host_of(seed: int) -> str:
    return ORDER[seed % len(ORDER)]


def play(fleet: RoleFleet, hosts: list[str], *, check: bool = False, **variables: Any) -> Run:
    """Run `site.yml`; the stamp's `code` is given, so that an edit of the playbooks meanwhile is no change of hosts."""
    return fleet.play("site.yml", *hosts, check=check, causeway__code="c0de", **variables)


def quoted(command: str) -> str:
    return "'" + command.replace("'", "'\\''") + "'"


@pytest.mark.sandbox
@pytest.mark.slow(seeds=5, soak=40)
def test_what_check_mode_predicts_is_what_a_run_changes(rounds: Rounds, seed: int) -> None:
    made, host = rounds.of(seed), host_of(seed)
    print(f"seed {seed}, {made.states[host]}; beside it {[str(state) for state in made.states.values()]}")  # noqa: T201 - shown when the test fails
    for run in (made.predicted, made.done):
        assert {event.host for event in run.events} >= {host}, run.output
        assert host not in run.failures(), run.failure(host)
    compare(made.predicted, made.done, host)


def compare(predicted: Run, done: Run, host: str) -> None:
    """Nothing changed that was not predicted, nothing was predicted that did not change."""
    before, after = set(predicted.changed(host)), set(done.changed(host))
    surprises = sorted(task for task in after - before if not excused(task))
    alarms = sorted(task for task in before - after if not excused(task))
    assert (surprises, alarms) == ([], []), f"{host}: unpredicted {surprises}, predicted in vain {alarms}"


def test_few_tasks_are_excused_and_each_tells_why() -> None:
    excuses = unpredictable()
    tasks = [task for file in PLAYBOOKS.glob("roles/*/tasks/*.yml") for task in named(file)]
    count = 0
    for role, reasons in excuses.items():
        readme = (PLAYBOOKS / "roles" / role / "README.md").read_text(encoding="utf-8")
        assert len(reasons) <= 3, role
        for name, reason in reasons.items():
            assert f"{role} : {name}" in {f"{file_role} : {task}" for file_role, task in tasks}
            assert name in readme
            assert " ".join(reason.split()) in " ".join(readme.split())
            count += 1
    assert count <= 0.02 * len(tasks), f"{count} of {len(tasks)} tasks"


def named(file: Path) -> Iterator[tuple[str, str]]:
    """Role and name of each task of a file, those of its blocks included."""
    role = file.parents[1].name

    def walk(entries: list[dict[str, object]]) -> Iterator[tuple[str, str]]:
        for entry in entries or []:
            if "block" in entry:
                for part in ("block", "rescue", "always"):
                    yield from walk(entry.get(part) or [])  # type: ignore[arg-type]  # a block holds tasks
            else:
                yield role, str(entry.get("name"))

    return walk(yaml.safe_load(file.read_text(encoding="utf-8")))
