"""When a replica is ejected, for how long, and how it comes back."""

from __future__ import annotations

import pytest

from router.proxy.replicas.health import (
    LEAST_SHARE,
    WELL,
    Health,
    ReplicaSettings,
    answered,
    checked,
    failed,
    weight_of,
)

SETTINGS = ReplicaSettings(failures=3, subjects=2, eject_s=10.0, most_eject_s=40.0, return_s=30.0)


def after_failures(
    *subjects: str | None, start: Health = WELL, at: float = 0.0, last: bool = False
) -> Health:
    for subject in subjects:
        start = failed(start, at, subject, SETTINGS, last=last)
    return start


EJECTED = after_failures("a", "b", "a")


def test_failures_in_a_row_eject_it_and_an_answer_between_them_does_not() -> None:
    assert (EJECTED.until, weight_of(EJECTED, 9.9, SETTINGS)) == (10.0, 0.0)
    between = answered(after_failures("a", "b"), 0.0, SETTINGS)
    assert weight_of(after_failures("a", "b", start=between), 0.0, SETTINGS) == 1.0


def test_one_subject_alone_ejects_nothing_unless_nobody_can_connect() -> None:
    assert after_failures(*["a"] * 50).until < 0.0
    assert after_failures(None, None, None).until == 10.0


def test_the_last_one_is_never_ejected() -> None:
    kept = after_failures(*"abcabc", last=True)
    assert weight_of(kept, 0.0, SETTINGS) == 1.0
    assert after_failures("d", start=kept).until == 10.0  # as soon as it is the last one no more


def test_each_ejection_in_a_row_is_twice_as_long_up_to_a_bound() -> None:
    health, spans = EJECTED, [10.0]
    for _ in range(4):
        at = health.until
        health = after_failures("a", "b", "a", start=health, at=at)
        spans.append(health.until - at)
    assert spans == [10.0, 20.0, 40.0, 40.0, 40.0]
    assert after_failures(None, None, None, start=WELL._replace(ejections=10**9)).until == 40.0


def test_what_was_asked_before_it_was_ejected_changes_nothing() -> None:
    assert after_failures("c", start=EJECTED, at=9.0) == EJECTED
    assert answered(EJECTED, 9.0, SETTINGS) == EJECTED


@pytest.mark.parametrize(("at", "share"), [(10.0, LEAST_SHARE), (25.0, 0.5), (40.0, 1.0), (400.0, 1.0)])
def test_it_comes_back_with_a_share_that_grows(at: float, share: float) -> None:
    assert weight_of(EJECTED, at, SETTINGS) == pytest.approx(share)


def test_its_past_is_forgotten_when_it_has_answered_with_its_whole_share() -> None:
    assert answered(EJECTED, 39.0, SETTINGS).ejections == 1
    assert answered(EJECTED, 40.0, SETTINGS) is WELL


def test_checks_that_fail_in_a_row_keep_it_away_until_one_succeeds_and_it_returns_slowly() -> None:
    once = checked(WELL, 0.0, SETTINGS, well=False)
    assert weight_of(once, 0.0, SETTINGS) == 1.0
    away = checked(once, 5.0, SETTINGS, well=False)
    assert weight_of(away, 5.0, SETTINGS) == weight_of(away, 1e6, SETTINGS) == 0.0
    back = checked(away, 10.0, SETTINGS, well=True)
    assert weight_of(back, 10.0, SETTINGS) == LEAST_SHARE
    assert weight_of(back, 40.0, SETTINGS) == 1.0


def test_a_check_that_succeeds_does_not_shorten_an_ejection() -> None:
    both = checked(checked(EJECTED, 1.0, SETTINGS, well=False), 2.0, SETTINGS, well=False)
    assert checked(both, 3.0, SETTINGS, well=True).until == EJECTED.until
