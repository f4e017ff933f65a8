"""The judge suite: known answers in, error rates with their bounds out; what cannot be used is named by its line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from evaluator.briefs.brief import LoadedBrief
from evaluator.judge.judges.judge import Judge
from evaluator.judge.judges.suite import (
    JudgeFinding,
    KnownAnswer,
    finding,
    load_judge_suite,
    run_judge_suite,
)
from evaluator.verifiers import Judgement
from telemetry.errors import BriefError
from tests.evaluator.support.briefs import brief


def known(*good: bool, capability: str = "facts") -> list[KnownAnswer]:
    return [
        KnownAnswer(capability=capability, prompt=f"{n}?", answer=f"{n}!", good=g) for n, g in enumerate(good)
    ]


def said(*values: float | None) -> list[Judgement]:
    return [Judgement(value, "as told") for value in values]


def found(good_right: int, good: int, bad_right: int, bad: int) -> JudgeFinding:
    answers = known(*[True] * good, *[False] * bad)
    values = [1.0] * good_right + [0.0] * (good - good_right) + [0.0] * bad_right + [1.0] * (bad - bad_right)
    return finding("facts", answers, said(*values))


def suite(folder: Path, *lines: Any) -> LoadedBrief:
    """A brief of three capabilities with these lines as its suite; text as it is, anything else as JSON."""
    loaded = brief()
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    (folder / "suite.jsonl").write_text(text)
    named = loaded.brief.model_copy(update={"judge_suite": "suite.jsonl"})
    return loaded.model_copy(update={"brief": named, "folder": folder})


def line(answer: str, good: bool, **changes: Any) -> dict[str, Any]:
    return {"capability": "facts", "prompt": "facts question 3", "answer": answer, "good": good} | changes


@given(st.integers(1, 40), st.integers(1, 40), st.data())
def test_the_bounds_are_those_of_two_exact_tests_at_half_the_error_each(
    good: int, bad: int, data: Any
) -> None:
    right, wrong = data.draw(st.integers(0, good)), data.draw(st.integers(0, bad))
    error = found(right, good, wrong, bad).error
    for interval, hits, n in ((error.sensitivity, right, good), (error.specificity, wrong, bad)):
        assert interval.estimate == pytest.approx(hits / n)
        # Clopper and Pearson: at each bound what was seen, or more extreme, has probability .0125.
        assert hits == 0 or binom.sf(hits - 1, n, interval.low) == pytest.approx(0.0125, rel=1e-6)
        assert hits == n or binom.cdf(hits, n, interval.high) == pytest.approx(0.0125, rel=1e-6)


def test_a_judge_tells_apart_where_j_is_above_0_at_its_lower_bound() -> None:
    assert found(20, 20, 20, 20).tells_apart
    assert not found(10, 20, 10, 20).tells_apart  # a coin
    assert not found(20, 20, 0, 20).tells_apart  # says that everything is good
    assert not found(3, 3, 3, 3).tells_apart  # errs in none of six, which luck may do
    for right in range(21):
        one = found(right, 20, right, 20)
        assert one.tells_apart == (one.error.power.low > 0.0)


def test_half_credit_is_not_good_and_what_cannot_be_judged_is_a_mistake() -> None:
    one = finding("facts", known(True, True, True, False, False), said(0.51, 0.5, None, 0.5, None))
    assert [m.known.prompt for m in one.mistakes] == ["1?", "2?", "4?"]
    assert (one.n, one.unscored) == (5, 2)
    assert one.error.sensitivity.estimate == pytest.approx(1 / 3)
    assert one.error.specificity.estimate == pytest.approx(1 / 2)


def test_the_briefs_suite_is_judged_by_the_briefs_judge(tmp_path: Path) -> None:
    loaded = suite(
        tmp_path,
        line("It is right3.", True),
        line("It is wrong.", False),
        "",
        line("right3, or so", False),
        line("right4", True, capability="sums", prompt="sums question 4"),
        line("no", False, capability="sums", prompt="sums question 4"),
    )
    results = run_judge_suite(loaded, Judge(loaded))
    assert list(results) == ["facts", "sums"]
    assert [m.known.answer for m in results["facts"].mistakes] == ["right3, or so"]
    assert results["facts"].mistakes[0].judgement.value == 1.0
    assert results["sums"].mistakes == ()


def test_a_brief_without_a_suite_has_no_findings() -> None:
    assert run_judge_suite(brief(), Judge(brief())) == {}


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("{", "line 2: not valid JSON"),
        ([1], "line 2: not a known answer"),
        (
            {"capability": "facts", "prompt": "p", "answer": "a"},
            "line 2: not a known answer: good: Field required",
        ),
        (line("a", True) | {"good": "yes"}, "line 2: not a known answer: good"),
        (line("a", True) | {"note": "x"}, "line 2: not a known answer: note"),
        (line("a", True, capability="poems"), "line 2: the brief names no capability 'poems'"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(tmp_path: Path, bad: Any, words: str) -> None:
    loaded = suite(tmp_path, line("a", False), bad)
    with pytest.raises(BriefError) as caught:
        load_judge_suite(loaded)
    assert f"{tmp_path / 'suite.jsonl'}, {words}" in str(caught.value)


def test_answers_of_one_kind_alone_measure_nothing(tmp_path: Path) -> None:
    with pytest.raises(BriefError, match="'facts' has 2 good answers and no bad one"):
        load_judge_suite(suite(tmp_path, line("a", True), line("b", True)))


def test_a_suite_that_is_gone_is_named(tmp_path: Path) -> None:
    loaded = suite(tmp_path)
    (tmp_path / "suite.jsonl").unlink()
    with pytest.raises(BriefError, match=r"suite\.jsonl does not exist"):
        load_judge_suite(loaded)
