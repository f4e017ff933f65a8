"""Who judges is chosen by the prompt and by who was asked; no answer has a say."""

from __future__ import annotations

import pytest

from evaluator.briefs.brief import JudgeSettings
from evaluator.judge.judges.means import Means, means_of

ENDPOINT = {"url": "http://127.0.0.1:9", "model": "grader", "rubric": "it helps", "sample": 0.25}


def chosen(settings: JudgeSettings, prompt: str = "What is the capital of Peru?", **changes: object) -> Means:
    asked: dict[str, object] = {"has_reference": False, "learned": False, "encoder": True, "paired": False}
    return means_of(settings, prompt, **({"interaction": "i"} | asked | changes))  # type: ignore[arg-type]  # the keywords above


def settings(*unseen: str, **changes: object) -> JudgeSettings:
    return JudgeSettings.model_validate({"verifier": "contains_answer", "unseen": unseen} | changes)


def test_a_prompt_that_is_an_item_is_judged_by_its_reference() -> None:
    assert chosen(settings("learned"), has_reference=True, learned=True, paired=True) == Means("reference")


def test_what_the_prompt_asks_comes_before_what_was_learnt() -> None:
    sums = settings("prompt", "learned", verifier="number")
    assert chosen(sums, "What is 3 + 4?", learned=True, paired=True) == Means("prompt")
    assert chosen(sums, "How many legs has a spider?", learned=True, paired=True) == Means("learned")


@pytest.mark.parametrize(
    ("learned", "paired", "expected"),
    [
        (True, True, Means("learned")),
        (True, False, Means(None, "no_pair")),
        (False, True, Means(None, "prompt_not_checkable")),
        (False, False, Means(None, "prompt_not_checkable")),
    ],
)
def test_a_learned_judge_needs_both_answers(learned: bool, paired: bool, expected: Means) -> None:
    assert chosen(settings("prompt", "learned"), learned=learned, paired=paired) == expected


def test_the_first_that_can_judges() -> None:
    both = settings("learned", "agreement")
    assert chosen(both, learned=True, paired=True).by == "learned"
    assert chosen(both, learned=False, paired=True).by == "agreement"
    assert chosen(both, learned=False, encoder=False, paired=True) == Means(None, "prompt_not_checkable")


def test_a_learned_judge_is_told_likelihoods_of_its_fraction_and_judges_all() -> None:
    learns = settings("prompt", "learned", base={"likelihood": 0.25})
    found = [
        chosen(learns, learned=True, paired=True, engine=True, interaction=f"i-{n}") for n in range(2000)
    ]
    assert {(one.by, one.fraction) for one in found} == {("learned", 1.0)}
    assert sum(one.asks_base for one in found) / 2000 == pytest.approx(0.25, abs=0.04)
    assert not chosen(learns, learned=True, paired=True, interaction="i-0").asks_base, (
        "nobody knows the engine"
    )


def test_likelihood_judges_its_fraction_paired_or_not_where_the_engine_is_known() -> None:
    likely = settings("prompt", "likelihood", base={"likelihood": 0.25})
    for paired in (False, True):
        found = [chosen(likely, paired=paired, engine=True, interaction=f"i-{n}") for n in range(2000)]
        assert sum(one.by == "likelihood" for one in found) / 2000 == pytest.approx(0.25, abs=0.04)
        assert {one.code for one in found if one.by is None} == {"not_sampled"}
        assert all(one.slow for one in found if one.by is not None)
    assert chosen(likely) == Means(None, "no_judge")


def test_nobody_named_is_nobody_who_judges() -> None:
    assert chosen(settings(), learned=True, paired=True) == Means(None, "no_judge")


def test_a_model_is_asked_about_its_fraction_of_interactions_whoever_answered() -> None:
    model = JudgeSettings.model_validate({"endpoint": ENDPOINT})
    found = [chosen(model, interaction=f"i-{n}") for n in range(2000)]
    asked = sum(one.by == "endpoint" for one in found) / len(found)
    assert asked == pytest.approx(0.25, abs=0.04)
    assert {one.code for one in found if one.by is None} == {"not_sampled"}
    assert {one.fraction for one in found if one.by is not None} == {0.25}


def test_a_model_beside_a_verifier_judges_what_has_no_reference() -> None:
    both = settings("prompt", "endpoint", endpoint=ENDPOINT | {"sample": 1.0})
    assert chosen(both, has_reference=True) == Means("reference")
    assert chosen(both) == Means("endpoint")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"verifier": "contains_answer", "unseen": ("endpoint",)}, "there is none"),
        ({"verifier": "contains_answer", "unseen": ("prompt", "prompt")}, "twice"),
        ({"verifier": "contains_answer", "endpoint": ENDPOINT}, "exactly one of the two"),
        ({"verifier": "contains_answer", "unseen": ("guess",)}, "guess"),
        ({"verifier": "contains_answer", "unseen": ("likelihood",)}, "of which fraction"),
        (
            {
                "verifier": "contains_answer",
                "unseen": ("learned", "likelihood"),
                "base": {"likelihood": 1.0},
            },
            "would count as theirs",
        ),
        (
            {"verifier": "contains_answer", "unseen": ("prompt",), "base": {"likelihood": 1.0}},
            "names neither",
        ),
        ({"verifier": "contains_answer", "base": {"again": 0.1}}, "does not name"),
    ],
)
def test_a_brief_that_names_judges_wrongly_is_refused(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        JudgeSettings.model_validate(wrong)
