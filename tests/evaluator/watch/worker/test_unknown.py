"""The alarm for unknown traffic comes when its share grows, and hardly ever when it does not."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.watch.worker.unknown import BAR, GROWN, SETTLING, TOLERATED, UnknownShare


def seen(tags: np.ndarray, share: UnknownShare | None = None) -> UnknownShare:
    share = share or UnknownShare()
    for tag in tags.tolist():
        share.see(tag)
    return share


def test_the_usual_share_is_that_of_the_first_tags() -> None:
    share = seen(np.arange(SETTLING - 1) % 10 == 0)
    assert share.status.usual is None
    assert not share.status.alarm
    share.see(False)
    assert share.status.usual == pytest.approx((50 + 1) / (SETTLING + 2))


def test_a_share_that_doubles_is_told_within_some_hundred_interactions() -> None:
    draw = np.random.default_rng(1)
    delays = []
    for _ in range(40):
        share = seen(draw.random(SETTLING + 2_000) < 0.15)
        if share.status.alarm:
            continue
        count = 0
        while not share.status.alarm and count < 2_000:
            share.see(bool(draw.random() < 0.35))
            count += 1
        delays.append(count)
    assert len(delays) >= 38
    assert np.mean(delays) < 200


def test_a_share_that_stays_raises_no_alarm_in_ten_thousand_interactions_more_often_than_it_may() -> None:
    draw = np.random.default_rng(2)
    alarms = 0
    for _ in range(40):
        share = seen(draw.random(SETTLING) < 0.2)
        assert share.usual is not None
        # At the edge of what is tolerated: where the bet is fair.
        tags = draw.random(1_000) < share.usual + TOLERATED
        for tag in tags.tolist():
            share.see(tag)
            if share.status.alarm:
                alarms += 1
                break
    # P(alarm within n) <= n / BAR; 40 runs of a tenth each.
    assert alarms <= 4 + 3 * np.sqrt(4)
    assert 1_000 / BAR == 0.1


@given(st.floats(0.0, 1.0))
def test_no_bet_pays_on_average_where_the_share_has_not_grown(usual: float) -> None:
    share = UnknownShare(tagged=SETTLING, usual=usual)
    p0 = min(usual + TOLERATED, 0.98 - GROWN)
    for unknown in (True, False):
        share._log_e = 100.0
        share.see(unknown)
        gained = share._log_e - 100.0
        ratio = (p0 + GROWN) / p0 if unknown else (1 - p0 - GROWN) / (1 - p0)
        assert gained == pytest.approx(log(ratio))
    assert p0 * (p0 + GROWN) / p0 + (1 - p0) * (1 - p0 - GROWN) / (1 - p0) == pytest.approx(1.0)


def test_the_bet_begins_anew_after_traffic_that_is_known() -> None:
    share = seen(np.zeros(SETTLING, bool))
    seen(np.ones(3, bool), share)
    assert share.status.recent == 1.0
    assert share.status.e_value > 1.0
    seen(np.zeros(200, bool), share)
    assert (share.status.recent, share.status.e_value) == (None, 1.0)
