"""Which prompts decide: what is worked out is right, nothing else is read, and no answer has a say in it."""

from __future__ import annotations

import doctest
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.verifiers import VERIFIERS, check_prompt, decides, readable
from evaluator.verifiers.prompt_checks import (
    arithmetic,
    code,
    counts,
    details,
    json_objects,
    label_sets,
    languages,
    lengths,
    lists,
    material,
)

VERIFIER_OF = {
    "addition": "number",
    "extraction": "extraction",
    "json_output": "json_keys",
    "list_format": "list_of",
    "small_code": "python_parses",
    "one_sentence_summary": "one_sentence",
}
OPTIONS: dict[str, dict[str, Any]] = {
    "extraction": {"max_other_words": 14},
    "label": {"labels": ["positive", "negative"]},
    "support_reply": {"opening": "Dear", "closing": "Yours"},
}
LINES = Path(__file__).with_name("paraphrases.jsonl").read_text("utf-8").splitlines()
PARAPHRASES: list[dict[str, Any]] = [json.loads(line) for line in LINES]
PHRASES = (
    "What is {} + {}?",
    "hey, {} plus {} =",
    "Sum of {} and {}?",
    "Add {} and {}, please.",
    "how much is {} + {}",
)


@pytest.mark.parametrize("case", PARAPHRASES, ids=[f"{i:02}" for i in range(len(PARAPHRASES))])
def test_a_paraphrase_is_decided_rightly_or_not_at_all(case: dict[str, Any]) -> None:
    prompt, verifier = case["prompt"], VERIFIER_OF.get(case["capability"])
    if case["capability"] == "none":
        assert not [name for name in VERIFIERS if name != "one_sentence" and decides(name, prompt, {})]
    elif verifier is not None:
        options = OPTIONS.get(verifier, {})
        assert decides(verifier, prompt, options) or not case["decides"]
        if decides(verifier, prompt, options):
            good = VERIFIERS[verifier](case["good"], None, prompt, options)
            bad = VERIFIERS[verifier](case["bad"], None, prompt, options)
            assert (good.value, good.basis) == (1.0, "prompt"), good
            assert bad.value is not None
            assert bad.value <= 0.5, bad


@given(st.sampled_from(PHRASES), st.integers(0, 9999), st.integers(0, 9999))
def test_a_sum_is_worked_out_however_it_is_asked(phrase: str, one: int, other: int) -> None:
    prompt = phrase.format(one, other)
    assert VERIFIERS["number"](f"It is {one + other}.", None, prompt, {}).value == 1.0
    assert VERIFIERS["number"](f"It is {one + other + 1}.", None, prompt, {}).value == 0.0


@pytest.mark.parametrize(
    ("prompt", "value"),
    [
        ("What is (4 + 6) * 3?", 30), ("Work out 144 / 12.", 12), ("Subtract 8 from 21", 13), ("12 percent of 50", 6),
        ("What is 2 to the power of 5?", 32), ("What is twenty-one minus four?", 17), ("What is 1,200 + 34?", 1234),
        ("Calculate 0.1 + 0.2", 0.3), ("What is 10 / 4?", 2.5), ("Multiply 7 by 8.", 56), ("3 squared", 9),
    ],
)  # fmt: skip
def test_an_expression_has_its_value(prompt: str, value: float) -> None:
    found = [one.get("value") for one in arithmetic.read_arithmetic(prompt)]
    assert found == [pytest.approx(value)]


@pytest.mark.parametrize(
    "prompt",
    [
        "Anna has 5 apples and buys 4 more. How many does she have?", "What is 9/11?", "What is 7 / 0?",
        "Translate \"one plus one\" into French.", "Is 7 + 5 a prime number, and what does that mean?",
        "What is 2 to the power of 999999?", "Write a poem about 3 + 4.", "What is C++ 11?",
    ],
)  # fmt: skip
def test_what_is_no_plain_sum_is_not_worked_out(prompt: str) -> None:
    assert not decides("number", prompt, {})


@pytest.mark.parametrize("verifier", sorted(VERIFIERS))
@pytest.mark.parametrize("prompt", [case["prompt"] for case in PARAPHRASES[::6]])
@given(
    answer=st.one_of(
        st.text(max_size=60), st.sampled_from(["", "yes", "16", '{"name": "Anna"}', "1. a\n2. b"])
    )
)
def test_whether_there_is_a_score_follows_from_the_prompt_alone(
    verifier: str, prompt: str, answer: str
) -> None:
    options = OPTIONS.get(verifier, {})
    said = VERIFIERS[verifier](answer, None, prompt, options)
    assert (said.value is not None) == decides(verifier, prompt, options)
    assert said.value is None or said.basis == "prompt"


def test_a_value_that_the_material_leaves_open_has_to_stand_in_it() -> None:
    prompt = 'JSON with the keys "guest", "room" and "dish": Kwame stays in room 202 and had the soup.'
    answer = {"guest": "Kwame", "room": 202, "dish": "soup"}
    assert VERIFIERS["json_keys"](json.dumps(answer), None, prompt, {}).value == 1.0
    assert VERIFIERS["json_keys"](json.dumps({**answer, "dish": "steak"}), None, prompt, {}).value == 0.5
    assert VERIFIERS["json_keys"](json.dumps({**answer, "room": 203}), None, prompt, {}).value == 0.5


def test_a_detail_decides_only_where_the_material_has_one_of_its_kind() -> None:
    one = '"We meet on Friday in Rome." On which day do we meet?'
    two = '"We meet on Friday, not on Monday." On which day do we meet?'
    assert decides("extraction", one, {})
    assert not decides("extraction", two, {})
    assert not decides("extraction", "Tom has 5 pencils and buys 6. How many pencils does Tom have now?", {})


@pytest.mark.parametrize(
    ("prompt", "detail"),
    [
        ("Note: Yara booked room 211 and came at 16:35.\nQuestion: Who booked the room?", "Yara"),
        ("Who opened it? Here is the note: Ticket 2409 was opened by Kwame on 9 August.", "Kwame"),
        ("Note: Violet can be reached after 14:05.\nQuestion: After what time?", "14:05"),
        ("From this mail: which room? >> Noor has moved to room 170 on 16 March.", "170"),
    ],
)
def test_the_detail_is_the_one_that_is_asked_for(prompt: str, detail: str) -> None:
    assert details.certain_detail(prompt) == detail
    assert VERIFIERS["extraction"](detail.replace("05", "35") + "!", None, prompt, {}).value == float(
        "05" not in detail
    )


def test_what_is_only_necessary_is_nought_or_no_score() -> None:
    prompt = "Answer with positive, negative or neutral: I like it."
    assert check_prompt(prompt, "both positive and negative").value == 0.0
    good = check_prompt(prompt, "positive")
    assert (good.value, good.code, good.basis) == (None, "form_only", "form")
    assert check_prompt("Why is the sky blue?", "Rayleigh.").code == "prompt_not_checkable"


def test_a_prompt_that_decides_is_also_held_to_the_rest_of_what_it_asks() -> None:
    prompt = "What is 3 + 4? Answer in at most 3 words."
    assert not decides("number", "Why is 3 + 4 less than 9? Explain.", {})
    assert {one.kind for one in readable(prompt)} >= {"words"}


@pytest.mark.parametrize(
    "module",
    [arithmetic, code, counts, details, json_objects, label_sets, languages, lengths, lists, material],
)
def test_the_examples_in_the_docstrings_hold(module: Any) -> None:
    found = doctest.testmod(module)
    assert found.attempted
    assert not found.failed
