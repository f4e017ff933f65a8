import hashlib
import random

import pytest

from evaluator.watch.evidence.units import ENTRY, MOST_SHARES, Drawn, Draws, odds
from telemetry.errors import UnreadableRecord
from telemetry.events import Assignment
from telemetry.subjects import unit_of


def _digest(u: float, name: str = "") -> str:
    """A subject's digest with this number."""
    return f"{int(u * 2.0**64):016x}{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def _seen(subject, share, source="session"):
    arm = "candidate" if unit_of(subject) < share else "control"
    return Assignment(subject=subject, subject_source=source, arm=arm, share=share, stage=0, revision=0)


def _draw(draws, assignment, table="scored"):
    who = Drawn(assignment)
    pi = draws.draw(table, who)
    draws.note(who)
    return pi


CONTROL, LATER, CANDIDATE = _digest(0.9), _digest(0.4), _digest(0.01)


def test_a_new_subject_is_drawn_with_the_share():
    assert _draw(Draws(), _seen(CANDIDATE, 0.05)) == 0.05


def test_a_returning_subject_is_no_new_draw_in_either_arm():
    draws = Draws()
    for subject in (CONTROL, CANDIDATE):
        _draw(draws, _seen(subject, 0.25))
        assert _draw(draws, _seen(subject, 0.25)) is None


def test_a_control_subject_is_drawn_once_more_after_each_growth():
    draws = Draws()
    _draw(draws, _seen(LATER, 0.05))
    assert _draw(draws, _seen(LATER, 0.25)) == pytest.approx(0.20 / 0.95)
    assert _draw(draws, _seen(LATER, 0.25)) is None
    assert _draw(draws, _seen(LATER, 0.5)) == pytest.approx(0.25 / 0.75)
    assert _draw(draws, _seen(LATER, 1.0)) is None


def test_a_candidate_subject_is_never_drawn_again():
    draws = Draws()
    _draw(draws, _seen(CANDIDATE, 0.05))
    assert _draw(draws, _seen(CANDIDATE, 0.5)) is None


def test_a_late_score_from_a_smaller_share_is_no_draw():
    draws = Draws()
    _draw(draws, _seen(CONTROL, 0.25))
    assert _draw(draws, _seen(CONTROL, 0.05)) is None
    assert _draw(draws, _seen(CONTROL, 0.25)) is None


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_certain_arm_is_no_draw(share):
    assert _draw(Draws(), _seen(CONTROL, share)) is None


def test_requests_without_identity_are_always_new_and_never_kept():
    draws = Draws()
    for _ in range(3):
        assert _draw(draws, _seen(CONTROL, 0.5, "request")) == 0.5
    assert draws.count == 0


def test_each_table_has_its_own_first_time():
    draws = Draws()
    assert _draw(draws, _seen(CONTROL, 0.5), "assigned") == 0.5
    assert _draw(draws, _seen(CONTROL, 0.5), "scored") == 0.5
    assert _draw(draws, _seen(CONTROL, 0.5), "assigned") is None


def test_a_subject_that_is_no_digest_is_a_unit_once_and_never_again():
    """Without its number nobody can tell a returning control subject from one that is taken for it."""
    draws = Draws()
    nobody = Assignment(subject="ada", subject_source="user", arm="control", share=0.1, stage=0, revision=0)
    assert _draw(draws, nobody) == 0.1
    assert _draw(draws, nobody.model_copy(update={"share": 0.5})) is None


@pytest.mark.parametrize("taken_for_known", [False, True])
def test_draws_are_fair_given_their_odds_whether_or_not_subjects_are_taken_for_others(taken_for_known):
    """Over many subjects and growing shares, candidates come as often as the odds said.

    A new subject that the memory takes for one that was met at share .05 or .25 costs a unit at most.
    """
    rng = random.Random(3)
    expected = met = spread = 0.0
    known: dict[int, float] = {}
    drawn = [rng.random() for _ in range(6000)]
    for share in (0.05, 0.25, 0.5):
        for subject, u in enumerate(drawn):
            if rng.random() > 0.6:
                continue
            taken = rng.choice((0.0, 0.05, 0.25)) if taken_for_known and subject not in known else 0.0
            at = max(known.get(subject, 0.0), taken)
            known[subject] = max(at, share)
            pi = odds(at, share, u)
            if pi is not None:
                expected, met = expected + pi, met + (u < share)
                spread += pi * (1 - pi)
    assert abs(met - expected) < 4 * spread**0.5


def test_a_wrong_rule_would_be_noticed_by_that_test():
    """Were those with a number below the share kept as units, candidates would come more often than the odds say."""
    rng = random.Random(3)
    expected = met = spread = 0.0
    for _ in range(6000):
        u = rng.random()
        pi = (0.5 - 0.25) / 0.75  # taken for known at .25
        expected, met, spread = expected + pi, met + (u < 0.5), spread + pi * (1 - pi)
    assert abs(met - expected) > 4 * spread**0.5


def _many(count, seed, shares=(0.05, 0.25, 0.5)):
    rng = random.Random(seed)
    people = [_digest(rng.random(), str(n)) for n in range(count)]
    for share in shares:
        for subject in rng.sample(people, count // 2):
            yield _seen(subject, share), rng.choice(("assigned", "asked", "scored"))


def test_draws_come_back_from_their_entries_and_go_on_to_the_same_answers():
    draws, entries = Draws(), b""
    for number, (who, table) in enumerate(_many(400, seed=5)):
        _draw(draws, who, table)
        if number % 37 == 0:
            entries += draws.taken()
    state, entries = draws.to_dict(), entries + draws.taken()
    again = Draws.restored(state, entries)
    assert again.to_dict() == state
    assert len(entries) == draws.count * ENTRY.itemsize
    for who, table in _many(400, seed=6, shares=(0.25, 0.75)):
        assert _draw(again, who, table) == _draw(draws, who, table)
    assert again.taken() == draws.taken()


@pytest.mark.parametrize("spoil", [lambda b: b[:-10], lambda b: b[:-1] + b"\0", lambda b: b + bytes(10)])
def test_entries_of_another_snapshot_are_refused(spoil):
    draws = Draws()
    for who, table in _many(60, seed=5):
        _draw(draws, who, table)
    entries = draws.taken()
    with pytest.raises(UnreadableRecord, match="entries about subjects"):
        Draws.restored(draws.to_dict(), spoil(entries))


def test_more_shares_than_can_be_written_down_cost_units_and_come_back_the_same():
    draws = Draws()
    shares = [0.001 * (n + 1) for n in range(MOST_SHARES + 20)]
    for n, share in enumerate(shares):
        _draw(draws, _seen(_digest(0.9, str(n)), share))
    assert _draw(draws, _seen(_digest(0.9, str(len(shares) - 1)), 0.8)) is None
    again = Draws.restored(draws.to_dict(), draws.taken())
    for n, _ in enumerate(shares):
        assert _draw(again, _seen(_digest(0.9, str(n)), 0.85)) == _draw(
            draws, _seen(_digest(0.9, str(n)), 0.85)
        )
