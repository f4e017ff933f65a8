"""Two answers say the same where their values are the same, however they are worded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.judge.judges.agreement import agree
from evaluator.judge.judges.case import Case
from evaluator.judge.judges.likeness import likeness

LABELS = {"labels": ["positive", "negative", "neutral"]}


@pytest.mark.parametrize(
    ("verifier", "options", "answer", "base", "expected"),
    [
        ("number", {}, "1,234 in all", "It makes 1234", True),
        ("number", {}, "It is 12.", "It is 13.", False),
        ("number", {}, "no idea", "It is 13.", False),
        ("number", {"which": "first"}, "12, not 13", "12", True),
        ("number", {}, "many", "several", None),
        ("label", LABELS, "It is positive!", "positive", True),
        ("label", LABELS, "negative", "positive", False),
        ("label", LABELS, "positive or negative", "positive", False),
        ("json_keys", {}, '{"a": 1, "b": 2}', 'Sure: ```json\n{"b": 2, "a": 1}\n```', True),
        ("json_keys", {}, '{"a": 2}', '{"a": 1}', False),
        ("json_keys", {}, "none", '{"a": 1}', False),
        ("json_keys", {}, "{{{{", "no object", None),
        ("python_parses", {}, "def f(a):\n    return a", "def f( a ):\n  return a  # as is", True),
        ("python_parses", {}, "def f(a):\n    return -a", "def f(a):\n    return a", None),
        ("contains_answer", {}, "Paris!", "paris", True),
        ("contains_answer", {}, "It is Paris.", "Paris", None),
        (None, {}, "", "Paris", False),
    ],
)
def test_values_decide(
    verifier: str | None, options: dict[str, object], answer: str, base: str, expected: bool | None
) -> None:
    assert agree(verifier, options, answer, base) is expected


@given(
    text=st.text(max_size=60),
    verifier=st.sampled_from([None, "number", "label", "json_keys", "python_parses"]),
)
def test_every_answer_says_what_it_says(text: str, verifier: str | None) -> None:
    assert agree(verifier, LABELS, text, text) is True


@given(
    one=st.text(max_size=60),
    other=st.text(max_size=60),
    verifier=st.sampled_from([None, "number", "label", "json_keys", "python_parses"]),
)
def test_no_pair_of_texts_is_an_error(one: str, other: str, verifier: str | None) -> None:
    assert agree(verifier, LABELS, one, other) in (True, False, None)


def test_deep_nesting_is_no_error() -> None:
    assert agree("json_keys", {}, "[" * 100_000, '{"a": 1}') is False
    assert agree("python_parses", {}, "(" * 100_000, "x = 1") is None


def test_likeness_lies_between_where_values_do_not_decide() -> None:
    def embed(texts: object) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
        assert texts == ["Lima is it.", "It is Lima."]
        return np.array([[1.0, 0.0], [0.6, 0.8]], dtype=np.float32)

    case = Case("facts", "What is the capital of Peru?", "Lima is it.", base="It is Lima.")
    assert likeness(case, "contains_answer", {}, embed).value == pytest.approx(0.6)
    own = Case("facts", "q", "It is Lima.", base="It is Lima.")
    assert likeness(own, "contains_answer", {}, embed).value == 1.0
    alone = Case("facts", "q", "It is Lima.")
    assert likeness(alone, "contains_answer", {}, embed).code == "no_pair"
