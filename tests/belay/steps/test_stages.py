"""Stages as people type them."""

from __future__ import annotations

import pytest

from belay.steps.stages import parse_stages
from telemetry.errors import UsageError


def test_a_first_stage_of_no_share_is_in_shadow() -> None:
    assert parse_stages("0%:2000,5%:500,50%") == ((0.0, 2000), (0.05, 500), (0.5, 0))


@pytest.mark.parametrize("text", ["0%:10", "5%,0%", "0%,0%", "101%", "-1%", "5", ""])
def test_what_is_no_row_of_growing_shares_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--stages"):
        parse_stages(text)
