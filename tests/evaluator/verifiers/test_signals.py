"""Each signal is seen where it is, and an ordinary short answer has none."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.verifiers import language, signals
from evaluator.verifiers.language import language_of, may_be_in, script_of
from evaluator.verifiers.signals import signals as read

ASKED = "What is the name of the person in this text?"


@pytest.mark.parametrize(
    "answer",
    [
        "positive", "48213", "The order number is 48213.", "1. dog\n2. cat\n3. a very small bird that sings at night",
        '{"name": "Anna", "age": 34}', "```python\ndef add(a, b):\n    return a + b\n```", "Yes", "7 + 5 = 12",
        "- red\n- green\n- blue", "She swam, and then it rained in the evening, so they drove home to Chicago.",
        "**Paris** is the capital, as everybody in the whole of France knows:\n\n*Paris*",
    ],
)  # fmt: skip
def test_an_ordinary_answer_has_no_signal(answer: str) -> None:
    found = read(ASKED, answer, "stop")
    seen = [found.empty, found.refusal, found.loops, found.truncated]
    assert not any([*seen, found.script_changed, found.language_changed])
    assert found.repetition < 0.2
    assert found.compression > 0.4


@pytest.mark.parametrize(
    "answer",
    [
        "no no no no no no", "It is Paris. " * 6, "the cat sat on the mat and then " * 4 + "the cat sat",
        "- red\n- green\n- red\n- green\n- red\n- green\n- red\n- green\n- red\n- green",
        "\u5317\u4eac" * 10,
    ],
)  # fmt: skip
def test_a_loop_is_seen_at_the_end(answer: str) -> None:
    assert read(ASKED, answer).loops


def test_repeated_lines_and_runs_are_counted_as_a_fraction() -> None:
    assert read(ASKED, "one two three four five six seven eight").repetition == 0
    assert read(ASKED, "It is a fact of life.\n" * 10).repetition >= 0.8
    assert read(ASKED, "a b").repetition == 0


def test_what_loops_compresses_and_prose_does_not() -> None:
    assert read(ASKED, "the cat sat on the mat. " * 40).compression < 0.2


@pytest.mark.parametrize(
    ("answer", "finish_reason", "cut"),
    [
        ("Paris", "length", True),
        ("The town of Ashby opened a new library on Monday and it", "stop", True),
        ("```python\ndef add(a, b):\n    return", None, True),
        ("It is open on Monday, Tuesday,", None, True),
        ("The rope was sold by the", None, True),
        ("The town of Ashby opened a new library on Monday.", "stop", False),
        ("the north face", None, False),
    ],
)
def test_an_answer_that_stops_in_the_middle_is_truncated(
    answer: str, finish_reason: str | None, cut: bool
) -> None:
    assert read(ASKED, answer, finish_reason).truncated is cut


def test_another_language_is_a_change_unless_the_prompt_names_one() -> None:
    french = "Le nom de la personne est dans le texte, et vous pouvez le lire."
    assert read(ASKED, french).language_changed
    assert not read("Answer in French: what is the name of the person?", french).language_changed
    assert not read(ASKED, "The name of the person is Anna, and it is in the text.").language_changed
    assert read(ASKED, "\u042d\u0442\u043e \u0410\u043d\u043d\u0430.").script_changed
    assert not read(
        "Translate to Russian: this is Anna", "\u042d\u0442\u043e \u0410\u043d\u043d\u0430."
    ).script_changed


def test_an_empty_answer_and_a_refusal_are_seen() -> None:
    assert read(ASKED, " \n").empty
    assert read(ASKED, "I'm sorry, but I can't help with that.").refusal


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_text_has_signals_within_their_range(prompt: str, answer: str) -> None:
    found = read(prompt, answer)
    assert found == read(prompt, answer)
    assert 0 <= found.repetition <= 1
    assert 0 < found.compression <= 1
    assert found.empty == (not answer.strip())


def test_a_language_is_told_by_its_words_or_its_script() -> None:
    assert language_of("Der Mann ist nicht mit dem Zug in die Stadt gefahren.") == "de"
    assert language_of("El libro est\u00e1 en la mesa y es para usted.") == "es"
    assert language_of("\u3053\u308c\u306f\u672c\u3067\u3059") == "ja"
    assert script_of("\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35") == "thai"


def test_a_text_may_be_in_its_own_language_and_not_in_another() -> None:
    german = "Der Mann ist nicht mit dem Zug in die Stadt gefahren, sondern zu Fu\u00df gegangen."
    assert may_be_in(german, "de")
    assert not may_be_in(german, "fr")
    assert not may_be_in(german, "hi")
    assert may_be_in("Oslo", "fr")


@pytest.mark.parametrize("module", [signals, language])
def test_the_examples_in_the_docstrings_hold(module: object) -> None:
    found = doctest.testmod(module)  # type: ignore[arg-type]
    assert found.attempted
    assert not found.failed
