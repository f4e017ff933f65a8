"""What each verifier accepts, what it refuses, and where it cannot tell."""

from __future__ import annotations

import doctest
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.verifiers import (
    VERIFIERS,
    Judgement,
    is_refusal,
    json_values,
    judgement,
    labels,
    numbers,
    phrases,
    stated,
    text,
)

STYLE = {"opening": "Thanks for writing to Belay Outfitters", "closing": "Climb safe"}
POLICY = {"facts": ["within 14 days"], "desk": "Returns desk"}
STORY = "Maria walked to the lake. She swam for an hour. In the evening it rained."
FENCED = "```python\ndef add(a, b):\n    return a + b\n```\n\nThis adds"

# A reference and options with which each verifier can judge.
USABLE: dict[str, tuple[Any, dict[str, Any]]] = {
    "contains_answer": ("Paris", {}),
    "extraction": ("48213", {"max_other_words": 14}),
    "json_keys": ({"name": "Anna", "age": 34}, {}),
    "label": ("positive", {"labels": ["positive", "negative"]}),
    "list_of": ({"n": 3, "style": "numbered"}, {}),
    "number": (12, {}),
    "one_sentence": (STORY, {}),
    "python_parses": ({"function": "add", "arguments": 2, "contains": ["return"]}, {}),
    "support_reply": (POLICY, STYLE),
}


def value(name: str, answer: str, reference: Any = None, **options: Any) -> float | None:
    usable, usual = USABLE[name]
    return VERIFIERS[name](answer, usable if reference is None else reference, "", usual | options).value


def test_every_verifier_is_covered_here() -> None:
    assert set(USABLE) == set(VERIFIERS)


@pytest.mark.parametrize("name", sorted(VERIFIERS))
@pytest.mark.parametrize("answer", ["", "  \n"])
def test_an_empty_answer_is_zero(name: str, answer: str) -> None:
    assert value(name, answer) == 0.0


@pytest.mark.parametrize("name", sorted(VERIFIERS))
@pytest.mark.parametrize("answer", ["", "an answer"])
def test_without_a_reference_it_cannot_tell_whatever_the_answer(name: str, answer: str) -> None:
    found = VERIFIERS[name](answer, None, "", USABLE[name][1])
    assert found.value is None
    assert found.reason


@pytest.mark.parametrize("name", sorted(VERIFIERS))
@given(answer=st.text(max_size=200))
def test_any_text_gets_the_same_judgement_twice(name: str, answer: str) -> None:
    reference, options = USABLE[name]
    first = VERIFIERS[name](answer, reference, "", options)
    assert first.value is not None
    assert first == VERIFIERS[name](answer, reference, "", options)


CASES: list[tuple[str, str, Any, dict[str, Any], float]] = [
    # contains_answer
    ("contains_answer", "The capital of France is PARIS.", None, {}, 1.0),
    ("contains_answer", "Parisian cafes", None, {}, 0.0),
    ("contains_answer", "It is Farsi.", ["Persian", "Farsi"], {}, 1.0),
    ("contains_answer", "It is Lyon.", None, {}, 0.0),
    ("contains_answer", "Rome, Berlin, Madrid, Oslo and Paris", None, {"max_words": 5}, 0.0),
    ("contains_answer", "Canberra, Paris", None, {"max_words": 5}, 1.0),
    # label
    ("label", "The sentiment is Positive.", None, {}, 1.0),
    ("label", "It is negative.", None, {}, 0.0),
    ("label", "Both positive and negative.", None, {}, 0.0),
    ("label", "It is neutral.", None, {}, 0.0),
    # extraction
    ("extraction", '"48213".', None, {"max_other_words": 0}, 1.0),
    ("extraction", "The order number is 48213.", None, {}, 1.0),
    ("extraction", "The order number is 48213.", None, {"max_other_words": 0}, 0.0),
    ("extraction", "48214", None, {}, 0.0),
    ("extraction", "1482133", None, {}, 0.0),
    ("extraction", "48213 " + "and so on " * 10, None, {}, 0.0),
    # number
    ("number", "7 + 5 = 12", None, {}, 1.0),
    ("number", "12 is 7 + 5", None, {}, 1.0),
    ("number", "12 then 5", None, {}, 0.0),
    ("number", "12 then 5", None, {"which": "first"}, 1.0),
    ("number", "That makes 1,200.50 euros.", 1200.5, {}, 1.0),
    ("number", "It is -3.", -3, {}, 1.0),
    ("number", "twelve", None, {}, 1.0),
    ("number", "A12", None, {}, 0.0),
    # json_keys
    ("json_keys", '```json\n{"age": "34", "name": "anna"}\n```', None, {}, 1.0),
    ("json_keys", 'Here: {"name": "Anna", "age": 34} as you asked', None, {}, 1.0),
    ("json_keys", '{"name": "Anna", "age": 35}', None, {}, 0.5),
    ("json_keys", '{"name": "Anna"}', None, {}, 0.0),
    ("json_keys", '{"name": "Anna", "age": 34, "city": "Oslo"}', None, {}, 0.0),
    ("json_keys", "{name: Anna, age: 34}", None, {}, 0.0),
    ("json_keys", '["name", "age"]', None, {}, 0.0),
    ("json_keys", '{"name": true, "age": [34]}', None, {}, 0.5),
    ("json_keys", '{"name": "Anna", "age": 1' + "0" * 400 + "}", None, {}, 0.5),
    ("json_keys", '{"name": "Anna", "age": 1' + "0" * 5000 + "}", None, {}, 0.0),
    ("json_keys", '{"name": ' + "[" * 100_000, None, {}, 0.0),
    ("json_keys", '{"name": "anyone"}', {"name": None}, {}, 1.0),
    # list_of
    ("list_of", "1. dog\n2. cat\n3. bird", None, {}, 1.0),
    ("list_of", "Here are three animals:\n\n1) dog\n2) cat\n3) bird", None, {}, 1.0),
    ("list_of", "1. dog\n2. cat", None, {}, 0.0),
    ("list_of", "1. dog\n2. cat\n3. Dog", None, {}, 0.0),
    ("list_of", "1. dog\n2. cat\n3. bird\nThese are animals.", None, {}, 0.0),
    ("list_of", "dog, cat, bird", None, {}, 0.0),
    ("list_of", "- dog\n- cat\n- bird", {"n": 3, "style": "bulleted"}, {}, 1.0),
    ("list_of", "- dog\n- cat\n- bird", None, {}, 0.0),
    # one_sentence
    ("one_sentence", "Maria walked to the lake, swam for an hour and met the rain.", None, {}, 1.0),
    ("one_sentence", "Maria swam. Then it rained in the evening.", None, {}, 0.0),
    ("one_sentence", "Maria swam.", None, {}, 0.0),
    ("one_sentence", "Thanks for writing to Belay Outfitters about your broken tent today!", None, {}, 0.0),
    ("one_sentence", "Maria walked to the lake and swam " + "and swam " * 30, None, {}, 0.0),
    ("one_sentence", "Dr. Maria swam in the lake for an hour.", None, {}, 1.0),
    # python_parses
    ("python_parses", FENCED, None, {}, 1.0),
    ("python_parses", "def add(a, b):\n    return a + b", None, {}, 1.0),
    ("python_parses", "Sure! def add(a, b): return a + b", None, {}, 0.0),
    ("python_parses", "```python\ndef add(a, b):\n    return (a +", None, {}, 0.0),
    ("python_parses", "def plus(a, b):\n    return a + b", None, {}, 0.0),
    ("python_parses", "def add(a):\n    return a", None, {}, 0.5),
    ("python_parses", "def add(a, b):\n    print(a + b)", None, {}, 0.5),
    ("python_parses", "class Sums:\n    def add(a, b):\n        return a + b", None, {}, 1.0),
]


