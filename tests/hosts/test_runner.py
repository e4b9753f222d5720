"""Runs of real Ansible on this machine: events, ends, stops, kills. No sandbox is needed for that."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from causeway import assets
from causeway.assets import Playbooks, playbooks_of
from causeway.errors import Permanent
from causeway.fleet.load import load_fleet
from causeway.hosts import private
from causeway.hosts.artifacts import HIDDEN, tail
from causeway.hosts.model import Bundle, RunEnd, TaskEvent
from causeway.hosts.runner import Tally, run
from causeway.hosts.transport import OpenSshTransport
from causeway.plan.catalog_of import catalog_of
from causeway.plan.hostvars import host_variables, pool_variables
from tests.clusters.harness import eventually
from tests.examples.in_house import ROLE, repository
from tests.hosts.scene import processes

PLAYS = """
- name: Drivers
  hosts: all
  gather_facts: false
  tasks:
    - name: First
      ansible.builtin.shell: "echo first >> {{ place }}; sleep {{ seconds }}"
      changed_when: true
      tags: [disruption_drain]
    - name: Second
      ansible.builtin.shell: "echo second >> {{ place }}"
      changed_when: false
    - name: Third
      ansible.builtin.fail:
        msg: "it-broke: on /dev/x; to do: mend it ({{ token }})"
      when: broken
- name: Finish
  hosts: all
  gather_facts: false
  tasks:
    - name: Last
      ansible.builtin.debug:
        msg: "{{ token }}"
"""


class Place:
    """A folder with a playbook, and runs of it on hosts that are this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.books = folder / "books"
        self.books.mkdir()
        (self.books / "site.yml").write_text(PLAYS)
        (self.books / "plugins").symlink_to(assets.playbooks() / "plugins")
        (self.books / "ansible.cfg").write_text((assets.playbooks() / "ansible.cfg").read_text())
        self.memory = folder / "memory"
        self.memory.mkdir()
        self.events: list[TaskEvent] = []
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(self.memory),
            "PULUMI_CONFIG_PASSPHRASE": "passphrase-of-the-state",
        }

    def bundle(self, *, seconds: int = 0, broken: str = "", playbook: str = "site.yml") -> Bundle:
        hosts = {
            name: {
                "ansible_connection": "local",
                "ansible_python_interpreter": sys.executable,
                "place": str(self.folder / name),
                "seconds": seconds,
                "broken": name == broken,
                "token": "the-secret-token",
            }
            for name in ("h1", "h2")
        }
        return Bundle("f.c", "r1", playbook, hosts, secrets=("the-secret-token",))

    def run(self, bundle: Bundle, cancelled: Callable[[], bool] = lambda: False) -> RunEnd:
        return run(bundle, Playbooks(self.books), self.folder / "runs", self.environment, self.events.append, cancelled)

    def did(self, host: str) -> list[str]:
        path = self.folder / host
        return path.read_text().split() if path.is_file() else []

    def running(self) -> list[str]:
        return processes(str(self.memory))

    def left(self) -> list[Path]:
        return list(private.base(self.environment).iterdir())


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_run_tells_what_each_task_did_and_keeps_a_log_without_secrets(place: Place) -> None:
    end = place.run(place.bundle(broken="h2"))
    assert (end.status, dict(end.changed), dict(end.unreachable)) == ("failed", {"h1": 1, "h2": 1}, {})
    assert end.failed["h2"] == "it-broke: on /dev/x; to do: mend it (********)"
    outcomes = {(e.host, e.task): (e.outcome, e.disruption) for e in place.events if e.host}
    assert outcomes["h1", "First"] == ("changed", "drain")
    assert outcomes["h1", "Second"] == ("ok", "none")
    assert outcomes["h2", "Third"] == ("failed", "none")
    assert ("h2", "Last") not in outcomes
    assert [e.play for e in place.events if e.outcome == "started" and e.task == "Last"] == ["Finish"]
    kept = "".join(path.read_text() for path in (place.folder / "runs").rglob("*") if path.is_file())
    assert "TASK [First]" in kept
    assert "the-secret-token" not in kept
    assert "passphrase-of-the-state" not in kept
    assert "the-secret-token" not in repr(place.events) + repr(end), "states and journals are made of these"
    assert place.left() == []
    assert place.running() == []


