"""How long a rollout takes: an estimate from minutes per host, wave sizes, soak, drain time-outs and windows.

The minutes are data with a basis that is always shown: an assumption is never passed off as a measurement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field, ValidationError

from causeway.errors import Location, Permanent
from causeway.fleet.base import Model, Number, Positive, Text
from causeway.fleet.clusters import Rollout, Window
from causeway.plan.waves import WaveRun

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MINUTE = timedelta(minutes=1)


class HostMinutes(Model):
    """Minutes that a host takes."""

    apply: Number
    """Installing packages and configuration."""
    reboot: Number
    """Until the host answers again."""
    verify: Number
    """The vendor's own checks."""

    @property
    def after_apply(self) -> float:
        """Minutes that do not depend on how many hosts are worked on at once."""
        return self.reboot + self.verify


class Durations(Model):
    """Minutes per host, by role, and where they come from."""

    version: Literal[1]
    """Version of the file's shape."""
    basis: Literal["assumption", "measured"]
    """Whether somebody measured them."""
    note: Text = ""
    """What a reader has to know."""
    hosts_at_once: Positive
    """Hosts that one run works on in parallel."""
    drain: Number
    """Minutes until a host's workloads have left it, when nothing holds them up."""
    roles: dict[Text, HostMinutes] = Field(default={})
    """By role."""
    other_role: HostMinutes
    """A driver role that is not listed."""
    no_role: HostMinutes
    """Hosts without a driver stack."""

    def of(self, role: str | None) -> HostMinutes:
        """The minutes of a role."""
        if role is None:
            return self.no_role
        return self.roles.get(role, self.other_role)


@cache
def default_durations() -> Durations:
    """The figures that come with Causeway: assumptions."""
    text = resources.files("causeway.plan").joinpath("data/durations.yaml").read_text(encoding="utf-8")
    return Durations.model_validate(yaml.safe_load(text))


def read_durations(path: Path) -> Durations:
    """Figures of one's own.

    Raises:
        Permanent: the file cannot be read, or is not of the shape of `data/durations.yaml`.
    """
    try:
        return Durations.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = f"cannot be read: {error}"
    except ValidationError as error:
        reason = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
    raise Permanent(
        "durations-file", reason, where=Location(str(path)), hint="take the shape from docs/plan.md, section Time"
    )


@dataclass(frozen=True, slots=True)
class TimeEstimate:
    """How long a rollout over a whole pool takes."""

    typical_minutes: float
    """When nothing holds up a drain; soak included, nights between windows not."""
    worst_minutes: float
    """When each wave's drain takes the whole `drain_timeout`."""
    windows: int | None
    """Windows that are needed for the typical time; None at any time, or when they reach beyond the calendar."""
    last_window: date | None
    """Day on which the last of these windows begins, when the rollout starts with the next one."""
    waves_beyond_window: int
    """Waves whose worst case is longer than a whole window."""
    basis: str


def estimate(
    runs: Sequence[WaveRun], rollout: Rollout, role: str | None, durations: Durations, on: date
) -> TimeEstimate:
    """Estimate a rollout.

    Args:
        runs: the waves.
        rollout: the pool's settings.
        role: role that installs the driver stack.
        durations: minutes per host.
        on: day from which the next window is looked for.
    """
    soak = rollout.soak / _MINUTE
    timeout = rollout.drain_timeout / _MINUTE
    typical = [(run, _wave(run.hosts, durations, role, durations.drain)) for run in runs]
    worst = [(run, _wave(run.hosts, durations, role, max(timeout, durations.drain))) for run in runs]
    # the canary is watched before the second wave; without a canary, or a second wave, nothing waits
    watched = soak if rollout.canary and sum(run.waves for run in runs) > 1 else 0.0
    needed, last = _windows(typical, watched, rollout.window, on)
    length = window_minutes(rollout.window) if rollout.window else None
    return TimeEstimate(
        typical_minutes=sum(run.waves * minutes for run, minutes in typical) + watched,
        worst_minutes=sum(run.waves * minutes for run, minutes in worst) + watched,
        windows=needed,
        last_window=last,
        waves_beyond_window=0 if length is None else sum(run.waves for run, minutes in worst if minutes > length),
        basis=durations.basis,
    )


def _wave(hosts: int, durations: Durations, role: str | None, drain: float) -> float:
    minutes = durations.of(role)
    turns = -(-hosts // durations.hosts_at_once)
    return drain + turns * minutes.apply + minutes.after_apply


def window_minutes(window: Window) -> int:
    """Length of a window; equal ends mean a whole day."""
    start, end = (datetime.strptime(text, "%H:%M") for text in window.hours.split("-"))  # noqa: DTZ007 - times of day
    minutes = int((end - start) / _MINUTE)
    return minutes if minutes > 0 else minutes + 24 * 60


def _windows(
    waves: Sequence[tuple[WaveRun, float]], soak: float, window: Window | None, on: date
) -> tuple[int | None, date | None]:
    """(windows needed, day on which the last begins). A wave that is longer than a window takes one of its own."""
    if window is None:
        return None, None
    if not waves or not window.days:
        return 0, None
    length = float(window_minutes(window))
    (canary, minutes), *others = waves
    later = [(canary.waves - 1, minutes), *((run.waves, each) for run, each in others)]
    windows = 1
    try:
        first = _after(window, on - timedelta(days=1), 1)
        day, left = _resume(window, first, minutes + soak) if any(count for count, _ in later) else (first, 0.0)
        used = day == first
        for count, each in later:
            now = min(count, int(left / each)) if each else count
            windows, used = (windows + 1, True) if now and not used else (windows, used)
            left -= now * each
            if rest := count - now:
                at_once = max(1, int(length / each))
                more = -(-rest // at_once)
                windows, used, day = windows + more, True, _after(window, day, more)
                left = max(0.0, length - (rest - (more - 1) * at_once) * each)
    except OverflowError:  # beyond the calendar's end
        return None, None
    return windows, day


def _resume(window: Window, first: date, elapsed: float) -> tuple[date, float]:
    """Where a rollout stands some minutes after a window's start: a day, and what is left of its window.

    With nothing left the next window is the first one after that day.
    """
    days, minutes = divmod(elapsed, 24 * 60)
    day = first + timedelta(days=days)
    open_then = WEEKDAYS[day.weekday()] in window.days
    return day, max(0.0, window_minutes(window) - minutes) if open_then else 0.0


def _after(window: Window, day: date, count: int) -> date:
    """The day on which the count-th window after a day begins.

    Raises:
        OverflowError: it lies beyond the calendar's end.
    """
    weeks, rest = divmod(count - 1, len(set(window.days)))
    for _ in range(rest + 1):
        day += timedelta(days=1)
        while WEEKDAYS[day.weekday()] not in window.days:
            day += timedelta(days=1)
    return day + timedelta(weeks=weeks)
