"""When hosts in service may be touched: whether a window is open, until when, and when the next one opens.

Hours are wall-clock hours of the site's time zone, so a window keeps its hours when clocks change.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from causeway.fleet.clusters import Window
from causeway.plan.durations import WEEKDAYS

_DAY = timedelta(days=1)


def open_until(window: Window, now: datetime, zone: str) -> datetime | None:
    """When the window that is open now ends; None when none is open."""
    local = now.astimezone(ZoneInfo(zone))
    for back in (_DAY, timedelta()):
        start, end = _on(window, local - back)
        if WEEKDAYS[start.weekday()] in window.days and start <= local < end:
            return end
    return None


def next_opening(window: Window, now: datetime, zone: str) -> datetime | None:
    """When the next window opens, after now; None when it has no days."""
    local = now.astimezone(ZoneInfo(zone))
    for ahead in range(8):
        start, _ = _on(window, local + ahead * _DAY)
        if start > local and WEEKDAYS[start.weekday()] in window.days:
            return start
    return None


def has_room(window: Window, now: datetime, zone: str, needed: timedelta) -> bool:
    """Whether a wave that takes so long may begin now.

    It has to end inside the window. One that is longer than half a window may begin in its first half, since it could
    hardly ever begin otherwise.
    """
    end = open_until(window, now, zone)
    if end is None:
        return False
    return end - now >= min(needed, _length(window) / 2)


def _on(window: Window, day: datetime) -> tuple[datetime, datetime]:
    """The window that begins on a day."""
    start, end = (time.fromisoformat(text) for text in window.hours.split("-"))
    last = day if end > start else day + _DAY
    return datetime.combine(day, start, day.tzinfo), datetime.combine(last, end, day.tzinfo)


def _length(window: Window) -> timedelta:
    monday = datetime(2001, 1, 1)  # noqa: DTZ001 - only its length counts
    start, end = _on(window, monday)
    return end - start
