"""Stamp, lock and the tasks that roles use: their decisions, without a host; and what documents them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from tests.playbooks.loading import PLAYBOOKS, plugin

NOW = "2026-11-22T08:00:00Z"
SUBJECT = {"fleet": "f", "cluster": "c", "pool": "p", "host": "h"}
VERIFIED = {"schema": 1, **SUBJECT, "intent": "i1", "code": "c1", "phase": "verified", "run": "r1", "since": "then"}


@pytest.fixture(scope="module")
def stamp() -> ModuleType:
    return plugin("modules", "causeway_stamp")


@pytest.fixture(scope="module")
def lock() -> ModuleType:
    return plugin("modules", "causeway_lock")


@pytest.fixture(scope="module")
def locking() -> ModuleType:
    return plugin("action", "causeway_lock")


def params(state: str, intent: str = "i1", code: str = "c1", run: str = "r2", *, keep: bool = True) -> dict[str, Any]:
    return {**SUBJECT, "state": state, "intent": intent, "code": code, "run": run, "keep_verified": keep}


@pytest.mark.parametrize("state", ["applying", "verified"])
def test_a_stamp_that_is_verified_for_the_same_stays_as_it_is(stamp: ModuleType, state: str) -> None:
    assert stamp.wanted(params(state), VERIFIED, NOW) is VERIFIED


@pytest.mark.parametrize(("intent", "code"), [("i2", "c1"), ("i1", "c2")])
def test_before_another_intent_or_code_nothing_is_proved(stamp: ModuleType, intent: str, code: str) -> None:
    found = stamp.wanted(params("applying", intent, code), VERIFIED, NOW)
    assert (found["phase"], found["intent"], found["run"], found["since"]) == ("applying", "", "r2", NOW)


def test_a_rollback_takes_the_proof_away_whatever_it_was_of(stamp: ModuleType) -> None:
    assert stamp.wanted(params("applying", keep=False), VERIFIED, NOW)["phase"] == "applying"


def test_a_run_that_goes_on_does_not_write_its_beginning_again(stamp: ModuleType) -> None:
    begun = stamp.wanted(params("applying", "i2"), VERIFIED, NOW)
    assert stamp.wanted(params("applying", "i2"), begun, "later") is begun
    assert stamp.wanted(params("applying", "i2", run="r3"), begun, "later")["run"] == "r3"


@pytest.mark.parametrize("present", [None, {"schema": 1}, {**VERIFIED, "host": "another"}])
def test_a_proof_is_written_where_there_is_none_of_this_host(stamp: ModuleType, present: dict[str, Any] | None) -> None:
    found = stamp.wanted(params("verified"), present, NOW)
    assert found == {**VERIFIED, "run": "r2", "since": NOW}


def test_a_stamp_is_written_whole_and_read_back(stamp: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "stamp.json"
    stamp.write(str(path), VERIFIED)
    assert stamp.read(str(path)) == VERIFIED
    assert path.stat().st_mode & 0o777 == 0o644
    assert [each.name for each in path.parent.iterdir()] == ["stamp.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 2}'])
def test_a_stamp_of_another_shape_is_none(stamp: ModuleType, tmp_path: Path, text: str) -> None:
    (tmp_path / "stamp.json").write_text(text)
    assert stamp.read(str(tmp_path / "stamp.json")) is None


def asked(state: str, owner: str, instead_of: str | None = None) -> dict[str, Any]:
    return {"state": state, "owner": owner, "run": "r", "seconds": 900, "instead_of": instead_of}


def test_a_lock_is_held_by_one_and_renewed_by_him(lock: ModuleType, tmp_path: Path) -> None:
    path = str(tmp_path / "lock.json")
    assert lock.change(path, asked("held", "one"), 1000) is None
    assert lock.change(path, asked("held", "two"), 1001)["owner"] == "one"
    assert lock.change(path, asked("held", "one"), 1500) is None
    assert lock.read(path)["expires"] == 2400


def test_a_lock_is_freed_by_its_owner_alone(lock: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "lock.json"
    lock.change(str(path), asked("held", "one"), 1000)
    assert lock.change(str(path), asked("free", "two"), 1001) is None
    assert path.exists()
    lock.change(str(path), asked("free", "one"), 1001)
    assert not path.exists()


def test_a_lock_that_expired_or_is_damaged_is_taken(lock: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "lock.json"
    lock.change(str(path), asked("held", "one"), 1000)
    assert lock.change(str(path), asked("held", "two"), 1901) is None
    path.write_text("{")
    assert lock.change(str(path), asked("held", "three"), 1902) is None
    assert lock.read(str(path))["owner"] == "three"


def test_a_lock_of_an_owner_that_is_gone_is_taken_over_but_not_one_that_came_meanwhile(
    lock: ModuleType, tmp_path: Path
) -> None:
    path = str(tmp_path / "lock.json")
    lock.change(path, asked("held", "gone"), 1000)
    assert lock.change(path, asked("held", "two", instead_of="gone"), 1001) is None
    assert lock.change(path, asked("held", "three", instead_of="gone"), 1002)["owner"] == "two"


def test_of_many_at_once_one_holds_the_lock(lock: ModuleType, tmp_path: Path) -> None:
    path, refused = str(tmp_path / "lock.json"), []
    start = threading.Barrier(8)

    def try_it(owner: str) -> None:
        start.wait()
        refused.append(lock.change(path, asked("held", owner), time.time()))

    threads = [threading.Thread(target=try_it, args=(f"owner-{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(each is None for each in refused) == 1


def test_a_process_is_known_by_its_start_and_gone_when_it_ended(locking: ModuleType) -> None:
    process = subprocess.Popen(["sleep", "60"])
    owner = locking.identity(process.pid)
    assert not locking.is_gone(owner)
    process.kill()
    process.wait()
    assert locking.is_gone(owner)


def test_an_owner_of_another_machine_or_boot_is_never_called_gone(locking: ModuleType) -> None:
    machine, boot, _, _ = locking.identity(os.getpid()).split("/")
    for owner in (f"other/{boot}/1/1", f"{machine}/other/1/1", "//1/1", "", "a/b", f"{machine}/{boot}/x/1"):
        assert not locking.is_gone(owner)


def plugins() -> list[Path]:
    return sorted(path for path in PLAYBOOKS.glob("plugins/*/*.py"))


@pytest.mark.parametrize("path", plugins(), ids=[f"{path.parent.name}-{path.stem}" for path in plugins()])
def test_a_plugin_documents_each_of_its_options(path: Path) -> None:
    found = re.search(r'DOCUMENTATION = r?"""(.*?)"""', path.read_text(encoding="utf-8"), re.DOTALL)
    if found is None:  # the controller's half of a module, which documents both
        assert (PLAYBOOKS / "plugins" / "modules" / path.name).is_file()
        return
    said = yaml.safe_load(found.group(1))
    assert path.stem in (said.get("module"), said.get("name"))
    assert said["short_description"]
    for option in (said.get("options") or {}).values():
        assert option["description"]


PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - name: allowed
      causeway_disruption: {kind: restart, reason: a service}
      vars: {causeway__allow_disruption: restart}
    - name: asked twice
      causeway_reboot_needed: {reasons: [a new kernel]}
    - name: asked again
      causeway_reboot_needed: {reasons: [a new driver, a new kernel]}
    - name: collected
      causeway_expect:
        all:
          - {that: "{{ ansible_facts.causeway__reboot_needed }}", say: "no: reboot"}
          - that: "{{ ansible_facts.causeway__reboot_reasons == ['a new kernel', 'a new driver'] }}"
            say: "wrong: reasons"
    - name: done
      causeway_reboot_needed: {reasons: [], state: done}
    - name: forgotten
      causeway_expect: {all: [{that: "{{ not ansible_facts.causeway__reboot_needed }}", say: "still: reboot"}]}
    - name: proof
      causeway_expect:
        all:
          - {that: false, say: "first-code: one; to do: this"}
          - {that: true, say: "never: told"}
          - {that: false, say: "second-code: two; to do: that"}
      vars: {causeway__proving: true}
    - name: refused
      causeway_disruption: {kind: drain, reason: a driver}
      vars: {causeway__allow_disruption: restart}
"""


def play(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    (folder / "play.yml").write_text(PLAY)
    return subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", str(folder / "play.yml"), *words],
        env={**os.environ, "ANSIBLE_CONFIG": str(PLAYBOOKS / "ansible.cfg"), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_expectations_fail_all_at_once_and_only_tell_in_check_mode(tmp_path: Path) -> None:
    done = play(tmp_path)
    assert done.returncode == 2
    assert "first-code: one; to do: this" in done.stdout
    assert "second-code: two; to do: that" in done.stdout
    assert "never: told" not in done.stdout
    checked = play(tmp_path, "--check")
    assert checked.returncode == 0, checked.stdout
    assert "failed=0" in checked.stdout


def test_a_disruption_beyond_what_is_allowed_fails_before_anything_changes(tmp_path: Path) -> None:
    done = play(tmp_path, "--start-at-task", "refused")
    assert done.returncode == 2
    assert "disruption-not-allowed: a driver needs drain" in done.stdout + done.stderr
    assert json.dumps("changed=0") in json.dumps(done.stdout) or "changed=0" in done.stdout
