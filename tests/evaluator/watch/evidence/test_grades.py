import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.judge.judges.sampling import GRADABLE, lot
from evaluator.watch.evidence.decide import GRADES_TEST, decide
from evaluator.watch.evidence.fold import RolloutEvidence
from evaluator.watch.evidence.grades import AHEAD, GradedFold, PoweredDrop
from evaluator.watch.evidence.state import STATE_VERSION
from evaluator.watch.worker.replay import LoggedScore, ProofFile, read_proof, replay, write_proof
from telemetry.errors import UnreadableRecord
from telemetry.events import CapabilityWatch, Judged
from tests.evaluator.support.scores import restored, rollout, score

TOLERATED = 0.05
GRADED = [n for n in range(400) if lot(f"interaction-{n}") < GRADABLE]
"""Numbers of interactions whose grades count."""


def _watch(*, calibrated=True, shift=0.15):
    return CapabilityWatch(
        name="facts",
        role="adjacent",
        threshold=TOLERATED + shift if calibrated else TOLERATED,
        weight=0.5 if calibrated else 0.0,
        watched=calibrated,
        holds=not calibrated,
        tolerated=TOLERATED,
        unwatched=None if calibrated else "its judge has no calibration",
        judged_by="learned",
    )


def _spec(*, people=0.25, **changes):
    spec = rollout(("target", "facts"))
    target = spec.capabilities[0].model_copy(update={"weight": 0.5})
    return spec.model_copy(update={"capabilities": (target, _watch(**changes)), "people": people})


def _pair(number, judged, arm="control"):
    own, other = judged if arm == "control" else judged[::-1]
    return score(number, arm=arm, value=own, other=other)


def _graded(number, true, judged, *, arm="control", judge="j1"):
    """People's grades of the pair that `_pair(number, judged)` is; both are control's and the candidate's."""
    was = judged if arm == "control" else judged[::-1]
    return _pair(number, true, arm).model_copy(
        update={
            "event_id": f"grades-{number}",
            "judge": judge,
            "basis": "person",
            "corrects": Judged(value=was[0], other_value=was[1]),
        }
    )


def _world(rng, base, candidate, flatters):
    """A pair's true scores, and its judge's: it takes a wrong answer of base for right with chance `flatters`."""
    true = float(rng.random() < base), float(rng.random() < candidate)
    return true, (1.0 if true[0] or rng.random() < flatters else 0.0, true[1])


def _run(seed, pairs, *, base, candidate, flatters, graded, late=0):
    """Grades folded after so many pairs, each graded with chance `graded` and `late` pairs later; their highest E."""
    rng = random.Random(seed)
    fold, waiting, peak = GradedFold(_watch()), [], 1.0
    for n in range(pairs):
        true, judged = _world(rng, base, candidate, flatters)
        drawn = rng.random()
        fold.judged(drawn, judged[0] - judged[1])
        if drawn < GRADABLE and rng.random() < graded / GRADABLE:
            waiting.append((n + late, *true, judged[0] - judged[1]))
        while waiting and waiting[0][0] <= n:
            fold.graded(*waiting.pop(0)[1:])
            peak = max(peak, fold.e_value)
    rng.shuffle(waiting)
    for _, *rest in waiting:
        fold.graded(*rest)
        peak = max(peak, fold.e_value)
    return fold, peak


# --- as part of the fold ------------------------------------------------------------------------------


def test_grades_of_a_pair_are_taken_in_once_and_are_no_interaction_more():
    evidence, number = RolloutEvidence(_spec()), GRADED[0]
    evidence.settle(_pair(number, (1.0, 1.0), "candidate"), 0, 0)
    before = evidence.summary()[1]
    assert evidence.settle(_graded(number, (1.0, 0.25), (1.0, 1.0), arm="candidate"), 0, 1)
    assert not evidence.settle(_graded(number, (0.0, 1.0), (1.0, 1.0), arm="candidate"), 0, 2)
    after = evidence.summary()[1]
    assert (after.pairs, after.control, after.unscored) == (before.pairs, before.control, before.unscored)
    assert (after.people.pairs, after.people.gap, after.people.judge_adds) == (1, 0.75, -0.75)
    assert evidence.stage_units == {0: 1}


