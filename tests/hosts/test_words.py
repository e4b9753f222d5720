"""States, stamps, windows, journals: texts in, meanings out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from causeway.fleet.clusters import Window
from causeway.hosts import states
from causeway.hosts.batches import Growth, growth
from causeway.hosts.drift import drifted
from causeway.hosts.journal import Behind, behind, forget, journal_of
from causeway.hosts.model import HostFacts
from causeway.hosts.stamp import stamp_of
from causeway.hosts.windows import has_room, next_opening, open_until
from tests.hosts.world import stamp

ZONE = "Asia/Shanghai"
NIGHT = Window(hours="22:00-06:00", days=("mon", "fri"))


def local(text: str) -> datetime:
    """A moment by Shanghai's clocks, eight hours ahead."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC) - timedelta(hours=8)


@pytest.mark.parametrize(
    ("state", "found"),
    [
        ("ok a b", ("a", "b")),
        ("ok a", ("a", "")),
        ("ok", None),
        ("failed x: ok a b", None),
        ("pending", None),
        ("", None),
    ],
)
def test_fingerprints_are_read_from_right_states_only(state: str, found: tuple[str, str] | None) -> None:
    assert states.fingerprints(state) == found


@pytest.mark.parametrize(
    ("message", "found"),
    [
        ("disk-full: no room on /; to do: make some", ("disk-full", "no room on /", "make some")),
        ("disk-full: no room", ("disk-full", "no room", "")),
        ("non-zero return code: apt: E: broken", ("task-failed", "non-zero return code: apt: E: broken", "")),
        ("", ("task-failed", "no reason given", "")),
        ("\n  two-lines: first\nsecond", ("two-lines", "first", "")),
    ],
)
def test_a_failed_tasks_message_is_taken_apart(message: str, found: tuple[str, str, str]) -> None:
    assert states.failure(message, "task-failed") == found


def test_a_state_is_one_line_of_bounded_length() -> None:
    state = states.failed("x", "two\nlines " + "long " * 500)
    assert "\n" not in state
    assert len(state) < 400


@pytest.mark.parametrize(
    ("now", "end", "opens"),
    [
        ("2026-11-23T21:59", None, "2026-11-23T22:00"),  # Monday
        ("2026-11-23T22:00", "2026-11-24T06:00", "2026-11-27T22:00"),
        ("2026-11-24T05:59", "2026-11-24T06:00", "2026-11-27T22:00"),
        ("2026-11-24T06:00", None, "2026-11-27T22:00"),
        ("2026-11-24T22:30", None, "2026-11-27T22:00"),
        ("2026-11-28T01:00", "2026-11-28T06:00", "2026-11-30T22:00"),
    ],
)
def test_a_window_past_midnight_belongs_to_the_day_on_which_it_began(now: str, end: str | None, opens: str) -> None:
    moment = local(now)
    assert open_until(NIGHT, moment, ZONE) == (local(end) if end else None)
    assert next_opening(NIGHT, moment, ZONE) == local(opens)


def test_a_window_of_equal_ends_lasts_a_whole_day_and_one_without_days_never_opens() -> None:
    whole = Window(hours="00:00-00:00")
    assert open_until(whole, local("2026-11-23T13:00"), ZONE) == local("2026-11-24T00:00")
    assert next_opening(Window(hours="22:00-06:00", days=()), local("2026-11-23T13:00"), ZONE) is None


@pytest.mark.parametrize(
    ("now", "minutes", "room"),
    [
        ("2026-11-24T04:00", 90, True),
        ("2026-11-24T05:00", 90, False),
        ("2026-11-24T01:00", 600, True),  # longer than half a window: its first half
        ("2026-11-24T03:00", 600, False),
        ("2026-11-24T12:00", 1, False),
    ],
)
def test_a_wave_begins_only_when_it_can_end_inside_the_window(now: str, minutes: int, *, room: bool) -> None:
    assert has_room(NIGHT, local(now), ZONE, timedelta(minutes=minutes)) is room


@pytest.mark.parametrize(
    ("canary", "done", "found"),
    [
        (1, 0, Growth(1, canary=True)),
        (1, 1, Growth(2, canary=False)),
        (1, 2, Growth(2, canary=False)),
        (1, 3, Growth(4, canary=False)),
        (2, 1, Growth(2, canary=True)),
        (2, 6, Growth(8, canary=False)),
        (0, 5, Growth(20, canary=False)),
    ],
)
def test_a_rollout_goes_on_with_the_wave_it_had_come_to(canary: int, done: int, found: Growth) -> None:
    assert growth(canary, done, 20) == found


def test_a_stamp_proves_only_its_own_host_and_only_when_verified() -> None:
    good = stamp_of({"stamp": stamp("ok a b", "h")}, "h")
    assert good is not None
    assert good.says("ok a b")
    assert not good.says("ok a")
    assert good.has_intent_of("ok a c")
    assert stamp_of({"stamp": stamp("ok a b", "h")}, "other") is None
    begun = stamp_of({"stamp": stamp("ok a b", "h", "applying")}, "h")
    assert begun is not None
    assert not begun.says("ok a b")
    for broken in (None, {}, {"stamp": "x"}, {"stamp": {"schema": 99, "host": "h"}}):
        assert stamp_of(broken, "h") is None


def test_a_damaged_journal_gives_what_is_whole_and_names_the_rest(tmp_path: Path) -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    journal = journal_of(tmp_path, "f.c", "p")
    journal.append(now, "r1", "wave", target="t", hosts=["h1"])
    with journal.path.open("ab") as file:
        file.write(b'{"at": "2026')
    journal.append(now + timedelta(hours=1), "r2", "wave", target="t", hosts=["h1", "h2"])
    journal.append(now, "r3", "wave", target="other", hosts=["h3"], canary=True)
    journal.append(now + timedelta(hours=1), "r3", "wave", target="other", hosts=["h4"])
    entries = journal.read()
    assert entries.damaged == (2,)
    assert behind(entries, "other") == Behind(frozenset({"h3", "h4"}), frozenset({"h3"}), now)
    assert behind(entries, "nothing") == Behind()
    forget(tmp_path, "f.c", "p", ["h2", "h1"], now)
    assert journal.read().whole[-1]["hosts"] == ["h1", "h2"]


def test_a_journal_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "journal").write_text("a file is in the way")
    journal = journal_of(tmp_path, "f.c", "p")
    journal.append(datetime(2026, 11, 22, tzinfo=UTC), "r", "begin")
    assert journal.read().whole == ()


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({}, ""),
        ({"driver": {"loaded": "1.1"}}, "driver 1.1 runs, not 1.0"),
        ({"driver": {"loaded": None}}, "no driver is loaded, not 1.0"),
        ({"driver": {"loaded": "1.0", "toolkit": "2.0-3"}}, ""),
        ({"devices": [{"healthy": True}, {"healthy": False}]}, "1 of 2 accelerators are healthy"),
        ({"stamp": None}, "its stamp is gone"),
        ({"stamp": stamp("", "h", "applying")}, "a run began on it and did not end"),
        ({"stamp": stamp("ok else c", "h")}, "somebody else brought it to another state"),
    ],
)
def test_drift_is_told_in_words(facts: dict[str, object], why: str) -> None:
    variables = {"causeway__driver_role": "r", "r__driver_version": "1.0", "r__toolkit_version": "2.0-1"}
    plain = {"stamp": stamp("ok a b", "h"), "driver": {"loaded": "1.0"}, "devices": [{"healthy": True}] * 2}
    assert drifted(variables, HostFacts("h", {**plain, **facts}), "ok a b", 2) == why
