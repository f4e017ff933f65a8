"""Windows in which nothing is promoted: whether a moment lies in one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from telemetry.events import DAYS, Window

_WEEK: Final = datetime(2026, 1, 5, tzinfo=UTC)
_STEP: Final = timedelta(minutes=15)


def closed(windows: Iterable[Window], at: datetime) -> Window | None:
    """The first window that a moment lies in, None where it lies in none."""
    return next((window for window in windows if _lies_in(window, at)), None)


def told(window: Window) -> str:
    """A window as people say it."""
    days = "every day" if set(window.days) == set(DAYS) else ", ".join(window.days)
    return f"{days} {window.begin} to {window.end} {window.zone}"


def never_open(windows: Sequence[Window]) -> bool:
    """Whether a whole week, looked at every 15 minutes, lies in windows."""
    moments = (_WEEK + n * _STEP for n in range(timedelta(days=7) // _STEP))
    return bool(windows) and all(closed(windows, moment) is not None for moment in moments)


def _lies_in(window: Window, at: datetime) -> bool:
    try:
        local = at.astimezone(ZoneInfo(window.zone))
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return True  # control runs elsewhere than it was started: nothing is promoted by a clock that it cannot read
    minute, begin, end = 60 * local.hour + local.minute, _minutes(window.begin), _minutes(window.end)
    today, yesterday = DAYS[local.weekday()], DAYS[local.weekday() - 1]
    if begin < end:
        return today in window.days and begin <= minute < end
    return (today in window.days and minute >= begin) or (yesterday in window.days and minute < end)


def _minutes(clock: str) -> int:
    return 60 * int(clock[:2]) + int(clock[3:])
