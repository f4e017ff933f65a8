"""Windows in which nothing is promoted, by days, hours and time zones."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import yaml
from pydantic import ValidationError

from router.control.rollout import Start, transition
from router.control.spec_checks import SpecRefused
from router.control.windows import closed, never_open, told
from telemetry.events import DAYS, Window
from tests.router.values import NOON, spec

NIGHT = Window(begin="20:00", end="08:00", zone="Europe/Berlin")
FRIDAYS = Window(days=("fri",))
FRIDAY = datetime(2026, 3, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("hour", "shut"), [(6, True), (7, False), (18, False), (19, True), (23, True)]
)  # Berlin is an hour ahead in winter
def test_a_night_goes_past_midnight_by_the_clocks_of_its_zone(hour: int, shut: bool) -> None:
    assert (closed([NIGHT], datetime(2026, 1, 7, hour, tzinfo=UTC)) is not None) == shut


def test_the_clocks_change_with_the_season() -> None:
    assert closed([NIGHT], datetime(2026, 1, 7, 6, 30, tzinfo=UTC)) is NIGHT
    assert closed([NIGHT], datetime(2026, 7, 7, 6, 30, tzinfo=UTC)) is None


def test_a_day_is_whole_and_a_night_belongs_to_the_day_on_which_it_begins() -> None:
    assert closed([FRIDAYS], FRIDAY) is FRIDAYS
    assert closed([FRIDAYS], FRIDAY.replace(hour=23, minute=59)) is FRIDAYS
    assert closed([FRIDAYS], FRIDAY.replace(day=7)) is None
    friday_night = Window(days=("fri",), begin="20:00", end="06:00")
    assert closed([friday_night], FRIDAY.replace(hour=5)) is None
    assert closed([friday_night], FRIDAY.replace(day=7, hour=5)) is friday_night


def test_no_window_is_never_closed_and_the_first_that_holds_is_named() -> None:
    assert closed([], FRIDAY) is None
    assert closed([FRIDAYS, NIGHT], FRIDAY.replace(hour=22)) is FRIDAYS
    assert told(FRIDAYS) == "fri 00:00 to 24:00 UTC"
    assert told(NIGHT) == "every day 20:00 to 08:00 Europe/Berlin"


def test_hours_that_yaml_takes_for_numbers_are_hours() -> None:
    assert Window(**yaml.safe_load("{begin: 18:30, end: 08:00}")) == Window(begin="18:30", end="08:00")
    with pytest.raises(ValidationError):
        Window(begin="25:00")


def test_windows_that_leave_no_time_or_name_no_zone_are_refused_at_the_start() -> None:
    halves = (Window(begin="00:00", end="12:00"), Window(begin="12:00", end="24:00"))
    assert never_open(halves)
    assert not never_open((Window(days=DAYS[:6]),))
    with pytest.raises(SpecRefused, match="leave no time of the week"):
        transition(None, Start(spec(windows=halves)), NOON)
    with pytest.raises(SpecRefused, match="no time zone 'Mars/Olympus' is known here"):
        transition(None, Start(spec(windows=(Window(zone="Mars/Olympus"),))), NOON)


def test_a_spec_without_any_of_it_is_written_as_before() -> None:
    written = spec().model_dump_json()
    assert "windows" not in written
    assert "blind" not in written
    assert "min_hours" not in written