def test_ansible_does_not_see_the_environment_of_its_caller(place: Place) -> None:
    seen: list[str] = []

    def look() -> bool:
        for line in processes("ansible-playbook", str(place.memory)):
            with contextlib.suppress(OSError):  # it has ended meanwhile
                text = Path(f"/proc/{line.split()[0]}/environ").read_text(errors="replace")
                seen.append(text)
        return False

    place.run(place.bundle(seconds=2), look)
    assert any("CAUSEWAY_CONTROL" in text for text in seen)
    assert not any("passphrase-of-the-state" in text or "the-secret-token" in text for text in seen)


def test_cancelled_it_stops_before_the_next_task(place: Place) -> None:
    end = place.run(
        place.bundle(seconds=3),
        lambda: bool(place.did("h1") and place.did("h2")),
    )
    assert end.status == "cancelled"
    assert [place.did(name) for name in ("h1", "h2")] == [["first"], ["first"]]
    outcomes = {(e.host, e.outcome) for e in place.events if e.host}
    assert outcomes == {("h1", "changed"), ("h2", "changed")}, "the task that ran came to its end"
    assert place.running() == []


@pytest.mark.parametrize("victim", ["ansible-playbook", "causeway.hosts.worker"])
def test_killed_from_outside_it_is_told_and_nothing_goes_on(place: Place, victim: str) -> None:
    killed: list[int] = []

    def kill() -> bool:
        if place.did("h1") and not killed:
            # the first of them: Ansible's own processes for each host carry the same words
            pids = sorted(int(line.split()[0]) for line in processes(victim, str(place.memory)) if "python" in line)
            killed.append(pids[0])
            os.kill(pids[0], signal.SIGKILL)
        return False

    end = place.run(place.bundle(seconds=4), kill)
    assert end.status == "broken"
    assert end.message
    assert dict(end.changed) == {}
    eventually(lambda: not place.running(), f"everything to end: {place.running()}")
    time.sleep(4)
    assert [place.did(name) for name in ("h1", "h2")] == [["first"], ["first"]]
    assert place.left() == []


def test_a_killed_caller_takes_ansible_with_it_and_the_next_run_sweeps(place: Place) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from tests.hosts.test_runner import Place\n"
        "place = Place.__new__(Place); place.__dict__.update(eval(sys.argv[1]))\n"
        "place.run(place.bundle(seconds=5))\n"
    )
    known = {
        "folder": str(place.folder),
        "books": str(place.books),
        "memory": str(place.memory),
        "events": [],
        "environment": place.environment,
    }
    text = repr(known)
    for key in ("folder", "books", "memory"):
        text = text.replace(f"'{key}': {known[key]!r}", f"'{key}': Path({known[key]!r})")
    caller = subprocess.Popen([sys.executable, "-c", code, text], cwd=Path(__file__).parents[2], start_new_session=True)
    try:
        eventually(lambda: place.did("h1") and place.did("h2"), "the first task", timeout=120)
    finally:
        os.killpg(caller.pid, signal.SIGKILL)
        caller.wait()
    eventually(lambda: not place.running(), f"everything to end: {place.running()}", timeout=30)
    private.sweep(place.environment)
    assert place.left() == []
    time.sleep(5)
    assert [place.did(name) for name in ("h1", "h2")] == [["first"], ["first"]]


def test_a_run_whose_log_cannot_be_kept_tells_how_its_hosts_ended(place: Place) -> None:
    (place.folder / "runs").write_text("in the way")
    end = place.run(place.bundle())
    assert (end.status, end.artifacts) == ("successful", None)
    assert [place.did(name) for name in ("h1", "h2")] == [["first", "second"]] * 2


