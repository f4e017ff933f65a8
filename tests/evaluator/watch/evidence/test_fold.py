import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluator.watch.evidence.fold import RolloutEvidence
from evaluator.watch.evidence.repeats import WINDOW
from telemetry.errors import SettingsError, UnreadableRecord
from telemetry.events import Guardrail, ShadowDraw, Stage
from tests.evaluator.support.scores import restored, rollout, score, stream

MEANS = {"target": (0.3, 0.9), "facts": (0.9, 0.4), "json": (1.0, 0.5)}


def _fold(spec, scores):
    evidence = RolloutEvidence(spec)
    for offset, one in enumerate(scores):
        assert evidence.settle(one, 0, offset)
    return evidence


def test_evidence_starts_at_one_and_grows_under_a_drop():
    spec = rollout()
    assert RolloutEvidence(spec).e_value == 1.0
    evidence = _fold(spec, stream(600, seed=1, means=MEANS))
    assert evidence.breached
    assert set(evidence.blamed()) <= {"facts", "json"}
    assert evidence.leading(2)[0] in {"facts", "json"}


def test_an_equal_candidate_is_not_blamed():
    means = dict.fromkeys(MEANS, (0.8, 0.8))
    evidence = _fold(rollout(), stream(3000, seed=2, means=means, shadow=0.2))
    assert not evidence.breached
    assert evidence.blamed() == ()


def test_the_targets_gain_does_not_hide_the_others_loss():
    spec = rollout()
    with_gain = _fold(spec, stream(400, seed=3, means=MEANS))
    without = _fold(spec, stream(400, seed=3, means=MEANS | {"target": (0.3, 0.3)}))
    assert with_gain.to_snapshot()["pool"] == without.to_snapshot()["pool"]


def test_a_duplicate_event_or_offset_changes_nothing():
    evidence = _fold(rollout(), stream(50, seed=4, means=MEANS, shadow=0.3))
    before = evidence.to_snapshot()
    again = list(stream(50, seed=4, means=MEANS, shadow=0.3))
    assert not evidence.settle(again[7], 0, 60)
    assert not evidence.settle(score(999), 0, 49)
    assert evidence.to_snapshot() == before


@pytest.mark.parametrize(
    ("bad", "partition", "said"),
    [
        (score(1, rollout_id="other"), 0, "rollout 'other'"),
        (score(1, capability="poetry"), 0, "capability 'poetry'"),
        (score(1), 3, "partition 0"),
        (score(1, stage=99), 0, "stage 99"),
    ],
)
def test_a_score_that_is_not_ours_is_refused_and_changes_nothing(bad, partition, said):
    evidence = _fold(rollout(), [score(0)])
    before = evidence.to_snapshot()
    with pytest.raises(UnreadableRecord, match=said):
        evidence.settle(bad, partition, 5)
    assert evidence.to_snapshot() == before


def test_untagged_and_unscored_are_counted_and_never_bet():
    scores = [score(n, capability=None, value=None) for n in range(5)]
    scores += [score(n, value=None) for n in range(5, 9)]
    evidence = _fold(rollout(), scores)
    facts = next(s for s in evidence.summary() if s.capability == "facts")
    assert (evidence.untagged, facts.unscored, evidence.e_value) == (5, 4, 1.0)


def test_a_capability_at_the_floor_is_counted_and_never_bets():
    spec = rollout(("target", "facts", "words"), floor=("words",))
    scores = [
        score(n, capability="words", arm=("control", "candidate")[n % 2], value=float(n % 2 == 0), other=None)
        for n in range(200)
    ]
    evidence = _fold(spec, scores)
    words = evidence.summary()[2]
    assert (words.control.n, words.control.mean, words.candidate.mean) == (100, 1.0, 0.0)
    assert (words.watched, words.e_value, evidence.e_value) == (False, 1.0, 1.0)


def test_a_subject_is_one_unit_over_all_capabilities():
    scores = [score(n, subject="s", capability=name) for n, name in enumerate(("facts", "json", "facts"))]
    evidence = _fold(rollout(), scores)
    assert [s.control.n for s in evidence.summary()[:3]] == [0, 1, 0]


def test_a_returning_subject_may_still_form_a_pair_once_a_window_has_passed():
    again = [0, 1, WINDOW - 1, WINDOW, WINDOW + 1]
    scores = [
        score(n, subject="s" if n in again else None, capability="facts", value=1.0, other=0.0)
        for n in range(WINDOW + 2)
    ]
    facts = _fold(rollout(), scores).summary()[1]
    assert (facts.pairs, facts.set_aside, facts.pair_gap, facts.control.n) == (WINDOW - 1, 3, 1.0, 0)


def test_what_was_drawn_for_a_shadow_is_a_pair_or_nothing_and_never_a_unit():
    drawn, spared = (ShadowDraw(capability="facts", fraction=0.5, drawn=d) for d in (True, False))
    scores = [score(0), score(1), score(2, other=1.0), score(3)]
    draws = [drawn, spared, drawn, None]
    scores = [s.model_copy(update={"draw": d}) for s, d in zip(scores, draws, strict=True)]
    facts = _fold(rollout(), scores).summary()[1]
    assert (facts.control.n, facts.pairs) == (2, 1)