def test_where_people_have_no_part_of_alpha_their_grades_change_nothing():
    evidence, number = RolloutEvidence(_spec(people=0.0)), GRADED[0]
    evidence.settle(_pair(number, (1.0, 1.0)), 0, 0)
    before = evidence.to_snapshot()
    assert not evidence.settle(_graded(number, (1.0, 0.0), (1.0, 1.0)), 0, 1)
    assert evidence.to_snapshot() == before
    assert evidence.summary()[1].people is None


def test_a_pair_whose_judged_gap_stands_beside_others_grades_takes_none_itself():
    evidence = RolloutEvidence(_spec())
    number = next(n for n in range(99) if n not in GRADED)
    assert not evidence.settle(_graded(number, (1.0, 0.0), (1.0, 1.0)), 0, 0)


def test_the_same_log_gives_the_same_bits_from_any_snapshot():
    rng, log, waiting = random.Random(3), [], []
    for n in range(60):
        true, judged = _world(rng, 0.8, 0.4, 0.3)
        arm = rng.choice(("control", "candidate"))
        log.append(_pair(n, judged, arm))
        waiting += [_graded(n, true, judged, arm=arm)] if n in GRADED else []
        if n % 5 == 0:
            log += waiting[:2]
            del waiting[:2]
    whole = RolloutEvidence(_spec())
    parts, entries = RolloutEvidence(_spec()), b""
    for offset, one in enumerate(log):
        whole.settle(one, 0, offset)
        parts.settle(one, 0, offset)
        if offset % 7 == 0:
            parts, entries = restored(parts, entries)
    assert whole.summary()[1].people.pairs > 10
    assert json.dumps(parts.to_snapshot()) == json.dumps(whole.to_snapshot())
    assert decide(parts) == decide(whole)


def test_what_a_grade_says_is_covered_by_the_hash_of_the_scores():
    digests = set()
    for judged in ((1.0, 1.0), (1.0, 0.0)):
        evidence = RolloutEvidence(_spec())
        evidence.settle(_graded(GRADED[0], (1.0, 0.0), judged), 0, 0)
        digests.add(evidence.digest)
    assert len(digests) == 2


def test_a_snapshot_of_before_grades_is_refused():
    state = RolloutEvidence(_spec()).to_snapshot() | {"version": STATE_VERSION - 1}
    with pytest.raises(UnreadableRecord, match="version"):
        RolloutEvidence.from_snapshot(_spec(), state, b"")


def test_people_prove_a_drop_that_an_uncalibrated_judge_could_only_hold_for():
    evidence, offset, found = RolloutEvidence(_spec(calibrated=False)), 0, None
    rng, ungraded = random.Random(4), []
    for n in range(200):
        true, judged = _world(rng, 0.9, 0.1, 0.0)
        arm = ("control", "candidate")[n % 2]
        evidence.settle(_pair(n, judged, arm), 0, offset)
        assert (decided := decide(evidence)) is None or decided.action == "hold"
        offset += 1
        ungraded += [_graded(n, true, judged, arm=arm)] if n in GRADED else []
        if n >= 60 and ungraded:
            evidence.settle(ungraded.pop(0), 0, offset)
            found, offset = decide(evidence), offset + 1
            if found is not None and found.action == "roll_back":
                break
    assert found is not None
    assert found.action == "roll_back"
    assert found.proof.blamed == ("facts",)
    assert found.proof.deciding_score.startswith("grades-")
    assert found.proof.test == GRADES_TEST
    assert found.reason.startswith("facts dropped by more than the threshold: people's grades say so, M = ")
    assert 10 < found.proof.evidence[1].people.pairs < 60


