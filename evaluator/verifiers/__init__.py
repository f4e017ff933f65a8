"""Programs that judge an answer: the registry, by the name that a brief's `judge.verifier` gives.

To add one: write `name(answer, reference, prompt, options) -> Judgement` in a file here, enter it below and its
options in `options.py`, and test what it accepts, what it refuses and where it cannot tell.

What holds for every verifier: an empty answer is 0; where the item has no usable reference, what the prompt itself
asks is worked out (`prompt_checks`), and where that does not decide the value is None, with the reason, whatever the
answer; a verifier looks at the text alone and never runs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from evaluator.verifiers.formats import json_keys, list_of
from evaluator.verifiers.house_style import support_reply
from evaluator.verifiers.judgement import Judgement, Verifier
from evaluator.verifiers.numeric_answers import number
from evaluator.verifiers.prompt_checks import check_prompt, decides, readable
from evaluator.verifiers.python_source import python_parses
from evaluator.verifiers.short_answers import contains_answer, extraction, label
from evaluator.verifiers.summaries import one_sentence
from evaluator.verifiers.text import is_refusal

__all__ = ["VERIFIERS", "Judgement", "Verifier", "check_prompt", "decides", "is_refusal", "readable"]

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
