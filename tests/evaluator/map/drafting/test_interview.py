"""The interview asks for all that a brief has to say, in one order, and takes only what is an answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.audit.diff.paired import pairs_to_pass
from evaluator.audit.diff.settings import GateSettings
from evaluator.briefs.schema import Brief, Kind
from evaluator.map.drafting.draft import (
    Draft,
    default_threshold,
    filled_shares,
    finished,
    items_for,
    share_trouble,
)
from evaluator.map.drafting.interview import answered, default_of, help_of, next_question, retold
from evaluator.map.drafting.questions import ANOTHER, CAPABILITY, JUDGES, KINDS, TOP
from evaluator.map.drafting.readers import fraction, points
from evaluator.verifiers import VERIFIERS
from telemetry.errors import UsageError
from telemetry.mistakes import keys_at

START = Draft({"folder": "shop"})
ENTER = ""


def interviewed(answers: Mapping[str, str], names: tuple[str, ...] = ("replies", "sums")) -> Draft:
    """A whole interview: Enter wherever a default serves, and `answers` by the id of their questions."""
    draft, named = START, iter((*names, ENTER))
    while (asked := next_question(draft)) is not None:
        text = next(named) if asked.question.key == "name" and asked.capability is not None else None
        usual = (
            ENTER
            if default_of(draft, asked) is not None
            else "style"
            if asked.question.key == "kind"
            else "said"
        )
        draft = answered(draft, asked, answers.get(asked.id, usual) if text is None else text)
    return draft


PROGRAM = {"0.judge": "contains_answer", "1.judge": "number", "0.share": "60%", "1.share": ".4"}


def test_what_was_answered_is_a_brief_that_the_schema_takes() -> None:
    draft = interviewed(
        PROGRAM | {"0.critical": "y", "1.quality": "as  good\tas today", "1.benchmarks": "gsm8k, arc_easy"}
    )
    made = finished(draft)
    for capability in made["capabilities"]:
        capability["exemplars"] = ["a prompt"]
    brief = Brief.model_validate(made)
    assert brief.name == "shop"
    assert [c.role for c in brief.capabilities] == ["target", "adjacent"]
    assert [c.share for c in brief.capabilities] == [0.6, 0.4]
    assert [c.threshold for c in brief.capabilities] == [0.05, 0.1]
    assert brief.capabilities[1].quality == "as good as today"
    assert [b.name for b in brief.capabilities[1].benchmarks] == ["gsm8k", "arc_easy"]


def test_every_question_is_about_a_key_that_a_brief_has() -> None:
    assert {q.key for q in TOP} <= set(keys_at(Brief, ()))
    of_a_judge = {"labels", "opening", "closing", "url", "model", "rubric"}
    assert {q.key for q in CAPABILITY} - of_a_judge <= set(keys_at(Brief, ("capabilities", 0)))


def test_every_kind_is_offered() -> None:
    assert set(KINDS) == set(get_args(Kind))


def test_every_judge_is_offered_with_one_line_that_explains_it() -> None:
    assert set(JUDGES) == {*VERIFIERS, "endpoint"}
    assert all(line.endswith(".") and len(line) < 120 for line in JUDGES.values())


def test_a_judge_is_asked_what_it_needs_and_no_more() -> None:
    labels = interviewed(PROGRAM | {"1.judge": "label", "1.labels": "good, bad"})
    judged = finished(labels)["capabilities"][1]
    assert judged["judge"] == {"verifier": "label", "options": {"labels": ["good", "bad"]}}
    # Guessing one of two labels is right half of the time.
    assert judged["chance"] == 0.5
    graded = interviewed(PROGRAM | {"0.judge": "endpoint", "0.url": "http://judge:8000"})
    assert finished(graded)["capabilities"][0]["judge"]["endpoint"]["url"] == "http://judge:8000"
    assert "chance" not in finished(graded)["capabilities"][0]


@pytest.mark.parametrize(
    ("id_", "text", "said"),
    [
        ("brief.owner", " ", "say something"),
        ("0.kind", "stile", "did you mean 'style'"),
        ("0.share", "150%", "write 55% or 0.55"),
        ("0.share", "half", "write 55% or 0.55"),
        ("0.critical", "maybe", "neither y nor n"),
        ("0.threshold", "0", "write points of a hundred"),
        ("0.facts_change", "hourly", "none of never, yearly"),
        ("0.judge", "contain_answer", "did you mean 'contains_answer'"),
    ],
)
def test_what_is_no_answer_is_refused_with_what_was_expected(id_: str, text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        interviewed(PROGRAM | {id_: text})


def test_names_are_forgiven_capitals_and_refused_twice_and_the_target_is_not_enough() -> None:
    assert interviewed(PROGRAM, ("Support Replies", "sums")).capabilities[0]["name"] == "support_replies"
    with pytest.raises(ValueError, match="named already"):
        interviewed(PROGRAM, ("sums", "sums"))
    with pytest.raises(ValueError, match="name one more"):
        interviewed(PROGRAM, ("sums", ENTER))


def test_what_is_left_for_later_is_todo_in_the_brief() -> None:
    made = finished(
        interviewed(PROGRAM | {"1.why": "?", "1.threshold": "?", "1.judge": "?", "1.critical": "?"})
    )
    one = made["capabilities"][1]
    assert one["why"] == one["threshold"] == one["critical"] == one["judge"]["verifier"] == "TODO"


def test_shares_that_do_not_add_up_are_scaled_or_told_again() -> None:
    scaled = interviewed(PROGRAM | {"1.share": "60%"})
    assert [c["share"] for c in finished(scaled)["capabilities"]] == [0.5, 0.5]
    draft = START
    shares = iter(["60%", "60%", "30%", "70%"])
    choice = {"brief.shares": "a", "0.judge": "number", "1.judge": "number"}
    names, troubles = iter(("replies", "sums", ENTER)), []
    while (asked := next_question(draft)) is not None:
        key = asked.question.key
        if key == "shares":
            troubles.append(help_of(draft, asked))
        usual = ENTER if default_of(draft, asked) is not None else "style" if key == "kind" else "said"
        text = next(shares) if key == "share" else choice.get(asked.id, usual)
        if asked.capability is not None and key == "name":
            text = next(names)
        draft = answered(draft, asked, text)
    assert [c["share"] for c in draft.capabilities] == [0.3, 0.7]
    assert troubles == ["The shares add up to 120.0%, and should to 100%."]


def test_unknown_shares_split_what_the_known_ones_leave() -> None:
    made = finished(interviewed({**PROGRAM, "1.share": ENTER}))
    assert [c["share"] for c in made["capabilities"]] == [0.6, 0.4]
    assert "leaves nothing for the 1 without one" in share_trouble([0.8, 0.2, None])
    assert share_trouble([0.8, None, None]) == ""


@given(st.lists(st.none() | st.floats(0.01, 0.2), min_size=1, max_size=5).filter(lambda s: None in s))
def test_filled_shares_add_up(shares: list[float | None]) -> None:
    assert sum(filled_shares(shares)) == pytest.approx(1.0, abs=0.001)
    assert share_trouble(shares) == ""
    assert share_trouble(filled_shares(shares)) == ""


def test_an_interview_told_again_comes_to_the_same_draft() -> None:
    told: list[tuple[str, str]] = []
    draft, names = START, iter(("replies", "sums", ENTER))
    while (asked := next_question(draft)) is not None:
        usual = (
            ENTER
            if default_of(draft, asked) is not None
            else "style"
            if asked.question.key == "kind"
            else "said"
        )
        text = next(names) if asked.capability is not None and asked.question.key == "name" else usual
        text = PROGRAM.get(asked.id, text)
        draft = answered(draft, asked, text)
        told.append((asked.id, text))
    for length in (0, 3, len(told) // 2, len(told)):
        again = retold(retold(START, told[:length]), told[length:])
        assert again == draft
    with pytest.raises(
        UsageError, match=r"answer 2 is to 'brief\.summary', and the question there is 'brief\.owner'"
    ):
        retold(START, [told[0], told[2]])


@pytest.mark.parametrize(
    ("known", "threshold"),
    [
        ({"critical": True, "kind": "reasoning"}, 0.03),
        ({"critical": True}, 0.05),
        ({"critical": False}, 0.1),
        ({}, 0.1),
    ],
)
def test_the_usual_threshold_is_told_with_its_reason_and_its_price(
    known: dict[str, Any], threshold: float
) -> None:
    value, why = default_threshold(known)
    assert value == threshold
    assert f"only with {pairs_to_pass(threshold, GateSettings().alpha_pass)} items" in why


def test_the_number_of_items_is_the_gates_own() -> None:
    for threshold in (0.01, 0.03, 0.05, 0.1, 0.2):
        assert items_for(threshold) == pairs_to_pass(threshold, GateSettings().alpha_pass)


def test_shares_and_points_are_read_as_people_write_them() -> None:
    assert (fraction("7%"), fraction("0.07"), fraction(".07")) == (0.07, 0.07, 0.07)
    assert (points("5"), points("5%"), points("0.05"), points("1 point")) == (0.05, 0.05, 0.05, 0.01)
    for text in ("1", "0", "-3%", "100%", ""):
        with pytest.raises(ValueError, match="no share"):
            fraction(text)
    assert ANOTHER.read(" ") is None
