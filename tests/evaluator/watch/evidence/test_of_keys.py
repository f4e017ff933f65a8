"""Where a rollout bounds it, one API key has a part of the evidence, however many subjects it names."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence

import pytest

from evaluator.judge.judges.sampling import GRADABLE, lot
from evaluator.watch.evidence.fold import RolloutEvidence
from evaluator.watch.evidence.of_keys import KeyBound
from evaluator.watch.evidence.repeats import WINDOW
from telemetry.errors import UnreadableRecord
from telemetry.events import Judged, RolloutSpec, ScoreRecorded
from telemetry.subjects import unit_of
from tests.evaluator.support.scores import restored, rollout, score, stream

BEFORE = "de77909a7b4c3e87f8d821d779ec59db96d16ea4b1c9ca1157870ac4881f86a1"
"""The hash that a version without keys made of `_plain`."""


def _spec(most: float | None, *, people: float = 0.0) -> RolloutSpec:
    spec = rollout(("target", "facts"), threshold=0.05)
    return spec.model_copy(update={"most_of_key": most, "people": people})


def _fresh(
    count: int, seed: int, *, part: float, theirs: tuple[float, float], shadow: float = 0.5
) -> Iterator[ScoreRecorded]:
    """A healthy candidate; every score is of a subject of its own, `part` of them by one key, others by many."""
    rng = random.Random(seed)
    for number in range(count):
        hers = rng.random() < part
        control, candidate = (float(rng.random() < chance) for chance in (theirs if hers else (0.9, 0.9)))
        subject = hashlib.sha256(f"{seed}/{number}".encode()).hexdigest()[:32]
        arm = "candidate" if unit_of(subject) < 0.25 else "control"
        mine, other = (candidate, control) if arm == "candidate" else (control, candidate)
        paired = other if rng.random() < shadow else None
        made = score(number, subject=subject, arm=arm, share=0.25, value=mine, other=paired)
        yield made.model_copy(update={"by_key": "hers" if hers else f"key {rng.randrange(200)}"})


def _folded(spec: RolloutSpec, scores: Sequence[ScoreRecorded]) -> RolloutEvidence:
    evidence = RolloutEvidence(spec)
    for offset, one in enumerate(scores):
        evidence.settle(one, 0, offset)
    return evidence


def _counted(spec: RolloutSpec, scores: Sequence[ScoreRecorded]) -> list[bool]:
    """Of each score whether it counted."""
    evidence, counted = RolloutEvidence(spec), []
    for offset, one in enumerate(scores):
        before = evidence.folds["facts"].tally.set_aside
        evidence.settle(one, 0, offset)
        counted.append(evidence.folds["facts"].tally.set_aside == before)
    return counted


@pytest.mark.parametrize("shadow", [0.0, 1.0])
def test_of_any_window_of_units_or_pairs_one_key_has_its_part_whatever_its_subjects(shadow: float) -> None:
    scores = list(_fresh(500, 3, part=0.5, theirs=(1, 0), shadow=shadow))
    counted = _counted(_spec(0.07), scores)
    hers = [one.by_key == "hers" and yes for one, yes in zip(scores, counted, strict=True)]
    assert max(sum(hers[at : at + WINDOW]) for at in range(400)) == 7
    assert all(yes for one, yes in zip(scores, counted, strict=True) if one.by_key != "hers")


def test_what_is_beyond_a_keys_part_is_set_aside_and_neither_bet_on_nor_learnt_from() -> None:
    scores = [score(n, subject=f"{n:032x}").model_copy(update={"by_key": "k"}) for n in range(20)]
    evidence = _folded(_spec(0.05), scores)
    fold = evidence.folds["facts"]
    assert (fold.tally.units[0], fold.tally.set_aside, evidence.stage_units[0]) == (5, 15, 5)
    assert fold.past.control.n == RolloutEvidence(evidence.spec).folds["facts"].past.control.n + 5


def test_without_a_bound_and_without_a_key_everything_counts() -> None:
    scores = list(_fresh(300, 3, part=1.0, theirs=(0.9, 0.9)))
    assert all(_counted(_spec(None), scores))
    assert all(_counted(_spec(0.01), [one.model_copy(update={"by_key": None}) for one in scores]))


def test_whether_a_score_counts_depends_on_no_value() -> None:
    scores = list(_fresh(400, 5, part=0.5, theirs=(1, 0)))
    other = [
        one.model_copy(update={"value": 0.5, "other_value": None if one.other_value is None else 0.25})
        for one in scores
    ]
    assert _counted(_spec(0.05), scores) == _counted(_spec(0.05), other)


def test_one_key_with_a_subject_a_request_forces_no_rollback_where_its_part_is_below_the_threshold() -> None:
    for seed in range(3):
        attack = list(_fresh(2_000, seed, part=0.3, theirs=(1, 0)))
        assert not _folded(_spec(0.03), attack).breached
        assert _folded(_spec(None), attack[:1_000]).breached


def test_what_people_grade_of_one_keys_pairs_is_bounded_too() -> None:
    evidence = RolloutEvidence(_spec(0.05, people=0.25))
    numbers = [n for n in range(400) if lot(f"interaction-{n}") < GRADABLE][:20]
    for number in numbers:
        graded = {"by_key": "k", "corrects": Judged(value=1.0, other_value=1.0), "event_id": f"g-{number}"}
        one = score(number, subject=f"{number:032x}", value=1.0, other=0.0).model_copy(update=graded)
        evidence.settle(one, 0, number)
    assert len(numbers) == 20
    assert evidence.folds["facts"].grades is not None
    assert evidence.folds["facts"].grades.pairs == 5


def test_evidence_about_keys_goes_on_from_a_snapshot_to_the_same_bits() -> None:
    straight, through, entries = RolloutEvidence(_spec(0.05)), RolloutEvidence(_spec(0.05)), b""
    for offset, one in enumerate(_fresh(300, 1, part=0.4, theirs=(1, 0))):
        straight.settle(one, 0, offset)
        through.settle(one, 0, offset)
        if offset % 37 == 0:
            through, entries = restored(through, entries)
    assert through.to_snapshot() == straight.to_snapshot()
    assert straight.folds["facts"].tally.set_aside > 50


def test_a_snapshot_without_keys_is_read_where_none_are_bounded_and_refused_where_they_are() -> None:
    for most in (None, 0.05):
        state = RolloutEvidence(_spec(most)).to_snapshot()
        for fold in state["capabilities"].values():
            del fold["keys"]
        if most is None:
            assert RolloutEvidence.from_snapshot(_spec(None), state, b"").settled == 0
        else:
            with pytest.raises(UnreadableRecord, match="pairs"):
                RolloutEvidence.from_snapshot(_spec(most), state, b"")


def test_proofs_of_before_are_replayed_to_their_hash_and_so_are_those_of_rollouts_that_bound_no_key() -> None:
    means = {"target": (0.9, 0.9), "facts": (0.9, 0.7)}
    plain = list(stream(50, seed=4, means=means, shadow=0.3))
    keyed = [one.model_copy(update={"by_key": f"{n % 3:016x}"}) for n, one in enumerate(plain)]
    spec = rollout(("target", "facts"))
    assert _folded(spec, plain).digest == _folded(spec, keyed).digest == BEFORE
    bounded = spec.model_copy(update={"most_of_key": 0.5})
    assert _folded(bounded, plain).digest == BEFORE
    assert _folded(bounded, keyed).digest != BEFORE


def test_without_a_part_no_key_is_remembered() -> None:
    bound = KeyBound(None)
    assert all(bound.admits("units", "k") for _ in range(2 * WINDOW))
    assert bound.to_dict() == {}