@pytest.mark.parametrize("step", ["mkdtemp", "Popen", "mkdir"])
def test_a_machine_without_room_for_a_run_says_so_before_it_begins(
    place: Place, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    owners = {"mkdtemp": tempfile, "Popen": subprocess, "mkdir": Path}
    private.base(place.environment)
    with monkeypatch.context() as patch:
        patch.setattr(owners[step], step, full)
        with pytest.raises(Permanent, match="cannot be written: No space left") as caught:
            place.run(place.bundle())
    assert caught.value.code == "private-folder"
    assert place.did("h1") == []


def test_a_playbook_with_an_error_is_told_with_its_message(place: Place) -> None:
    (place.books / "bad.yml").write_text("- hosts: all\n  tasks:\n    - no_such_module_at_all: {}\n")
    end = place.run(place.bundle(playbook="bad.yml"))
    assert end.status == "broken"
    assert "no_such_module_at_all" in end.message


OWN_ROLE = """
- name: Drivers
  hosts: all
  gather_facts: false
  tasks:
    - name: Look at the inventory
      causeway_inventory:
        roles: ["{{ causeway__driver_role }}"]
    - name: Install
      ansible.builtin.include_role:
        name: "{{ causeway__driver_role }}"
    - name: Prove
      ansible.builtin.include_role:
        name: "{{ causeway__driver_role }}"
        tasks_from: verify
"""


@dataclass(frozen=True)
class OwnRole:
    """A fleet with a role of its own, whose hosts are this machine."""

    place: Place
    fleet: Path

    def run(self, **variables: object) -> RunEnd:
        """Run the role on the fleet's first host; somebody else has installed its driver."""
        loaded = load_fleet(self.fleet)
        catalog = catalog_of(loaded, playbooks_of(self.fleet))
        shared = pool_variables(loaded, catalog, "cn-lab", "seedchip")
        made = host_variables(shared, "cn-seed-01", 1, None)
        local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        rest = {"causeway__intent": "i", "causeway__code": "c", f"{ROLE}__managed_by": "operator"}
        bundle = Bundle("f.c", "r1", "site.yml", {"h1": {**made, **local, **rest, **variables}})
        playbooks = replace(playbooks_of(self.fleet), root=self.place.books)
        transport = OpenSshTransport(self.place.folder, playbooks, self.place.environment)
        return transport.run(bundle, self.place.events.append, lambda: False)


@pytest.fixture
def own_role(place: Place) -> OwnRole:
    (place.books / "site.yml").write_text(OWN_ROLE)
    return OwnRole(place, repository(place.folder / "repository"))


def counted(number: int) -> dict[str, list[str]]:
    return {f"{ROLE}__count_command": ["echo", str(number)]}


def test_a_role_of_the_fleets_own_runs_and_proves_the_host(own_role: OwnRole) -> None:
    end = own_role.run(**counted(8))
    assert (end.status, dict(end.failed)) == ("successful", {}), end
    done = {each.task: each.outcome for each in own_role.place.events if each.host}
    assert done["Count the devices"] == "ok"


def test_a_role_of_the_fleets_own_that_proves_nothing_fails_the_host_in_its_words(own_role: OwnRole) -> None:
    told = own_role.run(**counted(7)).failed["h1"]
    assert told.startswith('devices-missing: 8 devices have to work, and echo 7 counts "7"; to do: ')


def test_an_own_role_that_is_gone_fails_with_the_folders_that_were_looked_in(own_role: OwnRole) -> None:
    roles = own_role.fleet.parents[1] / "roles"
    end = own_role.run(causeway__driver_role="gone_driver")
    assert "role-missing: gone_driver is in none of the folders of roles" in end.failed["h1"]
    assert str(roles) in end.failed["h1"]


def test_what_ansible_complains_of_is_told_without_secrets(place: Place) -> None:
    (place.books / "bad.yml").write_text("- hosts: all\n  tasks:\n    - the-secret-token: {}\n")
    end = place.run(place.bundle(playbook="bad.yml"))
    assert end.status == "broken"
    assert HIDDEN in end.message
    assert "the-secret-token" not in end.message


@pytest.mark.parametrize(
    "quoted",
    [str, json.dumps, repr, lambda text: text.splitlines()[-1], lambda text: f"\x1b[31m{text}\x1b[0m"],
    ids=["plain", "as JSON", "as Python's literal", "its last line", "in colour"],
)
def test_a_secret_is_hidden_however_a_module_quotes_it(quoted: Callable[[str], str]) -> None:
    secret = 'begin "of it"\nthe\'other line'
    tally = Tally((secret,))
    line = {"kind": "host", "host": "h1", "play": "Drivers", "task": f"Fetch {secret}", "outcome": "failed"}
    event = tally.take({**line, "message": f"cannot open {quoted(secret)}", "disruption": "none"})
    for text in (event.message if event else "", event.task if event else "", tally.failed["h1"]):
        assert HIDDEN in text
        assert "other line" not in text
        assert "of it" not in text


def test_a_secret_is_hidden_before_a_long_complaint_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "stdout"
    path.write_text("x" * 390 + " planted-secret-token " + "y" * 50)
    assert "plan" not in tail(path, ("planted-secret-token",))
    assert "plan" in tail(path, ())
