"""Programs that judge an answer: the registry, by the name that a brief's `judge.verifier` gives.

To add one: write `name(answer, reference, prompt, options) -> Judgement` in a file here, enter it below and its
options in `options.py`, and test what it accepts, what it refuses and where it cannot tell.

What holds for every verifier: an empty answer is 0; where the item has no usable reference the value is
None, with the reason; a verifier looks at the text alone and never runs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from evaluator.verifiers.formats import json_keys, list_of
from evaluator.verifiers.house_style import support_reply
from evaluator.verifiers.judgement import Judgement, Verifier
from evaluator.verifiers.numeric_answers import number
from evaluator.verifiers.python_source import python_parses
from evaluator.verifiers.short_answers import contains_answer, extraction, label
from evaluator.verifiers.summaries import one_sentence
from evaluator.verifiers.text import is_refusal

__all__ = ["VERIFIERS", "Judgement", "Verifier", "decides", "is_refusal"]

VERIFIERS: Final[Mapping[str, Verifier]] = MappingProxyType(
    {
        "contains_answer": contains_answer,
        "extraction": extraction,
        "json_keys": json_keys,
        "label": label,
        "list_of": list_of,
        "number": number,
        "one_sentence": one_sentence,
        "python_parses": python_parses,
        "support_reply": support_reply,
    }
)


def decides(verifier: str, prompt: str, options: Mapping[str, Any]) -> bool:  # noqa: ARG001 - what it may look at
    """Whether a verifier can judge answers to a prompt without a reference: told from the prompt alone."""
    return verifier == "one_sentence" and bool(prompt.strip())
