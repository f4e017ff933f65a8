"""Scoring: what an arm did wrong is 0, what nobody can know is unscored, and twice is once."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from evaluator.judge.judges.case import Case
from evaluator.judge.judges.judge import Judge
from evaluator.judge.judges.means import Means
from evaluator.judge.judges.scorer import LiveJudging, score, task_of
from evaluator.judge.tagging.tagger import Tag
from evaluator.verifiers.judgement import Failure, Judgement, failed
from telemetry.events import CUT_BY_ROUTER, Arm, InteractionRecorded, ScoreRecorded, ShadowDraw
from tests.evaluator.support.briefs import brief
from tests.evaluator.support.interactions import START, answer, interaction

JUDGE = Judge(brief())

FACTS = Tag(capability="facts", confidence=0.9)
WRONG = "I do not know."


class Away:
    """A judge that could not be had."""

    def __init__(self, version: str = "away") -> None:
        self.version = version

    def means(self, capability: str, prompt: str, *, paired: bool, interaction: str) -> Means:
        return JUDGE.means(capability, prompt, paired=paired, interaction=interaction)

    def judge_case(self, case: Case, means: Means) -> Judgement:  # noqa: ARG002 - a judge's shape
        return failed(Failure("the judge 'j' at http://j", "no answer: ConnectError", START))

    def judge_pair(self, control: Case, candidate: Case, means: Means) -> tuple[Judgement, Judgement]:
        return self.judge_case(control, means), self.judge_case(candidate, means)


def scored(
    event: InteractionRecorded, tag: Tag = FACTS, judge: LiveJudging = JUDGE, at: datetime | None = None
) -> ScoreRecorded:
    return score(task_of(event, tag, judge), judge, at=at)


@pytest.mark.parametrize("arm", ["control", "candidate"])
@pytest.mark.parametrize(("text", "value"), [("It is right0.", 1.0), (WRONG, 0.0)])
def test_an_answer_has_the_value_that_the_judge_gives_it(arm: str, text: str, value: float) -> None:
    found = scored(interaction(arm=arm, given=answer(text, by=arm)))
    assert (found.value, found.unscored, found.failed, found.refused) == (value, None, False, False)
    assert found.capability == "facts"
    assert found.assignment.arm == arm
    assert found.judge == JUDGE.version


@pytest.mark.parametrize("arm", ["control", "candidate"])
def test_what_a_second_replica_made_good_is_judged_as_given_and_failed_all_the_same(arm: str) -> None:
    given = answer("It is right0.", by=arm).model_copy(update={"retried": "status_500"})
    found = scored(interaction(arm=arm, given=given))
    assert (found.value, found.failed) == (1.0, True)


@pytest.mark.parametrize("arm", ["control", "candidate"])
@pytest.mark.parametrize(
    "changes",
    [
        {"status": 500, "text": ""},
        {"status": 503, "error": "connection refused", "text": ""},
        {"status": 0, "error": "timeout", "text": ""},
        {"status": 400, "text": ""},
        {"status": 200, "error": "the stream broke", "text": "It is right0."},
    ],
)
def test_an_arm_that_failed_is_zero_and_never_missing(arm: str, changes: dict[str, object]) -> None:
    found = scored(interaction(arm=arm, given=answer(by=arm, **changes)))
    assert (found.value, found.failed) == (0.0, True)


@pytest.mark.parametrize("reason", ["timeout", "breaker"])
def test_a_candidate_that_base_had_to_answer_for_is_zero_however_good_the_answer(reason: str) -> None:
    found = scored(interaction(arm="candidate", given=answer(by="control"), fallback=reason))
    assert (found.value, found.failed, found.assignment.arm) == (0.0, True, "candidate")


def test_a_refusal_by_the_engine_is_zero() -> None:
    found = scored(interaction(given=answer("It is right0.", finish_reason="content_filter")))
    assert (found.value, found.refused, found.failed) == (0.0, True, False)


def test_a_refusal_in_words_is_marked() -> None:
    found = scored(interaction(given=answer("I'm sorry, but I can't help with that.")))
    assert (found.value, found.refused) == (0.0, True)


def test_a_client_that_left_leaves_nothing_to_judge() -> None:
    found = scored(interaction(given=answer("It is", finish_reason=None), client_left=True))
    assert found.value is None
    assert found.unscored == "client_left"


def test_a_client_that_left_after_the_end_missed_nothing() -> None:
    assert scored(interaction(client_left=True)).value == 1.0


def test_a_client_that_left_an_arm_that_failed_does_not_excuse_it() -> None:
    broken = answer("", status=502, error="reset", finish_reason=None)
    assert scored(interaction(given=broken, client_left=True)).value == 0.0


@pytest.mark.parametrize("arm", ["control", "candidate"])
def test_an_answer_that_the_router_cut_is_nobodys_failure(arm: Arm) -> None:
    cut = answer("It is", by=arm, error=CUT_BY_ROUTER, finish_reason=None)
    found = scored(interaction(arm=arm, given=cut))
    assert (found.value, found.unscored, found.failed) == (None, "router_stopped", False)


def test_a_candidate_that_failed_before_the_router_cut_base_has_failed() -> None:
    cut = answer("It is", error=CUT_BY_ROUTER, finish_reason=None)
    found = scored(interaction(given=cut, fallback="timeout"))
    assert (found.value, found.failed) == (0.0, True)


def test_hashed_text_cannot_be_judged() -> None:
    found = scored(interaction(text_policy="hashed"))
    assert (found.value, found.unscored) == (None, "hashed_text")


def test_what_a_key_without_evidence_asked_is_unscored_whatever_became_of_it() -> None:
    broken = answer("", status=502, error="reset", finish_reason=None)
    for given in (answer("Paris"), broken):
        found = scored(interaction(given=given, counts=False))
        assert (found.value, found.unscored) == (None, "no_evidence")


def test_a_score_says_by_which_key_its_interaction_came() -> None:
    assert scored(interaction(by_key="0f" * 8)).by_key == "0f" * 8
    assert scored(interaction()).by_key is None


def test_an_untagged_interaction_is_unscored_even_where_it_failed() -> None:
    found = scored(interaction(given=answer("", status=500)), Tag(capability=None, confidence=0.2))
    assert (found.value, found.unscored, found.tag_confidence) == (None, "untagged", 0.2)


@pytest.mark.parametrize("changes", [{}, {"status": 500, "text": ""}])
def test_whether_a_prompt_can_be_judged_does_not_depend_on_the_arm(changes: dict[str, object]) -> None:
    found = scored(interaction(prompt="nobody wrote a reference for this", given=answer(**changes)))
    assert found.value is None
    assert found.unscored


@pytest.mark.parametrize("arm", ["control", "candidate"])
@pytest.mark.parametrize(
    ("shadow", "expected"),
    [
        ({}, 1.0),
        ({"text": WRONG}, 0.0),
        ({"status": 500, "text": ""}, 0.0),
        ({"status": 0, "error": "timeout", "text": ""}, 0.0),
        ({"finish_reason": "content_filter"}, 0.0),
    ],
)
def test_a_shadow_is_the_other_value_and_its_failure_is_zero_whichever_arm_it_is(
    arm: str, shadow: dict[str, object], expected: float
) -> None:
    other = "candidate" if arm == "control" else "control"
    found = scored(interaction(arm=arm, shadow=answer(**({"by": other} | shadow))))
    assert (found.value, found.other_value) == (1.0, expected)


def test_the_score_names_the_router_and_keeps_its_draw() -> None:
    draw = ShadowDraw(capability="facts", fraction=0.3, drawn=True)
    found = scored(interaction(source="router-3", draw=draw))
    assert (found.router, found.draw) == ("router-3", draw)


def test_a_candidate_that_failed_is_paired_with_what_control_answered() -> None:
    found = scored(interaction(arm="candidate", fallback="refused", shadow=answer(by="control")))
    assert (found.value, found.other_value) == (0.0, 1.0)


def test_scoring_twice_is_scoring_once() -> None:
    event = interaction()
    first = scored(event, at=START)
    second = scored(event, at=START + timedelta(hours=1))
    assert first.event_id == second.event_id
    assert scored(interaction(1)).event_id != first.event_id


def test_without_a_moment_the_same_interaction_gives_the_same_score() -> None:
    assert scored(interaction()) == scored(interaction())


def test_a_failure_is_told_from_a_result_by_its_code_and_does_not_stand_in_a_later_ones_way() -> None:
    met = interaction(prompt="facts question 3", given=answer("It is right3."))
    lost, cannot = scored(met, judge=Away()), scored(interaction(prompt="no item"))
    assert (lost.unscored, lost.unscored_why) == (
        "failed",
        "no judgement: the judge 'j' at http://j: no answer: ConnectError",
    )
    assert (cannot.unscored, cannot.unscored_why) == ("prompt_not_checkable", None)
    back = scored(met)
    assert back.value == 1.0
    away = Away(JUDGE.version)
    assert scored(met, judge=away).event_id == scored(met, judge=away).event_id
    assert scored(met, judge=away).event_id != back.event_id, (
        "consumers would take one for a repetition of the other"
    )


# --- judges that need base's answer -----------------------------------------------------------------


class Likeness:
    """A judge by base's answer: 1 where it says the same, and what it was handed."""

    version = "likeness"

    def __init__(self) -> None:
        self.cases: list[Case] = []

    def means(self, capability: str, prompt: str, *, paired: bool, interaction: str) -> Means:  # noqa: ARG002
        return Means("learned") if paired else Means(None, "no_pair")

    def judge_case(self, case: Case, means: Means) -> Judgement:  # noqa: ARG002 - a judge's shape
        self.cases.append(case)
        return Judgement(float(case.answer == case.base), "likeness", basis="learned")

    def judge_pair(self, control: Case, candidate: Case, means: Means) -> tuple[Judgement, Judgement]:
        return self.judge_case(control, means), self.judge_case(candidate, means)