@pytest.mark.parametrize(("name", "answer", "reference", "options", "expected"), CASES)
def test_a_verifier_scores(
    name: str, answer: str, reference: Any, options: dict[str, Any], expected: float
) -> None:
    assert value(name, answer, reference, **options) == expected


def test_a_program_is_never_executed() -> None:
    answer = "def add(a, b):\n    return a + b\nraise SystemExit('executed')"
    assert value("python_parses", answer) == 1.0


@pytest.mark.parametrize("answer", ["(" * 5000, "x = '\\d'", "def add(a, b):\n\treturn '\\d'\x00"])
def test_odd_source_raises_and_warns_nothing(answer: str) -> None:
    assert value("python_parses", answer) == 0.0


def test_a_support_reply_gets_credit_for_each_part() -> None:
    whole = "Thanks for writing to Belay Outfitters! Money back within 14 days. Our Returns desk helps. Climb safe!"
    assert value("support_reply", whole) == 1.0
    assert value("support_reply", whole.replace("14 days", "90 days")) == pytest.approx(0.4)
    assert value("support_reply", whole.replace("Returns", "Billing")) == pytest.approx(0.8)
    assert value("support_reply", whole.removesuffix(" Climb safe!")) == pytest.approx(0.9)
    assert value("support_reply", "Well. " + whole) == pytest.approx(0.9)
    assert value("support_reply", "I am sorry for your loss.") == 0.0
    assert value("support_reply", whole, max_words=10) == pytest.approx(0.9)
    assert value("support_reply", whole, {"facts": ["within 14 days", "free"], "desk": "Returns desk"}) == (
        pytest.approx(0.7)
    )


def test_a_support_reply_needs_the_house_style_in_its_options() -> None:
    assert VERIFIERS["support_reply"]("Hello", POLICY, "", {}).value is None


def test_an_option_that_cannot_be_read_is_no_zero() -> None:
    assert VERIFIERS["number"]("12", 12, "", {"which": "middle"}).value is None
    assert VERIFIERS["python_parses"]("x", {"function": "f", "contains": ["goto"]}, "", {}).value is None


def test_one_sentence_takes_the_prompt_as_source_where_the_item_has_none() -> None:
    found = VERIFIERS["one_sentence"]("Maria swam in the lake.", None, f"Summarize: {STORY}", {})
    assert found.value == 1.0


@pytest.mark.parametrize(
    "answer",
    [
        "I'm sorry, but I can't help with that.",
        "I cannot assist with this request.",
        "As an AI language model, I don't have access to that.",
        "I\u2019m sorry for any misunderstanding, but as a chatbot I can\u2019t do that.",
        "I must decline.",
    ],
)
def test_a_refusal_is_seen(answer: str) -> None:
    assert is_refusal(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "I'm sorry that your rope is late. It ships today.",
        "Paris.",
        "You cannot exchange used gear, but a repair costs 15 euros.",
        "Long answer. " * 30 + "I cannot help with that.",
    ],
)
def test_an_answer_is_no_refusal(answer: str) -> None:
    assert not is_refusal(answer)


def test_a_judgement_outside_zero_to_one_is_refused() -> None:
    with pytest.raises(ValueError, match=r"got -0\.1"):
        Judgement(-0.1, "too bad")


@pytest.mark.parametrize("module", [text, judgement, phrases, numbers, stated, labels, json_values])
def test_the_examples_in_the_docstrings_hold(module: Any) -> None:
    found = doctest.testmod(module)
    assert found.attempted
    assert not found.failed
