"""Scores beside the truth: joined by interaction, tags, scores and their errors counted apart."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.watch.reporting.against_truth import Known, against_truth
from evaluator.watch.reporting.page import truths
from telemetry.events import Arm, Assignment, ScoreRecorded
from tests.evaluator.support.scores import START


def score(
    name: str,
    capability: str | None,
    value: float | None,
    *,
    arm: Arm = "control",
    failed: bool = False,
) -> ScoreRecorded:
    assignment = Assignment(
        subject="00" * 16, subject_source="session", arm=arm, share=0.5, stage=0, revision=1
    )
    return ScoreRecorded(
        source="test",
        rollout_id="r",
        interaction_id=name,
        interaction_time=START,
        assignment=assignment,
        capability=capability,
        tag_confidence=0.9,
        value=value,
        unscored=None if value is not None else "nobody can tell",
        judge="test",
        failed=failed,
    )


def test_tags_are_right_where_they_name_the_capability_or_leave_out_what_has_none() -> None:
    known = [
        Known("a", "facts", 1.0), Known("b", "facts", 1.0), Known("c", "json", 1.0), Known("d", None, None),
        Known("e", None, None), Known("never recorded", "facts", 1.0),
    ]  # fmt: skip
    scores = [
        score("a", "facts", 1.0), score("b", None, None), score("c", "facts", 1.0), score("d", None, None),
        score("e", "facts", None), score("somebody else's", "facts", 1.0),
    ]  # fmt: skip
    found = against_truth(known, scores)
    assert (found.known, found.in_scope, found.tagged) == (5, 3, 3)
    assert found.tags_right == pytest.approx(2 / 5)
    assert found.in_scope_right == pytest.approx(1 / 3)
    assert found.strangers_untagged == pytest.approx(1 / 2)
    assert found.scored == pytest.approx(2 / 3)


def test_a_score_agrees_within_a_quarter_and_errors_keep_their_sign_per_arm() -> None:
    known = [Known(name, "facts", value) for name, value in zip("abcd", (1.0, 1.0, 0.0, 0.0), strict=True)]
    scores = [
        score("a", "facts", 0.75),
        score("b", "facts", 0.7),
        score("c", "facts", 0.0, arm="candidate"),
        score("d", "facts", 0.9, arm="candidate"),
    ]
    found = against_truth(known, scores)
    assert found.overall is not None
    assert found.overall.close == pytest.approx(2 / 4)
    assert found.overall.auc == pytest.approx(2 / 4)  # of four pairs the right one is ahead in two
    assert found.by_arm["control"].error == pytest.approx((0.75 + 0.7 - 2.0) / 2)
    assert found.by_arm["candidate"].error == pytest.approx(0.45)
    assert found.by_arm["control"].auc is None, "no wrong answer to tell from"


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.sampled_from([0.0, 1.0])), min_size=1))
def test_the_auc_is_the_share_of_pairs_in_which_the_right_answer_is_ahead(
    both: list[tuple[float, float]],
) -> None:
    known = [Known(str(number), "facts", truth) for number, (_, truth) in enumerate(both)]
    found = against_truth(known, [score(str(n), "facts", value) for n, (value, _) in enumerate(both)])
    right = [value for value, truth in both if truth == 1.0]
    wrong = [value for value, truth in both if truth == 0.0]
    assert found.overall is not None
    if not right or not wrong:
        assert found.overall.auc is None
        return
    ahead = sum(1.0 if a > b else 0.5 if a == b else 0.0 for a, b in itertools.product(right, wrong))
    assert found.overall.auc == pytest.approx(ahead / (len(right) * len(wrong)))


def test_what_failed_on_the_way_counts_for_its_tag_alone() -> None:
    found = against_truth([Known("a", "facts", 1.0)], [score("a", "facts", 0.0, failed=True)])
    assert (found.tags_right, found.scored) == (1.0, 1.0)
    assert found.overall is None


def test_what_users_got_is_counted_by_what_they_asked_for_whatever_it_was_taken_for() -> None:
    known = [
        Known("a", "json", 1.0),
        Known("b", "json", 0.5),
        Known("c", "json", 0.0),
        Known("d", None, None),
    ]
    scores = [
        score("a", "facts", 1.0),
        score("b", None, None),
        score("c", "json", 1.0, arm="candidate"),
        score("d", "json", 1.0),
    ]
    served = against_truth(known, scores).served
    assert {name: {arm: (c.n, c.mean) for arm, c in arms.items()} for name, arms in served.items()} == {
        "json": {"control": (2, 0.75), "candidate": (1, 0.0)}
    }


def test_a_score_that_came_later_takes_the_place_of_none() -> None:
    scores = [score("a", "facts", None), score("a", "facts", 1.0), score("a", "facts", 0.0)]
    found = against_truth([Known("a", "facts", 1.0)], scores)
    assert found.overall is not None
    assert (found.known, found.overall.n, found.overall.close) == (1, 1, 1.0)


def test_of_nothing_there_is_no_share() -> None:
    found = against_truth([], [score("a", "facts", 1.0)])
    assert found.known == 0
    assert (found.tags_right, found.scored, found.overall) == (None, None, None)
    assert truths(found) == []


def test_what_is_told_has_tags_scores_agreement_and_the_error_of_each_arm() -> None:
    known = [Known("a", "facts", 1.0), Known("b", "facts", 0.0), Known("c", None, None)]
    scores = [score("a", "facts", 1.0), score("b", "facts", 0.0), score("c", None, None)]
    told = [f"{value} {label}" for value, label in truths(against_truth(known, scores))]
    assert told == [
        "100% of 3 tags were right",
        "100% of 1 outside the brief were left untagged",
        "100% of 2 tagged interactions got a score",
        "100% of 2 scores agree with the truth (AUC 1.00)",
        "+0.0 points between control's mean score and its truth (2)",
    ]
