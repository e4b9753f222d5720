"""Services that are stopped to free devices: which the note names whenever a run is cut off, and what starts again."""

from __future__ import annotations

import errno
import json
import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.playbooks.loading import plugin

NOW = "2026-11-22T08:00:00Z"
ORDER = ["persistenced", "fabricmanager", "dcgm"]


class Killed(BaseException):
    """The process is no more: nothing catches it."""


@dataclass
class Host:
    """A host's systemd, as the module sees it; it kills whoever asks it to act once more than `lives` times."""

    states: dict[str, str]
    lives: int = 99
    broken: set[str] = field(default_factory=set)
    done: list[str] = field(default_factory=list)

    def __call__(self, command: list[str]) -> tuple[int, str, str]:
        verb, name = command[1], command[-1]
        if verb == "show":
            state = self.states.get(name, "gone")
            loaded = {"gone": "not-found", "masked": "masked"}.get(state, "loaded")
            active = state if loaded == "loaded" else "inactive"
            return 0, f"LoadState={loaded}\nActiveState={active}\n", ""
        if verb == "reset-failed":
            return 0, "", ""
        if not self.lives:
            raise Killed
        self.lives -= 1
        self.done.append(f"{verb} {name}")
        if name in self.broken:
            return 1, "", "Job failed."
        self.states[name] = {"stop": "inactive", "start": "active"}[verb]
        return 0, "", ""


@pytest.fixture(scope="module")
def services() -> ModuleType:
    return plugin("modules", "causeway_services")


@pytest.fixture
def note(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "quiesced.json"


def all_active() -> Host:
    return Host(dict.fromkeys(ORDER, "active"))


def stop(services: ModuleType, note: Path, host: Host, names: list[str] | None = None, *, check: bool = False) -> Any:
    return services.stop(str(note), ORDER if names is None else names, services.Systemd(host), NOW, check=check)


def start(
    services: ModuleType, note: Path, host: Host, by_now: dict[str, bool] | None = None, *, check: bool = False
) -> Any:
    return services.start(str(note), ORDER, services.Systemd(host), by_now, check=check)


def test_what_ran_is_noted_stopped_in_reverse_and_started_again_in_order(services: ModuleType, note: Path) -> None:
    host = Host({"persistenced": "active", "fabricmanager": "activating", "dcgm": "active"})
    assert stop(services, note, host) == ORDER
    assert host.done == ["stop dcgm", "stop fabricmanager", "stop persistenced"]
    assert json.loads(note.read_text()) == {"schema": 1, "services": ORDER, "since": NOW}
    assert note.stat().st_mode & 0o777 == 0o644
    host.done.clear()
    assert start(services, note, host) == ORDER
    assert host.done == ["start persistenced", "start fabricmanager", "start dcgm"]
    assert [each.name for each in note.parent.iterdir()] == [".quiesced.lock"]


def test_what_did_not_run_before_is_not_started(services: ModuleType, note: Path) -> None:
    host = Host({"persistenced": "active", "fabricmanager": "inactive", "dcgm": "failed"})
    assert stop(services, note, host) == ["persistenced"]
    assert start(services, note, host) == ["persistenced"]
    assert host.states["fabricmanager"] == "inactive"


def test_a_host_without_a_note_has_nothing_to_wake(services: ModuleType, note: Path) -> None:
    host = Host(dict.fromkeys(ORDER, "inactive"))
    assert start(services, note, host) == []
    assert host.done == []
    assert not note.parent.exists()


def test_where_nothing_runs_nothing_is_noted(services: ModuleType, note: Path) -> None:
    assert stop(services, note, Host({})) == []
    assert not note.exists()


@pytest.mark.parametrize("lives", range(len(ORDER) + 1))
def test_a_run_that_is_killed_while_it_stops_leaves_a_note_of_all_that_it_stopped(
    services: ModuleType, note: Path, lives: int
) -> None:
    host = all_active()
    host.lives = lives
    if lives < len(ORDER):
        with pytest.raises(Killed):
            stop(services, note, host)
    else:
        stop(services, note, host)
    host.lives = 99
    again = stop(services, note, host)  # it sees only those that still run, and forgets none of the others
    assert len(again) == len(ORDER) - lives
    assert set(host.states.values()) == {"inactive"}
    assert start(services, note, host) == ORDER
    assert host.states == all_active().states
    assert not note.exists()


@pytest.mark.parametrize("lives", range(len(ORDER)))
def test_a_run_that_is_killed_while_it_starts_is_taken_up_by_the_next(
    services: ModuleType, note: Path, lives: int
) -> None:
    host = all_active()
    stop(services, note, host)
    host.lives = lives
    with pytest.raises(Killed):
        start(services, note, host)
    assert note.exists()
    host.lives = 99
    assert start(services, note, host) == ORDER[lives:]
    assert host.states == all_active().states
    assert start(services, note, host) == []


def test_what_a_killed_run_left_going_is_waited_for(services: ModuleType, note: Path) -> None:
    host, stopping, go_on = all_active(), threading.Event(), threading.Event()

    def slow(command: list[str]) -> tuple[int, str, str]:
        if command[1] == "stop":
            stopping.set()
            assert go_on.wait(10)
        return host(command)

    left = threading.Thread(target=lambda: services.stop(str(note), ORDER, services.Systemd(slow), NOW))
    left.start()
    assert stopping.wait(10)
    woken: list[list[str]] = []
    wake = threading.Thread(target=lambda: woken.append(start(services, note, host)))
    wake.start()
    wake.join(0.3)
    assert woken == []
    go_on.set()
    for thread in (left, wake):
        thread.join(10)
    assert woken == [ORDER]
    assert host.states == all_active().states
    assert not note.exists()


def test_what_runs_again_by_itself_only_loses_its_note(services: ModuleType, note: Path) -> None:
    host = all_active()
    stop(services, note, host)
    host.states = all_active().states  # as after a reboot
    host.done.clear()
    assert start(services, note, host) == []
    assert host.done == []
    assert not note.exists()


@pytest.mark.parametrize("state", ["gone", "masked"])
def test_a_service_that_is_gone_or_masked_by_now_is_left_out(services: ModuleType, note: Path, state: str) -> None:
    host = all_active()
    stop(services, note, host)
    host.states["fabricmanager"] = state
    assert start(services, note, host) == ["persistenced", "dcgm"]
    assert not note.exists()


def test_what_another_role_noted_is_started_after_its_own(services: ModuleType, note: Path) -> None:
    host = Host({"exporter": "active", "persistenced": "active"})
    stop(services, note, host, ["exporter"])
    stop(services, note, host, ["persistenced"])
    host.done.clear()
    assert start(services, note, host) == ["persistenced", "exporter"]


def test_one_that_does_not_start_is_named_the_others_run_and_the_note_stays(services: ModuleType, note: Path) -> None:
    host = all_active()
    stop(services, note, host)
    host.broken = {"fabricmanager"}
    with pytest.raises(services.Failure, match=r"^service-failed: fabricmanager does not start; to do: "):
        start(services, note, host)
    assert host.states == {**all_active().states, "fabricmanager": "inactive"}
    host.broken = set()
    assert start(services, note, host) == ["fabricmanager"]
    assert not note.exists()


def test_one_that_does_not_stop_is_named_and_what_is_stopped_is_noted(services: ModuleType, note: Path) -> None:
    host = all_active()
    host.broken = {"fabricmanager"}
    with pytest.raises(services.Failure, match=r"^service-not-stopped: fabricmanager does not stop: Job failed"):
        stop(services, note, host)
    assert json.loads(note.read_text())["services"] == ORDER


def test_a_host_that_does_not_say_how_its_services_are_fails_and_nothing_is_stopped(
    services: ModuleType, note: Path
) -> None:
    with pytest.raises(services.Failure, match=r"^systemd-unreachable: .*Failed to connect to bus.*; to do: "):
        services.stop(str(note), ORDER, services.Systemd(lambda _: (1, "", "Failed to connect to bus\n")), NOW)
    assert not note.exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 2, "services": []}', '{"schema": 1, "services": [1]}'])
