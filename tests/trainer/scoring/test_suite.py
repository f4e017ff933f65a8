from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from evaluator.briefs.brief import LoadedBrief
from evaluator.briefs.items import Item
from evaluator.judge.judges.failed import JudgeFailed
from evaluator.judge.judges.judge import Judge
from evaluator.verifiers.judgement import Failure, Judgement, failed
from telemetry.errors import BriefError
from tests.evaluator.support import briefs
from trainer.scoring.suite import CHUNK, Question, Suite, target_prompts, tuning_items

ITEMS = 40
Answering = Callable[[Sequence[Question]], list[str]]


def loaded(split: str = "tuning") -> LoadedBrief:
    """The tests' brief with `ITEMS` items to tune on beside its audit items."""
    made = briefs.brief(items=3)
    items = {
        name: (
            *group,
            *(
                Item(id=f"{name}-x{n}", prompt=f"{name} tuning {n}", reference=f"right{n}", split=split)  # type: ignore[arg-type]
                for n in range(ITEMS)
            ),
        )
        for name, group in made.items.items()
    }
    return made.model_copy(update={"items": items})


def answering(asked: list[Question] | None = None, **right: float) -> Answering:
    """A model that knows the first part of each capability's tuning items."""

    def answer(questions: Sequence[Question]) -> list[str]:
        if asked is not None:
            asked.extend(questions)
        found = []
        for question in questions:
            number = int(question.prompt.split()[-1])
            knows = number < right.get(question.capability, 1.0) * ITEMS
            found.append(f"It is right{number}." if knows else "<b>I do not know</b>")
        return found

    return answer


def suite(base: Answering | None = None, items: int = ITEMS, **changes: Any) -> Suite:
    brief = loaded()
    return Suite(brief, Judge(brief), base or answering(), items, 7, **changes)


def test_only_tuning_items_are_asked_of_base_and_candidate() -> None:
    asked: list[Question] = []
    suite(answering(asked)).evaluate(1, answering(asked))
    assert asked
    assert all(" tuning " in question.prompt for question in asked)


def test_items_of_the_split_tuning_come_before_those_of_the_traffic() -> None:
    assert {i.split for i in tuning_items(loaded("tuning"), "facts")} == {"tuning"}
    assert {i.split for i in tuning_items(loaded("traffic"), "facts")} == {"traffic"}


