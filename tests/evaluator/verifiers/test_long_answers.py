"""An answer of one word over and over is judged: what a verifier does grows with the answer, not with its square."""

from __future__ import annotations

from typing import Any

import pytest

from evaluator.verifiers import VERIFIERS

LENGTH = 20_000
REFERENCES: dict[str, tuple[Any, dict[str, Any]]] = {
    "number": (17, {}),
    "label": ("yes", {"labels": ["yes", "no"]}),
    "extraction": ("48213", {}),
    "contains_answer": ("Oslo", {}),
}


@pytest.mark.parametrize("verifier", REFERENCES)
@pytest.mark.parametrize(
    "word", ["actually ", "check: ", "wait, ", "yes ", "no ", "48213 ", "not Oslo ", "10 "]
)
def test_a_word_over_and_over_is_judged(verifier: str, word: str) -> None:
    # One pass over all that stands before, for each word, took these from ten seconds to minutes.
    reference, options = REFERENCES[verifier]
    found = VERIFIERS[verifier](word * (LENGTH // len(word)), reference, "Which one is it?", options)
    assert found.value in {0.0, 1.0}
