"""How long a rollout takes: minutes of a wave, soak, and the windows in which waves fit."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from causeway.errors import Permanent
from causeway.fleet.clusters import Rollout, Window
from causeway.plan.durations import WEEKDAYS, Durations, HostMinutes, default_durations, estimate, read_durations
from causeway.plan.durations import window_minutes as minutes_of
from causeway.plan.waves import WaveRun

SUNDAY = date(2026, 11, 22)


def durations(minutes: float, *, drain: float = 0, at_once: int = 1000) -> Durations:
    own = HostMinutes(apply=minutes, reboot=0, verify=0)
    return Durations(version=1, basis="measured", hosts_at_once=at_once, drain=drain, other_role=own, no_role=own)


def rollout(**settings_: object) -> Rollout:
    return Rollout.model_validate({"drain_timeout": "0m", **settings_})


@pytest.mark.parametrize(("hours", "minutes"), [("22:00-06:00", 480), ("00:00-00:00", 1440), ("01:30-02:00", 30)])
def test_a_window_may_pass_midnight(hours: str, minutes: int) -> None:
    assert minutes_of(Window(hours=hours)) == minutes


def test_a_wave_is_drained_once_and_takes_as_many_turns_as_hosts_need() -> None:
    own = Durations(
        version=1,
        basis="measured",
        hosts_at_once=10,
        drain=2,
        roles={"a": HostMinutes(apply=5, reboot=3, verify=1)},
        other_role=HostMinutes(apply=0, reboot=0, verify=0),
        no_role=HostMinutes(apply=0, reboot=0, verify=0),
    )
    found = estimate([WaveRun(1, 2, 11)], rollout(canary=11, soak="7m", drain_timeout="30m"), "a", own, SUNDAY)
    assert found.typical_minutes == 2 * (2 + 2 * 5 + 3 + 1) + 7
    assert found.worst_minutes == 2 * (30 + 2 * 5 + 3 + 1) + 7
    assert found.windows is None
    assert found.basis == "measured"


@pytest.mark.parametrize(("canary", "waves", "minutes"), [(1, 1, 10), (0, 2, 20), (1, 2, 80)])
def test_the_soak_is_waited_for_only_between_a_canary_and_another_wave(canary: int, waves: int, minutes: int) -> None:
    found = estimate([WaveRun(1, waves, 1)], rollout(canary=canary, soak="60m"), None, durations(10), SUNDAY)
    assert found.typical_minutes == minutes


def test_waves_whose_worst_case_is_longer_than_a_window_are_counted() -> None:
    window = {"hours": "22:00-23:00"}
    found = estimate([WaveRun(1, 3, 1)], rollout(window=window, drain_timeout="2h"), None, durations(10), SUNDAY)
    assert found.waves_beyond_window == 3


def test_the_first_window_begins_on_the_next_of_its_days() -> None:
    window = {"hours": "22:00-06:00", "days": ["wed"]}
    found = estimate([WaveRun(1, 1, 1)], rollout(window=window), None, durations(10), SUNDAY)
    assert (found.windows, found.last_window) == (1, date(2026, 11, 25))


@pytest.mark.parametrize(("soak", "day"), [("30h", date(2026, 11, 24)), ("31h", date(2026, 11, 25))])
def test_after_the_soak_goes_on_in_the_window_that_is_open_then_or_in_the_next(soak: str, day: date) -> None:
    window = {"hours": "22:00-06:00", "days": ["mon", "tue", "wed"]}
    found = estimate([WaveRun(1, 2, 1)], rollout(window=window, soak=soak), None, durations(60), SUNDAY)
    assert (found.windows, found.last_window) == (2, day), "Tuesday's window ends on Wednesday at 06:00"


def test_no_waves_need_no_window() -> None:
    assert estimate([], rollout(window={"hours": "22:00-06:00"}), None, durations(1), SUNDAY).windows == 0


def test_a_rollout_beyond_the_calendar_says_no_day() -> None:
    found = estimate([WaveRun(1, 10**8, 1)], rollout(window={"hours": "22:00-22:01"}), None, durations(1), SUNDAY)
    assert found.last_window is None


def simulated(waves: list[int], soak: int, window: Window, on: date) -> tuple[int, date]:
    """The same by walking through the days."""
    hour, minute = map(int, window.hours.split("-")[0].split(":"))
    length = minutes_of(window)
    used: set[date] = set()
    now = datetime(on.year, on.month, on.day, hour, minute)  # noqa: DTZ001 - times of the site
    for position, minutes in enumerate(waves):
        day = now.date() - timedelta(days=1)
        while True:
            opens = datetime(day.year, day.month, day.day, hour, minute)  # noqa: DTZ001 - as above
            begin = max(now, opens)
            fits = begin + timedelta(minutes=minutes) <= opens + timedelta(minutes=length)
            if WEEKDAYS[day.weekday()] in window.days and (fits or (minutes > length and begin == opens)):
                break
            day += timedelta(days=1)
        used.add(day)
        now = begin + timedelta(minutes=minutes)
        if position == 0 and len(waves) > 1:
            now += timedelta(minutes=soak)
    return len(used), max(used)


@settings(derandomize=True, max_examples=50, deadline=None)
@given(
    runs=st.lists(st.tuples(st.integers(1, 6), st.integers(1, 4)), min_size=1, max_size=4),
    per_host=st.integers(1, 200),
    soak=st.integers(0, 5000),
    hours=st.sampled_from(["22:00-06:00", "00:00-00:00", "01:00-03:00", "09:30-17:30", "23:00-00:00"]),
    days=st.sets(st.sampled_from(WEEKDAYS), min_size=1),
)
def test_windows_are_those_that_a_walk_through_the_days_finds(
    runs: list[tuple[int, int]], per_host: int, soak: int, hours: str, days: set[str]
) -> None:
    made, first = [], 1
    for count, hosts in runs:
        made.append(WaveRun(first, count, hosts))
        first += count
    settings_ = rollout(soak=f"{soak}m", window={"hours": hours, "days": sorted(days)})
    found = estimate(made, settings_, None, durations(per_host, at_once=1), SUNDAY)
    waves = [run.hosts * per_host for run in made for _ in range(run.waves)]
    assert settings_.window is not None
    assert (found.windows, found.last_window) == simulated(waves, soak, settings_.window, SUNDAY)


def test_the_built_in_figures_are_called_assumptions() -> None:
    assert default_durations().basis == "assumption"


@pytest.mark.parametrize("text", ["a: [", "version: 2", "version: 1\nbasis: guess"])
def test_a_file_of_another_shape_is_an_error_that_names_the_page(tmp_path: Path, text: str) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(Permanent, match=r"docs/plan\.md, section Time") as caught:
        read_durations(tmp_path / "mine.yaml")
    assert str(caught.value.where).endswith("mine.yaml")


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match="cannot be read"):
        read_durations(tmp_path / "none.yaml")


def test_figures_of_ones_own_are_read(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "{version: 1, basis: measured, note: May, hosts_at_once: 5, drain: 1,"
        " roles: {a: {apply: 1, reboot: 2, verify: 3}},"
        " other_role: {apply: 4, reboot: 5, verify: 6}, no_role: {apply: 7, reboot: 8, verify: 9}}"
    )
    own = read_durations(tmp_path / "mine.yaml")
    assert [own.of(role).apply for role in ("a", "b", None)] == [1, 4, 7]