def test_grades_of_another_version_of_the_judge_say_nothing_of_this_one():
    evidence, number = RolloutEvidence(_spec()), GRADED[0]
    evidence.settle(_pair(number, (1.0, 0.0)), 0, 0)
    evidence.settle(_graded(number, (1.0, 1.0), (1.0, 0.0), judge="j2"), 0, 1)
    said = evidence.summary()[1].people
    assert (said.pairs, said.gap, said.judge_adds) == (1, 0.0, None)


def test_a_judge_that_grades_refute_has_no_say_any_more():
    """It was to add .15 at most, and adds .5."""
    evidence, offset = RolloutEvidence(_spec()), 0
    for n in range(120):
        evidence.settle(_pair(n, (1.0, 0.5), ("control", "candidate")[n % 2]), 0, offset)
        offset += 1
    proven = evidence.summary()[1].e_value
    for n in GRADED[:90]:
        evidence.settle(_graded(n, (1.0, 1.0), (1.0, 0.5)), 0, offset)
        offset += 1
    said = evidence.summary()[1]
    assert proven > 100
    assert (said.people.judge_refuted, said.e_value) == (True, 0.0)
    assert "facts" not in evidence.blamed()
    assert "refuted" in said.people.told()


def _labelled():
    """What 500 gold labels tell of a judge whose sensitivity and specificity are .9 each, arms alike."""
    return _watch().model_copy(
        update={"threshold": 0.85 * 0.05 + 0.03, "judge_power": 0.75, "judge_hides": 0.03}
    )


@pytest.mark.parametrize("true", [0.0, -0.1, -0.5, -1.0])
def test_a_judge_is_not_refuted_for_shrinking_the_gap_of_a_better_candidate_as_its_gold_labels_say(true):
    fold = GradedFold(_labelled())
    for _ in range(2_000):
        fold.graded(max(true + 0.5, 0.0), max(true + 0.5, 0.0) - true, 0.8 * true + 0.02)
    assert not fold.refuted


@pytest.mark.parametrize("true", [0.05, 0.0, -0.5])
def test_a_judge_that_adds_more_than_its_gold_labels_say_is_refuted(true):
    fold = GradedFold(_labelled())
    for _ in range(100):
        fold.graded(max(true + 0.5, 0.0), max(true + 0.5, 0.0) - true, 0.8 * true + 0.3)
    assert fold.refuted


def test_a_refuted_judge_is_told_at_once_and_stands_in_the_way_of_a_promotion():
    spec = _spec().model_copy(update={"advance": "schedule"})
    evidence, offset, told = RolloutEvidence(spec), 0, []
    evidence.settle(_pair(0, (1.0, 1.0)), 0, offset)
    for n in GRADED[:120]:
        offset += 1
        evidence.settle(_graded(n, (1.0, 1.0), (1.0, 0.5)), 0, offset)
        told += [] if (found := decide(evidence)) is None else [found]
    refuted = [one for one in told if "refute" in one.reason]
    assert [one.action for one in refuted] == ["hold"]
    assert (
        refuted[0].reason == "people's grades refute the judge of facts: its scores are no evidence any more"
    )
    assert refuted[0].proof.test == GRADES_TEST


def test_a_rollback_by_people_replays_byte_for_byte_through_a_proof_file(tmp_path):
    evidence, logged, rng, ungraded = RolloutEvidence(_spec(calibrated=False)), [], random.Random(4), []
    decision = None
    for n in range(200):
        true, judged = _world(rng, 0.9, 0.1, 0.0)
        arm = ("control", "candidate")[n % 2]
        logged.append(_pair(n, judged, arm))
        ungraded += [_graded(n, true, judged, arm=arm)] if n in GRADED else []
        logged += [ungraded.pop(0)] if n >= 60 and ungraded else []
    for offset, one in enumerate(logged):
        evidence.settle(one, 0, offset)
        found = decide(evidence)
        if found is not None and found.action == "roll_back":
            decision = found
            break
    assert decision is not None
    scores = tuple(LoggedScore(offset, one) for offset, one in enumerate(logged))
    write_proof(tmp_path / "proof.jsonl", ProofFile(evidence.spec, decision, scores))
    assert replay(read_proof(tmp_path / "proof.jsonl")).same