@pytest.mark.parametrize("most", [1, 5, 500])
def test_the_target_s_prompts_are_tuning_ones_that_were_not_trained_on_and_those_that_are_asked_first(
    most: int,
) -> None:
    asked: list[Question] = []
    trained_on = {f"support tuning {n}" for n in range(0, ITEMS, 2)}
    suite(answering(asked), trained_on=trained_on)
    found = target_prompts(loaded(), most, 7, trained_on)
    assert list(found) == [q.prompt for q in asked if q.capability == "support"][:most]
    assert set(found) <= {f"support tuning {n}" for n in range(1, ITEMS, 2)}
    assert len(found) == min(most, ITEMS // 2)


def test_a_capability_with_audit_items_only_is_refused() -> None:
    brief = loaded("audit")
    only = {name: tuple(i for i in group if i.split == "audit") for name, group in brief.items.items()}
    with pytest.raises(BriefError, match="'facts' has audit items only"):
        tuning_items(brief.model_copy(update={"items": only}), "facts")


def test_scores_are_the_means_over_the_items_that_were_asked() -> None:
    found = suite(answering(facts=0.5)).evaluate(4, answering(support=0.75, facts=0.5))
    assert found.step == 4
    assert found.target == 0.75
    by_name = {score.name: score for score in found.capabilities}
    assert (by_name["support"].n, by_name["support"].base) == (ITEMS, 1.0)
    assert by_name["facts"].base == by_name["facts"].candidate == pytest.approx(0.5, abs=0.15)


def test_asking_stops_once_a_capability_has_certainly_fallen() -> None:
    found = suite().evaluate(1, answering(facts=0.0))
    assert found.over == ("facts",)
    by_name = {score.name: score for score in found.capabilities}
    assert by_name["facts"].n == 2 * CHUNK
    assert by_name["sums"].n > 2 * CHUNK
    assert by_name["sums"].verdict == "pass"


def test_the_target_is_asked_everything_even_where_its_verdict_is_certain() -> None:
    found = suite().evaluate(1, answering(support=0.0))
    assert found.over == ("support",)
    assert found.capabilities[0].n == ITEMS


def test_a_capability_at_the_floor_is_not_asked_of_the_candidate_unless_it_is_the_target() -> None:
    asked: list[Question] = []
    found = suite(answering(facts=0.0, support=0.0)).evaluate(1, answering(asked))
    assert {question.capability for question in asked} == {"support", "sums", "riddles"}
    by_name = {score.name: score for score in found.capabilities}
    assert by_name["facts"].floor
    assert (by_name["facts"].n, by_name["facts"].candidate) == (0, None)
    assert (by_name["support"].n, by_name["support"].candidate) == (ITEMS, 1.0)


def test_at_most_so_many_items_are_asked_the_same_ones_each_time() -> None:
    first: list[Question] = []
    again: list[Question] = []
    suite(items=10).evaluate(1, answering(first))
    suite(items=10).evaluate(2, answering(again))
    assert first == again
    assert len(first) == 4 * 10


def test_clusters_stay_whole_and_are_one_draw() -> None:
    brief = loaded()
    clustered = {
        name: tuple(
            i.model_copy(update={"cluster": f"c{int(i.id.split('x')[1]) // 4}"}) for i in group if "x" in i.id
        )
        for name, group in brief.items.items()
    }
    asked: list[Question] = []
    made = brief.model_copy(update={"items": clustered})
    Suite(made, Judge(made), answering(asked), 10, 7)
    numbers = sorted(int(q.prompt.split()[-1]) for q in asked if q.capability == "facts")
    assert len(numbers) == 8
    assert {number // 4 for number in numbers} == {numbers[0] // 4, numbers[-1] // 4}


def test_only_the_named_capabilities_are_asked() -> None:
    asked: list[Question] = []
    found = suite(only=("support",)).evaluate(1, answering(asked))
    assert {question.capability for question in asked} == {"support"}
    assert found.retention is None


def test_large_batches_are_asked_since_they_answer_quicker() -> None:
    sizes: list[int] = []

    def counting(questions: Sequence[Question]) -> list[str]:
        sizes.append(len(questions))
        return answering()(questions)

    suite(answering(), items=16).evaluate(1, counting)
    assert sizes[0] == 4 * CHUNK


class Judged:
    """A judge of its own for one capability: what it says of every answer; a program judges the others."""

    version = "1"

    def __init__(self, capability: str, said: Judgement) -> None:
        self._capability, self._said, self._others = capability, said, Judge(loaded())

    def judge(self, capability: str, prompt: str, answer: str) -> Judgement:
        return (
            self._said if capability == self._capability else self._others.judge(capability, prompt, answer)
        )


def test_no_checkpoint_is_scored_by_a_judge_that_could_not_be_had() -> None:
    away = failed(Failure("the judge 'j' at http://j", "away", datetime(2026, 3, 2, tzinfo=UTC)))
    with pytest.raises(JudgeFailed, match="failed 40 of 40 judgements of 'facts'"):
        Suite(loaded(), Judged("facts", away), answering(), ITEMS, 7)


def test_what_no_judge_can_score_is_not_measured_and_not_at_the_floor() -> None:
    blind = Suite(loaded(), Judged("facts", Judgement(None, "cannot tell")), answering(), ITEMS, 7)
    facts = blind.evaluate(1, answering()).capabilities[1]
    assert (facts.verdict, facts.n) == ("inconclusive", 0)
    assert facts.floor == "not measured: none of 40 of base's answers was scored"
