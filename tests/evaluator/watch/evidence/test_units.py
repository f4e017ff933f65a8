import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.watch.evidence.units import FINGERPRINT_BYTES, Units, fingerprint, pack, unpack
from telemetry.events import Assignment


def _seen(subject, arm, share, source="session"):
    return Assignment(subject=subject, subject_source=source, arm=arm, share=share, stage=0, revision=0)


def test_a_new_subject_is_drawn_with_the_share():
    assert Units().draw(_seen("a", "candidate", 0.05)) == 0.05


def test_a_returning_subject_is_no_new_draw_in_either_arm():
    units = Units()
    units.draw(_seen("a", "control", 0.25))
    units.draw(_seen("b", "candidate", 0.25))
    assert units.draw(_seen("a", "control", 0.25)) is None
    assert units.draw(_seen("b", "candidate", 0.25)) is None


def test_a_control_subject_is_drawn_once_more_after_each_growth():
    units = Units()
    units.draw(_seen("a", "control", 0.05))
    assert units.draw(_seen("a", "control", 0.25)) == pytest.approx(0.20 / 0.95)
    assert units.draw(_seen("a", "control", 0.25)) is None
    assert units.draw(_seen("a", "candidate", 0.5)) == pytest.approx(0.25 / 0.75)
    assert units.draw(_seen("a", "candidate", 1.0)) is None


def test_a_candidate_subject_is_never_drawn_again():
    units = Units()
    units.draw(_seen("a", "candidate", 0.05))
    assert units.draw(_seen("a", "candidate", 0.5)) is None


def test_a_late_score_from_a_smaller_share_is_no_draw():
    units = Units()
    units.draw(_seen("a", "control", 0.25))
    assert units.draw(_seen("a", "control", 0.05)) is None
    assert units.draw(_seen("a", "control", 0.25)) is None


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_certain_arm_is_no_draw(share):
    assert Units().draw(_seen("a", "candidate" if share else "control", share)) is None


def test_requests_without_identity_are_always_new_and_never_kept():
    units = Units()
    for _ in range(3):
        assert units.draw(_seen("same", "control", 0.5, "request")) == 0.5
    assert len(units) == 0


def test_draws_are_fair_given_their_odds():
    """Over many subjects and growing shares, candidates come as often as the odds said."""
    rng, units = random.Random(3), Units()
    expected = met = spread = 0.0
    drawn = [rng.random() for _ in range(3000)]
    for share in (0.05, 0.25, 0.5):
        for subject, u in enumerate(drawn):
            if rng.random() < 0.6:
                arm = "candidate" if u < share else "control"
                pi = units.draw(_seen(str(subject), arm, share))
                if pi is not None:
                    expected, met = expected + pi, met + (arm == "candidate")
                    spread += pi * (1 - pi)
    assert abs(met - expected) < 4 * spread**0.5


@given(st.sets(st.integers(0, 2 ** (8 * FINGERPRINT_BYTES) - 1)))
def test_packed_fingerprints_come_back(numbers):
    assert unpack(pack(numbers)) == sorted(numbers)


def test_units_come_back_from_their_snapshot():
    units = Units()
    for n in range(200):
        units.draw(_seen(str(n), "candidate" if n % 4 == 0 else "control", 0.25 if n < 100 else 0.5))
    again = Units.from_dict(units.to_dict())
    assert again.to_dict() == units.to_dict()
    assert again.draw(_seen("1", "control", 0.5)) == units.draw(_seen("1", "control", 0.5))


def test_fingerprints_do_not_follow_the_digests_leading_bytes():
    assert fingerprint("00aa") != fingerprint("00ab")