def test_a_drawn_subject_is_spent_whether_its_shadow_answered_or_not():
    drawn = ShadowDraw(capability=None, fraction=0.5, drawn=True)
    scores = [score(0, subject="ada").model_copy(update={"draw": drawn}), score(1, subject="ada")]
    assert _fold(rollout(), scores).summary()[1].control.n == 0


def test_the_full_rollout_is_told_by_its_share():
    spec = rollout(stages=(Stage(share=0.05), Stage(share=0.5)))
    evidence = _fold(spec, [score(0, share=0.05), score(1, share=0.5, stage=1)])
    assert not evidence.full
    evidence.settle(score(2, share=0.98, stage=1), 0, 2)
    assert evidence.full
    assert restored(evidence)[0].full


def test_a_pairs_gap_is_control_minus_candidate_whoever_was_assigned():
    scores = [
        score(0, arm="candidate", value=0.0, other=1.0),
        score(1, arm="control", value=1.0, other=0.0),
    ]
    assert _fold(rollout(), scores).summary()[1].pair_gap == 1.0


def test_weights_beyond_one_are_refused():
    spec = rollout()
    heavy = tuple(c.model_copy(update={"weight": 0.9}) for c in spec.capabilities)
    with pytest.raises(SettingsError, match=r"2\.7"):
        RolloutEvidence(spec.model_copy(update={"capabilities": heavy}))


def test_a_snapshot_of_another_rollout_is_refused():
    state = RolloutEvidence(rollout()).to_snapshot()
    with pytest.raises(UnreadableRecord, match="'r2'"):
        RolloutEvidence.from_snapshot(rollout().model_copy(update={"rollout_id": "r2"}), state, b"")


def test_heaviest_lists_the_ten_that_moved_the_evidence_most():
    spec = rollout()
    moves = {}
    evidence = RolloutEvidence(spec)
    for offset, one in enumerate(stream(300, seed=5, means=MEANS, shadow=0.2)):
        before = evidence.e_value
        evidence.settle(one, 0, offset)
        moves[one.interaction_id] = abs(math.log(evidence.e_value / before))
    expected = sorted(moves, key=lambda i: (-moves[i], int(i.split("-")[1])))[:10]
    assert list(evidence.heaviest()) == expected


def test_the_hash_chain_tells_a_changed_score():
    scores = list(stream(20, seed=6, means=MEANS))
    honest = _fold(rollout(), scores)
    scores[3] = scores[3].model_copy(update={"value": 0.5})
    assert _fold(rollout(), scores).digest != honest.digest


def _odd(number):
    """What a score may also be: unscored (by the prompt or by a judge), failed, drawn, from another router."""
    draw = ShadowDraw(capability=("facts", None, "json")[number % 3], fraction=0.3, drawn=number % 2 == 0)
    return [
        {},
        {"value": None, "other_value": None, "unscored": ("no_reference", "no_grade")[number % 2]},
        {"failed": True, "value": 0.0},
        {"draw": draw, "router": f"router-{number % 2}"},
        {"capability": None, "value": None, "other_value": None, "unscored": "untagged", "draw": draw},
    ][number % 5]


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    steps=st.lists(st.sampled_from(["next", "next", "next", "repeat", "restart"]), max_size=120),
)
def test_any_interleaving_of_duplicates_and_restarts_gives_the_same_bits(seed, steps):
    spec = rollout(
        floor=("json",),
        stages=(Stage(share=0.5, margin=0.15), Stage(share=0.5, margin=0.05)),
        advance="evidence",
    ).model_copy(update={"guardrails": (Guardrail(kind="errors", threshold=0.02),), "shadow": 0.1})
    scores = list(stream(len(steps), seed=seed, means=MEANS, shadow=0.3, returning=0.4))
    scores = [s.model_copy(update=_odd(n + seed)) for n, s in enumerate(scores)]
    evidence, entries, folded, offset = RolloutEvidence(spec), b"", 0, 0
    for step in steps:
        if step == "next":
            assert evidence.settle(scores[folded], 0, offset)
            folded += 1
            offset += 1
        elif step == "repeat" and folded:
            assert not evidence.settle(scores[seed % folded], 0, offset)
            offset += 1
        elif step == "restart":
            evidence, entries = restored(evidence, entries)
    straight = RolloutEvidence(spec)
    numbers = {}
    for one in scores[:folded]:
        straight.settle(one, 0, len(numbers))
        numbers[one.event_id] = len(numbers)
    got, want = evidence.to_snapshot(), straight.to_snapshot()
    for state in (got, want):
        state.pop("last_offset")
        state.pop("first_offset")
    assert json.dumps(got, sort_keys=True) == json.dumps(want, sort_keys=True)


def test_the_part_of_tags_that_are_likely_others_is_counted_and_is_no_evidence():
    sure, unsure = (
        [score(n).model_copy(update={"tag_confidence": confidence}) for n in range(10)]
        for confidence in (1.0, 0.7)
    )
    evidence, other = _fold(rollout(), sure), _fold(rollout(), unsure)
    assert evidence.folds["facts"].tally.mistagged == 0.0
    assert other.folds["facts"].tally.mistagged == pytest.approx(0.3)
    assert other.folds["json"].tally.mistagged is None
    assert (other.summary(), other.digest) == (evidence.summary(), evidence.digest)
    again, _ = restored(other)
    assert again.folds["facts"].tally.mistagged == other.folds["facts"].tally.mistagged
