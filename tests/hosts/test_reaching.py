"""How hosts are reached, and what is kept of it: commands, complaints, inventories, logs, environments, folders."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from causeway.errors import Permanent
from causeway.hosts import artifacts, environment, identity, inventory, lock, observe, openssh, private, probe
from causeway.hosts.fanout import Answer, ask
from causeway.hosts.model import Phase, Progress


def never() -> bool:
    return False


def test_the_command_carries_what_ansible_would_connect_with() -> None:
    variables = {
        "ansible_host": "10.0.0.7",
        "ansible_user": "ops",
        "ansible_port": 2222,
        "ansible_ssh_private_key_file": "/keys/a b",
        "ansible_ssh_common_args": "-o 'ProxyJump=gate'",
    }
    words = openssh.words("gpu-07", variables, "/etc/site/ssh config")
    assert words[-2:] == ["--", "10.0.0.7"]
    assert words[words.index("-F") + 1] == "/etc/site/ssh config"
    assert words[words.index("-i") + 1] == "/keys/a b"
    assert {"ProxyJump=gate", "BatchMode=yes", "StrictHostKeyChecking=yes"} <= set(words)
    assert (words[words.index("-l") + 1], words[words.index("-p") + 1]) == ("ops", "2222")


def test_a_host_without_variables_is_reached_by_its_name_and_the_users_configuration() -> None:
    words = openssh.words("gpu-07", {}, None)
    assert words[-1] == "gpu-07"
    assert "-F" not in words


def test_a_configuration_that_the_declaration_names_is_not_overridden() -> None:
    assert openssh.common_arguments({"ansible_ssh_common_args": "-F /own"}, "/other") == "-F /own"


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, "python3 -"),
        ({"ansible_become": True}, "sudo -n -u root python3 -"),
        ({"ansible_become": "yes", "ansible_become_user": "adm"}, "sudo -n -u adm python3 -"),
        ({"ansible_become": True, "ansible_become_method": "doas"}, "doas -n -u root python3 -"),
        ({"ansible_become": False}, "python3 -"),
    ],
)
def test_rights_are_asked_for_as_declared(variables: dict[str, object], expected: str) -> None:
    assert openssh.as_root(variables, "python3 -") == expected


@pytest.mark.parametrize(
    ("complaint", "why"),
    [
        (
            "@@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @@\nHost key verification failed.",
            "host key differs from the known one",
        ),
        ("No ED25519 host key is known for h\nHost key verification failed.", "host key is not known"),
        ("ops@h: Permission denied (publickey).", "it refuses this user or key"),
        ("ssh: connect to host h port 22: Connection refused", "connection refused"),
        ("ssh: Could not resolve hostname h: Name or service not known", "its name cannot be resolved"),
        ("sudo: a password is required", "sudo asks for a password"),
        ("sh: 1: python3: not found", "it has no python3"),
        ("something else\n", "something else"),
        ("", "ssh ended with 255"),
    ],
)
def test_complaints_become_a_few_words(complaint: str, why: str) -> None:
    assert openssh.why(255, complaint) == why


def test_facts_are_found_behind_a_greeting_and_anything_else_is_refused() -> None:
    document = json.dumps({"schema": probe.SCHEMA, "stamp": None})
    assert probe.facts_of("h", Answer(0, f"Welcome!\n{document}\n", "")).facts == {
        "schema": probe.SCHEMA,
        "stamp": None,
    }
    for output in ("", "Welcome!", '{"schema": "other"}', "{broken"):
        found = probe.facts_of("h", Answer(0, output, ""))
        assert found.facts is None
        assert found.unreachable


def test_commands_are_bounded_in_time_and_end_with_what_they_started() -> None:
    begun = time.monotonic()
    argv = ["sh", "-c", "sleep 60 & sleep 61"]
    answers = ask({"slow": argv, "quick": ["cat"]}, b"text", 1.0, never, {"PATH": os.environ["PATH"]})
    assert time.monotonic() - begun < 20
    assert answers["quick"] == Answer(0, "text", "")
    assert answers["slow"] == Answer(-1, "", "no answer in time (1 s)")


def test_commands_end_when_cancelled() -> None:
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    begun = time.monotonic()
    answers = ask({"h": ["sleep", "60"]}, b"", 60, stop.is_set, {"PATH": os.environ["PATH"]})
    assert answers["h"].complaint == "cancelled"
    assert time.monotonic() - begun < 20


def test_a_command_that_is_not_there_is_told() -> None:
    assert "cannot be run" in ask({"h": ["/no/such/ssh"]}, b"", 5, never, {})["h"].complaint


def test_an_inventory_says_shared_variables_once_and_groups_as_declared() -> None:
    shared = {"causeway__cluster": "c-a", "causeway__pool": "p", "causeway__vendor": "nvidia", "x": [1]}
    made = inventory.inventory({"h1": {**shared, "own": 1}, "h2": shared}, "/s")["all"]
    assert made["vars"] == {**shared, "ansible_ssh_common_args": "-F /s"}
    assert made["hosts"] == {"h1": {"own": 1}, "h2": {}}
    assert set(made["children"]) == {"cluster_c_a", "vendor_nvidia", "pool_c_a__p"}


def test_only_a_few_names_of_the_environment_reach_ansible() -> None:
    kept = environment.scrubbed(
        {"PULUMI_CONFIG_PASSPHRASE": "x", "AWS_SECRET_ACCESS_KEY": "y", "SSH_AUTH_SOCK": "/s", "PATH": "/bin"}
    )
    assert kept.keys() == {"SSH_AUTH_SOCK", "PATH", "LANG"}
    assert kept["PATH"].split(os.pathsep) == [str(Path(sys.executable).parent), "/bin"]


def test_logs_hide_secrets_line_by_line_and_leave_short_words_alone() -> None:
    text = "\x1b[31mtoken=tok-123\x1b[0m\r\nBEGIN\n  line-one\n  line-two\nEND a"
    found = artifacts.scrub(text, ["tok-123", "line-one\nline-two\n", "a"])
    assert found == "token=********\nBEGIN\n  ********\n  ********\nEND a"


def test_a_private_folder_is_for_this_user_alone_and_swept_when_its_process_is_gone(tmp_path: Path) -> None:
    place = {"XDG_RUNTIME_DIR": str(tmp_path)}
    mine = private.make(place)
    assert mine.stat().st_mode & 0o777 == 0o700
    left = private.make(place)
    (left / "owner").write_text(owner_of_an_ended_process())
    assert private.sweep(place) == 1
    assert mine.is_dir()
    assert not left.exists()
    private.remove(mine)
    assert not mine.exists()


def owner_of_an_ended_process() -> str:
    code = "from causeway.hosts import identity; print(identity.owner(), end='')"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_a_private_folder_goes_with_what_is_written_while_it_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = private.make({"XDG_RUNTIME_DIR": str(tmp_path)})
    (mine / "artifacts").mkdir()
    whole = shutil.rmtree

    def raced(path: Path) -> None:
        whole(path)
        monkeypatch.undo()
        (mine / "artifacts/run").mkdir(parents=True)

    monkeypatch.setattr(shutil, "rmtree", raced)
    private.remove(mine)
    assert not mine.exists()


def test_several_sweeps_at_once_are_in_nobody_s_way(tmp_path: Path) -> None:
    place, owner = {"XDG_RUNTIME_DIR": str(tmp_path)}, owner_of_an_ended_process()
    for _ in range(20):
        for _ in range(10):
            left = private.make(place)
            (left / "artifacts/run").mkdir(parents=True)
            (left / "owner").write_text(owner)
        with ThreadPoolExecutor(6) as threads:
            list(threads.map(private.sweep, [place] * 6))
        assert list(private.base(place).iterdir()) == []


@pytest.mark.parametrize("step", ["shutil.rmtree", "pathlib.Path.unlink"])
def test_a_removal_that_was_cut_short_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    place = {"XDG_RUNTIME_DIR": str(tmp_path)}
    cut = private.make(place)
    (cut / "env").mkdir()
    (cut / "hosts.json").write_text("{}")
    (cut / "owner").write_text(owner_of_an_ended_process())

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(step, killed)
        with pytest.raises(KeyboardInterrupt):
            private.remove(cut)
    assert private.sweep(place) == 1
    assert not cut.exists()


def test_a_private_folder_that_others_can_open_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / f"causeway-{os.getuid()}"
    folder.mkdir()
    folder.chmod(0o755)
    with pytest.raises(Permanent, match="only you can open"):
        private.base({"XDG_RUNTIME_DIR": str(tmp_path)})


def test_a_lock_is_held_by_another_live_owner_until_it_expires() -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    me = identity.owner()
    other = lock.lock_of(
        {"lock": {"owner": "m/b/1/2", "run": "r", "expires": (now + timedelta(minutes=5)).timestamp()}}
    )
    assert other is not None
    assert other.held(me, now)
    assert not other.held(me, now + timedelta(minutes=6))
    assert not other.held("m/b/1/2", now)
    gone = lock.Lock(me.rpartition("/")[0] + "/1", "r", now + timedelta(minutes=5))
    assert not gone.held(me, now), "its process is gone from this machine"


@pytest.mark.parametrize(
    "found", [None, {}, {"lock": None}, {"lock": {"expires": "soon"}}, {"lock": {"expires": 1e300}}]
)
def test_a_lock_that_cannot_be_understood_is_none(found: dict[str, object] | None) -> None:
    assert lock.lock_of(found) is None


def test_each_step_is_one_line_of_json_and_a_failing_observer_stops_nobody(tmp_path: Path) -> None:
    def bad(_step: Progress) -> None:
        raise ValueError("display broke")

    path = tmp_path / "events"
    tell = observe.all_of(bad, observe.EventsFile(path))
    tell(Progress(datetime(2026, 11, 22, tzinfo=UTC), "f.c", "p", "h", Phase.DONE, 1, 2, "verified"))
    assert json.loads(path.read_text()) == {
        "at": "2026-11-22T00:00:00.000+00:00",
        "stack": "f.c",
        "resource": "p",
        "host": "h",
        "phase": "done",
        "wave": 1,
        "waves": 2,
        "text": "verified",
    }
