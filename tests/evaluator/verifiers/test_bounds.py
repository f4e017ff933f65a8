"""What is certain of a score without a reference: no reference gives one outside of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.verifiers import VERIFIERS
from evaluator.verifiers.bounds import bounds

HOUSE = {"opening": "Thanks for writing", "closing": "Climb safe", "max_words": 8}
LABELS = {"labels": ["positive", "negative"]}
WORDS = (
    "positive", "negative", "not", "or", "it is", "7", "twelve", "14 days", "the returns desk", "Oslo", ".", "\n",
    "Thanks for writing", "Climb safe.", "thanks",
)  # fmt: skip
REFERENCES: dict[str, tuple[dict[str, Any], st.SearchStrategy[Any]]] = {
    "label": (LABELS, st.sampled_from(LABELS["labels"])),
    "contains_answer": ({"max_words": 6}, st.sampled_from(["Oslo", ["twelve", "7"], "it is"])),
    "number": ({}, st.sampled_from([7, 12, 14, 3.5])),
    "support_reply": (
        HOUSE,
        st.fixed_dictionaries(
            {"facts": st.sampled_from([["14 days"], ["7", "Oslo"]]), "desk": st.just("the returns desk")}
        ),
    ),
    "extraction": ({"max_other_words": 3}, st.sampled_from(["Oslo", "7"])),
}


@pytest.mark.parametrize("verifier", REFERENCES)
@given(data=st.data(), said=st.lists(st.sampled_from(WORDS), max_size=12))
def test_no_reference_gives_a_score_outside_the_bounds(
    verifier: str, data: st.DataObject, said: list[str]
) -> None:
    options, references = REFERENCES[verifier]
    answer = " ".join(said)
    found = bounds(verifier, options, "Which is it?", answer)
    score = VERIFIERS[verifier](answer, data.draw(references), "Which is it?", options).value
    assert score is not None
    assert found.low - 1e-9 <= score <= found.high + 1e-9
    assert 0.0 <= found.low <= found.high <= 1.0


@pytest.mark.parametrize(
    ("verifier", "options", "answer", "expected"),
    [
        ("label", LABELS, "I'd say it's a mix of both.", (0.0, 0.0)),
        ("label", LABELS, "Positive.", (0.0, 1.0)),
        ("number", {}, "I cannot count that.", (0.0, 0.0)),
        ("contains_answer", {"max_words": 2}, "one two three", (0.0, 0.0)),
        ("support_reply", HOUSE, "Thanks for writing! No. Climb safe.", (0.2, 1.0)),
        ("support_reply", HOUSE, "Sorry, I do not know.", (0.0, 0.8)),
        ("extraction", {}, "Oslo", (0.0, 1.0)),
        (None, {}, "Oslo", (0.0, 1.0)),
        (None, {}, " \n", (0.0, 0.0)),
    ],
)
def test_what_is_certain(
    verifier: str | None, options: dict[str, Any], answer: str, expected: tuple[float, float]
) -> None:
    assert bounds(verifier, options, "Which is it?", answer) == pytest.approx(expected)
