"""One subject, or one prompt of nobody's, has a bounded part of the evidence."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.watch.evidence.fold import RolloutEvidence
from evaluator.watch.evidence.repeats import LARGEST_PART, OF_PROMPT, WINDOW, Repeats, of_subject
from telemetry.events import ScoreRecorded
from telemetry.subjects import unit_of
from tests.evaluator.support.scores import restored, rollout, score

offers = st.builds(
    lambda seed, many, few: [
        random.Random(f"{seed}/{at}").choice([None, *range(1, few)]) for at in range(many)
    ],
    st.integers(0, 1_000),
    st.integers(0, 3 * WINDOW),
    st.integers(2, 2 * WINDOW),
)


@given(offers, st.integers(1, 6))
def test_of_any_window_of_offers_at_most_so_many_of_one_subject_count(
    offered: list[int | None], most: int
) -> None:
    repeats = Repeats()
    counted = [repeats.admits(who, most) for who in offered]
    for end in range(len(offered)):
        before = [
            at for at in range(max(0, end - WINDOW + 1), end) if counted[at] and offered[at] == offered[end]
        ]
        assert counted[end] == (offered[end] is None or len(before) < most)


@given(offers, offers)
def test_a_window_goes_on_from_its_snapshot_as_if_it_had_not_been_interrupted(
    before: list[int | None], after: list[int | None]
) -> None:
    straight, through = Repeats(), Repeats()
    for who in before:
        assert straight.admits(who, 1) == through.admits(who, 1)
    through = Repeats.from_text(through.to_text())
    assert [straight.admits(who, 1) for who in after] == [through.admits(who, 1) for who in after]


@pytest.mark.parametrize("text", ["101", "x", "AAAAAAA", "A" * 640])
def test_a_window_that_nobody_wrote_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"window|base64|padding|buffer"):
        Repeats.from_text(text)


@given(st.floats(0.001, 1.0))
def test_the_most_of_one_subject_that_cannot_reach_the_threshold_counts_but_at_least_one(
    threshold: float,
) -> None:
    others = WINDOW * (1 - LARGEST_PART)
    reached = [k for k in range(1, WINDOW + 1) if k / (k + others) >= threshold - 1e-12]
    assert of_subject(threshold) == max(1, min([*reached, WINDOW + 1]) - 1)


def _traffic(
    count: int,
    seed: int,
    *,
    part: float,
    theirs: tuple[float, float],
    others: tuple[float, float],
    source: str = "session",
) -> Iterator[ScoreRecorded]:
    """Pairs, `part` of them of one client; the chances that control and candidate are right, of its and of others'."""
    rng = random.Random(seed)
    for number in range(count):
        hers = rng.random() < part
        control, candidate = (float(rng.random() < chance) for chance in (theirs if hers else others))
        again = hers and source == "session"
        subject = hashlib.sha256(b"her" if again else f"{seed}/{number}".encode()).hexdigest()[:32]
        arm = "candidate" if unit_of(subject) < 0.25 else "control"
        mine, other = (candidate, control) if arm == "candidate" else (control, candidate)
        made = score(
            number, subject=subject, arm=arm, share=0.25, capability="facts", value=mine, other=other
        )
        who = made.assignment.model_copy(update={"subject_source": source})
        prompt = None if source == "session" else "same" if hers else f"prompt {number}"
        yield made.model_copy(update={"assignment": who, "prompt": prompt})


def _until_rolled_back(traffic: Iterator[ScoreRecorded]) -> int | None:
    evidence = RolloutEvidence(rollout(("target", "facts"), threshold=0.05))
    for offset, one in enumerate(traffic):
        evidence.settle(one, 0, offset)
        if evidence.breached:
            return offset + 1
    return None


@pytest.mark.parametrize("part", [0.1, 0.3, 0.6])
def test_one_session_cannot_force_a_rollback_with_a_prompt_that_the_candidate_fails(part: float) -> None:
    for seed in range(5):
        attack = _traffic(3_000, seed, part=part, theirs=(1, 0), others=(0.9, 0.9))
        assert _until_rolled_back(attack) is None


def test_one_session_cannot_hide_a_drop_behind_prompts_that_the_candidate_alone_solves() -> None:
    for seed in range(5):
        attack = _traffic(3_000, seed, part=0.3, theirs=(0, 1), others=(0.9, 0.6))
        found = _until_rolled_back(attack)
        assert found is not None
        assert found < 1_000


def test_a_probe_without_a_session_that_asks_the_same_again_is_a_few_voices_only() -> None:
    for seed in range(5):
        probe = _traffic(3_000, seed, part=0.1, theirs=(1, 0), others=(0.9, 0.9), source="request")
        assert _until_rolled_back(probe) is None


def test_a_question_that_many_ask_without_a_session_is_still_found_where_the_candidate_fails_it() -> None:
    for seed in range(5):
        asked = _traffic(3_000, seed, part=0.9, theirs=(1, 0), others=(0.9, 0.9), source="request")
        assert _until_rolled_back(asked) is not None


def test_what_is_set_aside_is_counted_and_neither_bet_on_nor_learnt_from() -> None:
    evidence = RolloutEvidence(rollout(("target", "facts")))
    fold = evidence.folds["facts"]
    for number in range(WINDOW):
        evidence.settle(score(number, subject="ab" * 16, value=1.0, other=0.0), 0, number)
    assert (fold.tally.pairs, fold.tally.set_aside) == (fold.most, WINDOW - fold.most)
    assert fold.past.control.n == RolloutEvidence(evidence.spec).folds["facts"].past.control.n + fold.most
    assert evidence.summary()[1].set_aside == WINDOW - fold.most
    assert evidence.stage_units[0] == fold.most


def test_units_of_nobody_in_particular_are_told_apart_by_their_prompts() -> None:
    evidence = RolloutEvidence(rollout(("target", "facts")))
    for number in range(2 * OF_PROMPT):
        one = score(number, subject=f"{number:032x}")
        who = one.assignment.model_copy(update={"subject_source": "request"})
        evidence.settle(one.model_copy(update={"assignment": who, "prompt": "ping"}), 0, number)
    tally = evidence.folds["facts"].tally
    assert (tally.units[0], tally.set_aside) == (OF_PROMPT, OF_PROMPT)


def test_evidence_goes_on_from_a_snapshot_to_the_same_bits() -> None:
    traffic = list(_traffic(400, 1, part=0.4, theirs=(1, 0), others=(0.9, 0.8)))
    straight = RolloutEvidence(rollout(("target", "facts")))
    through, entries = RolloutEvidence(straight.spec), b""
    for offset, one in enumerate(traffic):
        straight.settle(one, 0, offset)
        through.settle(one, 0, offset)
        if offset % 37 == 0:
            through, entries = restored(through, entries)
    assert through.to_snapshot() == straight.to_snapshot()
    assert straight.folds["facts"].tally.set_aside > 100