@pytest.mark.parametrize(("arm", "values"), [("control", (1.0, 0.0)), ("candidate", (0.0, 1.0))])
def test_both_answers_of_a_pair_stand_beside_bases_whichever_arm_was_assigned(
    arm: str, values: tuple[float, float]
) -> None:
    other = "candidate" if arm == "control" else "control"
    said = {"control": "Paris.", "candidate": "Lyon."}
    met = interaction(arm=arm, given=answer(said[arm], by=arm), shadow=answer(said[other], by=other))
    judge = Likeness()
    found = scored(met, judge=judge)
    assert (found.value, found.other_value) == values
    assert {case.base for case in judge.cases} == {"Paris."}
    assert found.basis == "learned"


@pytest.mark.parametrize("text", ["Paris.", "Lyon.", ""])
def test_whether_there_is_a_score_follows_from_the_pair_and_not_from_what_was_answered(text: str) -> None:
    alone = scored(interaction(given=answer(text)), judge=Likeness())
    assert (alone.value, alone.unscored) == (None, "no_pair")


@pytest.mark.parametrize("arm", ["control", "candidate"])
def test_where_base_failed_nothing_can_be_likened_to_it_whichever_arm_was_assigned(arm: str) -> None:
    broken, fine = answer("", by="control", status=500), answer("Paris.", by="candidate")
    given, shadow = (broken, fine) if arm == "control" else (fine, broken)
    assert (
        scored(interaction(arm=arm, given=given, shadow=shadow), judge=Likeness()).unscored == "base_failed"
    )


def test_a_candidate_that_failed_beside_base_is_zero_by_rule() -> None:
    met = interaction(arm="candidate", fallback="timeout", shadow=answer("Paris.", by="control"))
    found = scored(met, judge=Likeness())
    assert (found.value, found.other_value, found.basis) == (0.0, 1.0, "rule")


@pytest.mark.parametrize("arm", ["control", "candidate"])
def test_a_judge_that_compares_is_shown_control_first_whichever_arm_was_assigned(arm: str) -> None:
    other = "candidate" if arm == "control" else "control"
    said = {"control": "Paris.", "candidate": "Lyon."}

    class Compares(Likeness):
        def judge_pair(self, control: Case, candidate: Case, means: Means) -> tuple[Judgement, Judgement]:  # noqa: ARG002
            assert (control.answer, candidate.answer) == ("Paris.", "Lyon.")
            return Judgement(1.0, "better"), Judgement(0.25, "worse")

    met = interaction(arm=arm, given=answer(said[arm], by=arm), shadow=answer(said[other], by=other))
    found = scored(met, judge=Compares())
    assert {arm: found.value, other: found.other_value} == {"control": 1.0, "candidate": 0.25}
