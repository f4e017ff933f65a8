"""Verifiers of answers that are right or wrong: a fact, a label, an extracted string."""

# ruff: noqa: ARG001 - every verifier takes the same four arguments, whichever it reads
from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from evaluator.verifiers.details import judge_detail, stands
from evaluator.verifiers.judgement import EMPTY, Judgement, passed, unscored
from evaluator.verifiers.labels import chosen
from evaluator.verifiers.phrases import folded
from evaluator.verifiers.prompt_checks import certain_detail, from_prompt

_OFFERED: Final = re.compile(r"\beither\b[^.\n]*\bor\b")


def contains_answer(answer: str, reference: Any, prompt: str, options: Mapping[str, Any]) -> Judgement:
    """1 where any reference (a string or a list of them) stands in the answer between word boundaries, not denied.

    Accents on Latin letters, hyphens and the way a number is written do not matter; scripts without spaces have no
    boundaries. "Either Paris or Lyon" is no answer, "not Paris" the wrong one. Option `max_words` (default none): an
    answer of more words is 0, since listing everything is no answer.
    """
    wanted = [reference] if isinstance(reference, str) else reference
    if not isinstance(wanted, list | tuple) or not all(isinstance(one, str) for one in wanted) or not wanted:
        return unscored("no reference: contains_answer needs a string or a list of strings", "no_reference")
    if not answer.strip():
        return EMPTY
    limit = options.get("max_words")
    if limit is not None and len(answer.split()) > int(limit):
        return Judgement(0.0, f"longer than {limit} words")
    if len(wanted) == 1 and _OFFERED.search(folded(answer)):
        return Judgement(0.0, "offers several answers")
    found = next((one for one in wanted if stands(answer, one)), None)
    return passed(
        found is not None, f"contains {found!r}" if found else f"contains none of {wanted}, undenied"
    )


def label(answer: str, reference: Any, prompt: str, options: Mapping[str, Any]) -> Judgement:
    """1 where the answer chooses exactly one of option `labels` and it is the reference (see `labels.chosen`).

    An answer with two labels, or with none, has not chosen and is 0.
    """
    labels = options.get("labels")
    if not isinstance(labels, list | tuple) or reference not in labels:
        return unscored(f"no reference: label needs one of {labels}, found {reference!r}", "no_reference")
    if not answer.strip():
        return EMPTY
    found = chosen(answer, [str(one) for one in labels])
    if len(found) != 1:
        return Judgement(0.0, f"chooses {len(found)} of the labels {list(labels)}, expected exactly one")
    return passed(found[0] == str(reference), f"says {found[0]!r}, expected {reference!r}")


def extraction(answer: str, reference: Any, prompt: str, options: Mapping[str, Any]) -> Judgement:
    """1 where the reference stands in the answer, letter for letter, case, accents and white space aside.

    Option `max_other_words` (default 0): how many words may stand around it ("The order number is 48213.").
    Quotes, a final full stop and a code fence never matter, nor how a number is written. It may not be denied, offered
    with another ("Thursday or Friday"), or be part of another name or number. A longer answer has repeated the text
    rather than extracted from it, and is 0.
    """
    most = int(options.get("max_other_words", 0))
    if not isinstance(reference, str) or not reference.strip():
        detail = certain_detail(prompt)
        if detail is None or not answer.strip():
            return from_prompt("extraction", answer, prompt)
        return replace(judge_detail(answer, detail, prompt, most), basis="prompt")
    if not answer.strip():
        return EMPTY
    return judge_detail(answer, reference, prompt, most)
