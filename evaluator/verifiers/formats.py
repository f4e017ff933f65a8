"""Verifiers of form: a JSON object, a list of n entries."""

# ruff: noqa: ARG001 - every verifier takes the same four arguments, whichever it reads
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evaluator.verifiers.entries import STYLES, defect_of, entries_of
from evaluator.verifiers.json_values import compare_object
from evaluator.verifiers.judgement import EMPTY, Judgement, passed
from evaluator.verifiers.prompt_checks import from_prompt


def json_keys(answer: str, reference: Any, prompt: str, options: Mapping[str, Any]) -> Judgement:
    """1 where the answer holds one JSON object with exactly the reference's keys and values.

    The reference is an object; a value of None asks for the key alone. What is equal `json_values.same_value` says.
    Half credit where the keys are right and a value is not. Two objects that differ are no answer; one whose values are
    all placeholders is passed over.
    """
    if not isinstance(reference, Mapping) or not reference:
        return from_prompt("json_keys", answer, prompt)
    if not answer.strip():
        return EMPTY
    return compare_object(answer, reference)


def list_of(answer: str, reference: Any, prompt: str, options: Mapping[str, Any]) -> Judgement:
    """1 where the answer is a list of exactly n entries, each on its own line, none twice.

    The reference is `{"n": 4, "style": "numbered" | "bulleted"}`. One line of introduction that ends in a colon, or
    is a heading, is allowed, and indented lines go on with their entry; any other line beside the entries makes it 0,
    and so do numbers that do not count up from one and entries that were left to be filled in.
    """
    if not isinstance(reference, Mapping) or reference.get("style") not in STYLES or "n" not in reference:
        return from_prompt("list_of", answer, prompt)
    if not answer.strip():
        return EMPTY
    found = entries_of(answer, reference["style"])
    if (defect := defect_of(found, reference["style"])) is not None:
        return Judgement(0.0, defect)
    return passed(
        len(found.texts) == reference["n"], f"{len(found.texts)} entries, expected {reference['n']}"
    )