def test_a_note_that_cannot_be_understood_is_no_reason_to_guess(services: ModuleType, note: Path, text: str) -> None:
    note.parent.mkdir()
    note.write_text(text)
    host = all_active()
    for act in (stop, start):
        with pytest.raises(services.Failure, match=r"^note-unreadable: .*quiesced.json should say .*; to do: "):
            act(services, note, host)
    assert host.done == []
    assert note.read_text() == text


def test_a_note_that_cannot_be_written_stops_nothing(
    services: ModuleType, note: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(services.os, "fsync", full)
    host = all_active()
    with pytest.raises(OSError, match="No space left"):
        stop(services, note, host)
    assert host.done == []
    assert [each.name for each in note.parent.iterdir()] == [".quiesced.lock"]


def test_check_mode_tells_both_and_does_neither(services: ModuleType, note: Path) -> None:
    host = all_active()
    assert stop(services, note, host, check=True) == ORDER
    assert not note.exists()
    stop(services, note, host)
    host.done.clear()
    assert start(services, note, host, check=True) == ORDER
    assert host.done == []
    assert note.exists()


def test_check_mode_counts_what_the_run_would_have_done_by_then(services: ModuleType, note: Path) -> None:
    host = all_active()
    assert start(services, note, host, dict.fromkeys(ORDER, False), check=True) == ORDER
    assert start(services, note, host, dict.fromkeys(ORDER, False)) == []
    stop(services, note, host)
    assert start(services, note, host, {"dcgm": True, "other": True}, check=True) == ["persistenced", "fabricmanager"]
    assert start(services, note, host, {"dcgm": True}) == ORDER
