"""Errors that may come with every request, told at a bounded rate."""

from __future__ import annotations

import logging

import pytest

from telemetry.rated import Rated


def test_errors_are_told_at_a_bounded_rate_with_the_count_of_what_was_held_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = [0.0]
    rated = Rated(logging.getLogger("a"), every_s=10.0, clock=lambda: now[0])
    for at in (0.0, 1.0, 5.0, 9.9, 12.0, 13.0, 40.0, 60.0):
        now[0] = at
        rated.error("no room for %s", at)
    assert [record.getMessage() for record in caplog.records] == [
        "no room for 0.0",
        "no room for 12.0 (and 3 more in 12 s)",
        "no room for 40.0 (and 1 more in 28 s)",
        "no room for 60.0",
    ]