# --- what stays valid ---------------------------------------------------------------------------------

unit = st.floats(0.0, 1.0)


@given(says=st.tuples(*[unit] * 4), waiting=st.integers(0, AHEAD + 2), earlier=st.integers(0, 3))
def test_a_block_expects_at_most_one_whatever_the_judge_says(says, waiting, earlier):
    """Brute force over one graded pair at the boundary, with a judge that says a number for each pair of true scores.

    The judged gaps beside it have the mean of such gaps: they enter a product, which is linear in each.
    """
    p_a, delta = 0.8, 0.05
    chances = {}
    for a, b in ((1, 1), (1, 0), (0, 1), (0, 0)):
        chances[a, b] = (p_a if a else 1 - p_a) * (p_a - delta if b else 1 - p_a + delta)
    gaps = dict(zip(chances, (2 * s - 1 for s in says), strict=True))
    mean = sum(chances[pair] * gaps[pair] for pair in chances)
    total, before = 0.0, None
    for pair, chance in chances.items():
        test = PoweredDrop(delta, AHEAD)
        for _ in range(earlier):
            test.graded(0.3, 0.2)
        for _ in range(waiting):
            test.judged(mean)
        before = test.e_value
        test.graded(gaps[pair], float(pair[0] - pair[1]))
        total += chance * test.e_value
    assert total <= before + 1e-9


def test_no_block_ruins_the_test():
    test = PoweredDrop(TOLERATED, AHEAD)
    for _ in range(5):
        for _ in range(AHEAD):
            test.judged(-1.0)
        test.graded(1.0, -1.0)
        assert test.e_value > 0.0


AT_THE_BOUNDARY = {"base": 0.55, "candidate": 0.50, "flatters": 0.6}
"""The true gap is what is tolerated; the judge adds .27 to it, of which nobody was told."""


@pytest.mark.parametrize(
    ("graded", "late"),
    [(0.02, 0), (0.4, 0), (0.4, 60), (0.4, 1_000)],
    ids=["few", "now", "late", "at the end"],
)
def test_few_late_and_missing_grades_prove_nothing_that_is_not_so(graded, late):
    """Twenty runs at the boundary with a judge that flatters base: none comes near a hundred."""
    peaks = [_run(s, 200, graded=graded, late=late, **AT_THE_BOUNDARY)[1] for s in range(20)]
    assert max(peaks) < 100


def test_a_good_judge_saves_grades():
    """A drop of 25 points, a judge that errs seldom: beside it the same grades without the judged gaps."""
    powered = sum(
        _run(s, 500, base=0.8, candidate=0.55, flatters=0.1, graded=0.2)[1] > 1e3 for s in range(10)
    )
    alone = sum(_alone(s, 500, base=0.8, candidate=0.55, graded=0.2) > 1e3 for s in range(10))
    assert powered > alone


def _alone(seed, pairs, *, base, candidate, graded):
    rng, test, peak = random.Random(seed), PoweredDrop(TOLERATED, 0), 1.0
    for _ in range(pairs):
        true, _ = _world(rng, base, candidate, 0.0)
        if rng.random() < graded:
            test.graded(true[0] - true[1], true[0] - true[1])
            peak = max(peak, test.e_value)
    return peak


@pytest.mark.slow
@pytest.mark.parametrize(("graded", "late"), [(0.1, 0), (0.4, 0), (0.4, 100)])
def test_the_level_is_kept_over_many_rollouts_at_the_boundary(graded, late):
    peaks = [_run(s, 300, graded=graded, late=late, **AT_THE_BOUNDARY)[1] for s in range(200)]
    assert sum(peak >= 20 for peak in peaks) <= 200 / 20
