"""What a prompt asks for itself is proposed as a check by an existing verifier; all else waits for people."""

from __future__ import annotations

from typing import Any

import pytest

from evaluator.map.discovering.checks import DEFAULT, Check, check_of, common_check
from evaluator.verifiers import VERIFIERS
from evaluator.verifiers.options import check_options


@pytest.mark.parametrize(
    ("prompt", "answer", "verifier", "reference", "proposed"),
    [
        (
            'A JSON object with the keys "name" and "age": Tom',
            "",
            "json_keys",
            {"name": None, "age": None},
            None,
        ),
        ("Return JSON for: Tom, 3", '```json\n{"n": "Tom"}\n```', "json_keys", None, {"n": "Tom"}),
        ("Is it so? Answer yes or no.", "Yes, it is.", "label", None, "yes"),
        ("Claim: x\nOptions:\n- yes\n- no", "no", "label", None, "no"),
        ("True or false: the sky is blue", "Perhaps true or false", "label", None, None),
        ("Write a numbered list of three rooms.", "", "list_of", {"n": 3, "style": "numbered"}, None),
        ("List 5 rivers as bullet points", "", "list_of", {"n": 5, "style": "bulleted"}, None),
        ("Summarise this in one sentence: x", "y", "one_sentence", None, None),
        ("Write a Python function named half that halves", "", "python_parses", {"function": "half"}, None),
        ("def add(a, b):\n    ...", "", "python_parses", {"function": "add"}, None),
        ("How many are left?", "So 1,203 are left.", "number", None, 1203),
        ("What is 12 + 30?", "42", "number", None, 42),
    ],
)
def test_a_check_is_proposed(prompt: str, answer: str, verifier: str, reference: Any, proposed: Any) -> None:
    found = check_of(prompt, answer)
    assert found is not None
    assert (found.verifier, found.reference, found.proposed) == (verifier, reference, proposed)
    assert check_options(found.verifier, found.options) == []
    if reference is not None or proposed is not None:
        judged = VERIFIERS[verifier]("x", reference or proposed, prompt, found.options)
        assert judged.value is not None


@pytest.mark.parametrize(
    "prompt", ["Hello", "What is the capital of Peru?", "Name three cities", "\u3053\u3093\u306b\u3061\u306f"]
)
def test_nothing_is_proposed_where_nothing_is_asked_for(prompt: str) -> None:
    assert check_of(prompt, "x") is None


def test_a_capability_has_the_check_of_half_of_its_prompts() -> None:
    number = Check("number", {})
    assert common_check([number, number, None, Check("one_sentence", {})]).verifier == "number"
    assert common_check([number, None, None]) == DEFAULT
    assert common_check([]) == DEFAULT
